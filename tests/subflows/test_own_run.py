"""A workflow as a step that is a run of its own: found again after a crash, its end passed up, commands passed down."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import RunCancelled, RunFailed, Workflow
from penstock.app import Engine
from penstock.app.worker import Worker
from penstock.errors import DefinitionError, InputError, RunNotFound
from penstock.functions import blocking, gather, step, workflow
from penstock.model import events as e
from tests.subflows import family


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        yield engine


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def child_of(run: Any) -> Any:
    """The run that a run notes as its child."""
    try:
        log = run.events()
    except RunNotFound:  # it is still to be written
        return None
    noted = [event for _, _, event in log if isinstance(event, e.Noted) and event.topic == "child"]
    return run._engine.get(noted[-1].data["run"]) if noted else None


def started(run: Any) -> e.RunStarted:
    first: e.RunStarted = run.events()[0][2]
    return first


def test_its_result_is_the_steps_value() -> None:
    assert family.flow.run(text=" abc ") == "3 letters"


def test_it_is_a_run_whose_parent_this_one_is(durable: Engine) -> None:
    run = family.flow.using(store=durable).start(text=" abc ")
    assert run.result(60) == "3 letters"
    child = child_of(run)
    assert child.id != run.id
    assert started(child).parent == run.id
    assert child.result() == 3
    assert set(run.steps) == {"counting", "report"}
    assert set(child.steps) == {"clean", "count"}


def test_it_runs_on_this_thread_and_on_an_event_loop(durable: Engine) -> None:
    assert family.flow.using(store=durable).run(text="ab") == "2 letters"
    assert asyncio.run(family.flow.using(store=durable).run_async(text="abcd")) == "4 letters"


def test_its_failure_is_the_steps(durable: Engine) -> None:
    run = family.flow.using(store=durable).start(text="bad")
    assert run.wait(60) == "failed"
    assert run.error is not None
    assert run.error.step == "counting"
    assert "cannot count 'bad'" in str(run.error)
    assert child_of(run).id in str(run.error)


def test_a_function_catches_the_failure_by_its_class() -> None:
    @workflow
    async def careful() -> str:
        try:
            await step(family.flow, own_run=True)(text="bad")
        except ValueError as error:
            return str(error)
        return ""

    assert "cannot count 'bad'" in careful.run()


def test_several_go_on_side_by_side() -> None:
    @workflow
    async def both() -> list[int]:
        child = step(family.counting(), own_run=True)
        return await gather(child(text="a"), child(text="bcd"))

    assert both.run() == [1, 3]


def test_a_function_that_is_not_async_waits_for_it() -> None:
    @workflow
    def waits() -> int:
        value: int = blocking.step(family.counting(), own_run=True)(text="abc")
        return value

    assert waits.run() == 3


def test_a_cancel_passes_down_and_the_parent_ends_last(durable: Engine) -> None:
    run = family.delegates.using(store=durable).start()
    child = until(lambda: child_of(run))
    run.cancel("enough")
    with pytest.raises(RunCancelled, match="enough"):
        run.result(60)
    assert child.status == "cancelled"
    assert child.events()[-1][1] <= run.events()[-1][1]


def test_a_child_that_is_cancelled_fails_its_step(durable: Engine) -> None:
    run = family.delegates.using(store=durable).start()
    child = until(lambda: child_of(run))
    child.cancel("not now")
    with pytest.raises(RunFailed, match="was cancelled: not now"):
        run.result(60)


@pytest.mark.parametrize("kept", [True, False])
def test_a_pause_passes_down_and_so_does_its_end(kept: bool, tmp_path: Path) -> None:
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}" if kept else "ephemeral") as engine:
        run = family.delegates.using(store=engine).start()
        child = until(lambda: child_of(run))
        run.pause()
        until(lambda: child.status == "paused")
        child.signal("answer", "yes")
        run.resume()
        assert run.result(60) == "heard: bob said yes"


def test_a_child_that_was_paused_for_itself_stays_so(durable: Engine) -> None:
    run = family.delegates.using(store=durable).start()
    child = until(lambda: child_of(run))
    child.pause("by hand")
    until(lambda: child.status == "paused")
    run.pause()
    run.resume()
    durable.follow_kin()
    assert child.status == "paused"
    child.resume()
    child.signal("answer", "yes")
    assert run.result(60) == "heard: bob said yes"


def test_a_failure_elsewhere_cancels_it() -> None:
    def fails() -> None:
        raise ValueError("no")

    flow = Workflow("torn")
    flow.add_workflow(family.asks, own_run=True)
    flow.add_task(fails)
    run = flow.start()
    with pytest.raises(RunFailed, match="no"):
        run.result(60)
    assert run.steps["asks"].status == "cancelled"


def test_resuming_a_failed_parent_reopens_its_child(durable: Engine) -> None:
    down, ran = [True], []

    def opens() -> str:
        ran.append("opens")
        return "open"

    def tries(opens: str) -> str:
        if down:
            raise OSError("down")
        return opens + " again"

    inner = Workflow("inner")
    inner.add_task(opens)
    inner.add_task(tries, depends_on=["opens"])
    outer = Workflow("outer")
    outer.add_workflow(inner, own_run=True)
    run = outer.using(store=durable).start()
    assert run.wait(60) == "failed"
    child = child_of(run)
    down.clear()
    assert durable.resume(run.id, outer, wait=True).result() == "open again"
    assert ran == ["opens"]
    assert child_of(durable.get(run.id)).id == child.id


def test_an_undone_child_is_followed_by_another(durable: Engine) -> None:
    down, ran = [True], []

    def tries() -> str:
        if down:
            raise OSError("down")
        return "fine"

    inner = Workflow("inner")
    inner.add_task(lambda: ran.append("do"), name="do", undo=lambda it: ran.append("undo"))
    inner.add_task(tries, depends_on=["do"])
    outer = Workflow("outer")
    outer.add_workflow(inner, own_run=True)
    run = outer.using(store=durable).start()
    assert run.wait(60) == "failed"
    first = child_of(run)
    down.clear()
    assert durable.resume(run.id, outer, wait=True).result() == "fine"
    second = child_of(durable.get(run.id))
    assert first.id != second.id
    assert ran == ["do", "undo", "do"]


def test_a_finished_child_can_be_undone_as_any_step() -> None:
    told: list[Any] = []

    @workflow
    async def trip() -> None:
        await step(family.counting(), own_run=True, undo=lambda value, text: told.append((value, text)))(
            text="abc"
        )
        raise ValueError("no")

    assert trip.start().wait(60) == "failed"
    assert told == [(3, "abc")]


def test_a_worker_drives_a_child_that_is_queued(durable: Engine, tmp_path: Path) -> None:
    run = family.reporting("counts").using(store=durable).start(text="abcde")
    child = until(lambda: child_of(run))
    assert child.status == "pending"
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}") as other:
        worker = Worker(other, [family.counting()], queues=["counts"])
        thread = threading.Thread(target=worker.serve, kwargs={"until_idle": True})
        thread.start()
        assert run.result(20) == "5 letters"
        thread.join(60)
    assert worker.ended == 1


@pytest.mark.parametrize("die", ["clean", "count", "report"])
def test_a_crash_at_any_place_never_starts_two(
    die: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, effects = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "effects"
    script = [sys.executable, "-m", "tests.subflows.family", store, str(effects), die]
    assert subprocess.run(script, check=False).returncode == -signal.SIGKILL
    monkeypatch.setattr(family, "effects", effects)
    with penstock.open(store) as engine:
        parent = next(run for run in engine.list() if run.workflow == "reporting")
        assert engine.resume(parent.id, family.flow, wait=True).result() == "3 letters"
        assert sorted(run.workflow for run in engine.list()) == ["counting", "reporting"]
    lines = effects.read_text().splitlines()
    assert {line: lines.count(line) for line in lines} == {"clean": 1, "count": 1, "report": 1, die: 2}


def test_the_child_of_a_parent_that_is_over_is_cancelled_by_who_drives_it(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store) as engine:
        run = family.delegates.using(store=engine).start()
        child = until(lambda: child_of(run))
        until(lambda: child.status == "running")
    with penstock.open(store) as engine:
        engine.get(run.id).cancel()
        assert engine.get(run.id).status == "cancelled"
        assert engine.resume(child.id, family.asks).wait(60) == "cancelled"


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(DefinitionError, match="own_run=True as well"):
        Workflow("w").add_workflow(family.counting(), queue="q")
    with pytest.raises(DefinitionError, match="only a workflow can be a run of its own"):
        step(len, own_run=True)  # type: ignore[call-overload]

    @workflow
    async def wrong() -> None:
        await step(family.counting(), own_run=True)(words="x")

    with pytest.raises((InputError, RunFailed), match="no input 'words'"):
        wrong.run()
