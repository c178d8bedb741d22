"""Finished steps are undone when their run fails or is cancelled: the last first, each a durable step of its own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import RunCancelled, RunFailed, Workflow, task
from penstock.errors import CommandRefused, DefinitionError
from penstock.functions import blocking, gather, step, wait_for_signal, workflow
from penstock.model import events as e

told: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    told.clear()


def release(seat: str, person: str) -> None:
    told.append(f"release {seat} of {person}")


@task(undo=release)
def reserve(person: str, row: int = 1) -> str:
    told.append(f"reserve for {person}")
    return f"{row}A"


@task(retries=2)
def refund(payment: int) -> None:
    told.append(f"refund {payment}")


@task(undo=refund)
def pay(reserve: str) -> int:
    told.append(f"pay for {reserve}")
    return 30


@task
def ship(pay: int) -> str:
    raise ValueError("no van")


def booking() -> Workflow:
    flow = Workflow("booking")
    flow.add_task(reserve)
    flow.add_task(pay, depends_on=["reserve"])
    flow.add_task(ship, depends_on=["pay"])
    return flow


def test_a_failed_run_undoes_what_had_finished_the_last_first() -> None:
    with pytest.raises(RunFailed, match="no van"):
        booking().run(person="ada")
    assert told == ["reserve for ada", "pay for 1A", "refund 30", "release 1A of ada"]


def test_undos_are_steps_of_the_log(durable: penstock.Engine) -> None:
    run = booking().using(store=durable).start(person="ada")
    assert run.wait(60) == "failed"
    done = [event.step for _, _, event in run.events() if isinstance(event, e.StepDone)]
    assert done == ["reserve", "pay", "undo:pay", "undo:reserve"]
    last = run.events()[-1][2]
    assert isinstance(last, e.RunFailed)
    assert last.undone
    assert run.steps["undo:pay"].status == "completed"


def test_a_run_that_completes_undoes_nothing() -> None:
    flow = Workflow("fine")
    flow.add_task(reserve)
    flow.add_task(pay, depends_on=["reserve"])
    assert flow.run(person="ada") == 30
    assert told == ["reserve for ada", "pay for 1A"]


def test_a_cancelled_run_is_undone_and_ends_cancelled() -> None:
    inside, go = threading.Event(), threading.Event()

    def wait(reserve: str) -> None:
        inside.set()
        go.wait(60)

    flow = Workflow("waiting")
    flow.add_task(reserve)
    flow.add_task(wait, depends_on=["reserve"], executor="threads")
    run = flow.start(person="ada")
    assert inside.wait(60)
    run.cancel("no more")
    go.set()
    with pytest.raises(RunCancelled, match="no more"):
        run.result(60)
    assert told == ["reserve for ada", "release 1A of ada"]


@workflow
async def waits(person: str, reached: Any) -> None:
    await reserve(person)
    await step(reached.set)()
    await wait_for_signal("go")


def waiting(person: str) -> Any:
    """A run that has reserved a seat and waits."""
    reached = threading.Event()
    run = waits.start(person, reached)
    assert reached.wait(60)
    return run


def test_a_paused_run_that_is_cancelled_is_undone_without_being_resumed() -> None:
    run = waiting("ada")
    run.pause()
    run.cancel()
    assert run.wait(60) == "cancelled"
    assert told[-1] == "release 1A of ada"


def test_an_undo_that_fails_is_told_of_and_the_others_still_run() -> None:
    def stuck(payment: int) -> None:
        raise OSError("the bank is closed")

    flow = Workflow("stuck")
    flow.add_task(reserve)
    flow.add_task(pay, depends_on=["reserve"], undo=stuck)
    flow.add_task(ship, depends_on=["pay"])
    run = flow.start(person="ada")
    assert run.wait(60) == "failed"
    assert "no van; not undone: pay (OSError: the bank is closed)" in str(run.error)
    assert run.error is not None
    assert run.error.step == "ship"
    assert told[-1] == "release 1A of ada"


def test_a_cancelled_run_says_what_could_not_be_undone() -> None:
    def stuck(seat: str) -> None:
        raise OSError("closed")

    reached = threading.Event()

    @workflow
    async def waits() -> None:
        await step(reserve, undo=stuck)("ada")
        await step(reached.set)()
        await wait_for_signal("go")

    run = waits.start()
    assert reached.wait(60)
    run.cancel("enough")
    with pytest.raises(RunCancelled, match=r"enough; not undone: reserve \(OSError: closed\)"):
        run.result(60)


def test_an_undo_has_the_retries_of_its_task() -> None:
    tries: list[int] = []

    @task(retries=3)
    def again(payment: int) -> None:
        tries.append(payment)
        if len(tries) < 3:
            raise OSError("busy")

    flow = Workflow("again")
    flow.add_task(reserve)
    flow.add_task(pay, depends_on=["reserve"], undo=again)
    flow.add_task(ship, depends_on=["pay"])
    run = flow.start(person="ada")
    assert run.wait(60) == "failed"
    assert tries == [30, 30, 30]
    assert "not undone" not in str(run.error)


def test_the_hook_runs_when_all_is_undone_and_is_told_what_was_not() -> None:
    def stuck(payment: int) -> None:
        raise OSError("closed")

    heard: list[str] = []
    flow = Workflow("hooked", on_failure=lambda failure: heard.append(f"{failure} after {told[-1]}"))
    flow.add_task(reserve)
    flow.add_task(pay, depends_on=["reserve"], undo=stuck)
    flow.add_task(ship, depends_on=["pay"])
    assert flow.start(person="ada").wait(60) == "failed"
    assert heard == ["ValueError: no van; not undone: pay (OSError: closed) after release 1A of ada"]


def test_what_runs_beside_a_failure_ends_first_and_is_undone_first() -> None:
    go = threading.Event()

    def slow() -> str:
        go.wait(60)
        return "slow"

    def fails() -> None:
        go.set()
        raise ValueError("no")

    flow = Workflow("beside")
    flow.add_task(reserve)
    flow.add_task(slow, depends_on=["reserve"], executor="threads", undo=lambda it: told.append(f"undo {it}"))
    flow.add_task(fails, depends_on=["reserve"], executor="threads")
    assert flow.start(person="ada").wait(60) == "failed"
    assert told == ["reserve for ada", "undo slow", "release 1A of ada"]


def test_each_item_of_a_map_is_undone_by_itself() -> None:
    flow = Workflow("rows")
    flow.add_task(reserve.map(row=[1, 2, 3], window=1))
    flow.add_task(ship, depends_on=["reserve"], values={"pay": 1})
    run = flow.start(person="ada")
    assert run.wait(60) == "failed"
    assert told[3:] == ["release 3A of ada", "release 2A of ada", "release 1A of ada"]
    assert run.steps["undo:reserve[1]"].status == "completed"


def test_steps_of_workflows_inside_are_undone_in_one_order_with_all_others() -> None:
    inner = Workflow("inner")
    inner.add_task(reserve)
    outer = Workflow("outer")
    outer.add_task(reserve, name="first")
    outer.add_workflow(inner, depends_on=["first"])
    outer.add_task(pay, depends_on=["inner"], values={"reserve": "both"})
    outer.add_task(ship, depends_on=["pay"])
    run = outer.start(person="ada")
    assert run.wait(60) == "failed"
    undone = [event.step for _, _, event in run.events() if isinstance(event, e.StepDone)][-3:]
    assert undone == ["undo:pay", "undo:inner/reserve", "undo:first"]


def test_a_failed_run_that_was_undone_cannot_be_resumed(durable: penstock.Engine) -> None:
    flow = booking()
    run = flow.using(store=durable).start(person="ada")
    assert run.wait(60) == "failed"
    with pytest.raises(CommandRefused, match="was undone: start a new run"):
        durable.resume(run.id, flow)


def test_a_failed_run_that_had_nothing_to_undo_can_be_resumed(durable: penstock.Engine) -> None:
    down = [True]

    @task(undo=release)
    def tries(person: str) -> str:
        if down:
            raise OSError("down")
        return "1A"

    flow = Workflow("tries")
    flow.add_task(tries)
    run = flow.using(store=durable).start(person="ada")
    assert run.wait(60) == "failed"
    down.clear()
    assert durable.resume(run.id, flow, wait=True).result() == "1A"


def test_a_run_out_of_time_is_undone_in_its_own_time() -> None:
    flow = Workflow("late", timeout=0.6)
    flow.add_task(reserve)
    flow.add_task(
        lambda reserve: threading.Event().wait(5), name="long", depends_on=["reserve"], executor="threads"
    )
    run = flow.start(person="ada")
    assert run.wait(60) == "failed"
    assert run.error is not None
    assert run.error.cause == "timeout"
    assert told == ["reserve for ada", "release 1A of ada"]


# ── durable functions ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_function_names_the_undo_of_a_step() -> None:
    def seat(person: str, row: int) -> str:
        return f"{row}B"

    @workflow
    async def trip(person: str) -> None:
        await step(seat, undo=release)(person, row=7)
        await pay("x")
        await step(ship.fn)(1)

    run = trip.start("bob")
    assert run.wait(60) == "failed"
    assert told == ["pay for x", "refund 30", "release 7B of bob"]


def test_a_failure_that_a_function_catches_undoes_nothing() -> None:
    @workflow
    async def trip() -> str:
        await reserve("ada")
        try:
            await ship(1)
        except ValueError:
            return "by train"
        return "by van"

    assert trip.run() == "by train"
    assert told == ["reserve for ada"]


def test_steps_gathered_and_mapped_by_a_function_are_undone() -> None:
    @workflow
    async def trip() -> None:
        await gather(reserve("ada"), reserve("bob"))
        await step(reserve).map(person=["cy"])
        raise ValueError("no")

    assert trip.start().wait(60) == "failed"
    assert told[3:] == ["release 1A of cy", "release 1A of bob", "release 1A of ada"]


def test_a_function_that_is_not_async_names_undos_too() -> None:
    @workflow
    def trip() -> None:
        blocking.step(reserve, undo=lambda seat: told.append(f"undo {seat}"))("ada")
        raise ValueError("no")

    assert trip.start().wait(60) == "failed"
    assert told[-1] == "undo 1A"


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_undo_that_asks_for_what_the_step_has_not_is_refused() -> None:
    def wrong(seat: str, colour: str) -> None: ...

    flow = Workflow("wrong")
    flow.add_task(reserve, undo=wrong)
    with pytest.raises(DefinitionError, match=r"'reserve': its undo has a parameter 'colour'.*person, row"):
        flow.check()


def test_an_undo_that_is_no_function_is_refused_where_it_is_said() -> None:
    with pytest.raises(DefinitionError, match="undo='release' must be a function or a task"):
        task(undo="release")(lambda: None)  # type: ignore[arg-type]


def test_a_task_may_not_be_named_like_an_undo() -> None:
    with pytest.raises(DefinitionError, match="undoes another step"):
        Workflow("w").add_task(reserve, name="undo:reserve")


def test_undo_takes_what_it_names() -> None:
    @workflow
    async def trip() -> None:
        await step(reserve, undo=lambda: told.append("no seat asked for"))("ada")
        await step(reserve, undo=lambda seat, **all: told.append(f"{seat} {sorted(all.items())}"))("bob")
        raise ValueError("no")

    assert trip.start().wait(60) == "failed"
    assert told[2:] == ["1A [('person', 'bob')]", "no seat asked for"]


def test_a_run_that_nobody_drives_is_undone_by_whoever_resumes_it(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store) as engine:
        reached = threading.Event()

        @workflow
        async def trip() -> None:
            await step(reserve, undo=release)("ada")
            await step(reached.set)()
            await wait_for_signal("go")

        run = trip.using(store=engine).start()
        assert reached.wait(60)
    with penstock.open(store) as engine:
        left = engine.get(run.id)
        left.cancel("no more")
        assert left.status == "running"
        with pytest.raises(RunCancelled, match="no more"):
            engine.resume(run.id, trip, wait=True).result()
    assert told == ["reserve for ada", "release 1A of ada"]


def test_an_undo_is_done_each_time_though_its_task_has_a_cache(durable: penstock.Engine) -> None:
    @task(cache=True)
    def give_back(seat: str) -> None:
        told.append(f"give back {seat}")

    flow = Workflow("cached")
    flow.add_task(reserve, undo=give_back)
    flow.add_task(ship, depends_on=["reserve"], values={"pay": 1})
    for _ in range(2):
        assert flow.using(store=durable).start(person="ada").wait(60) == "failed"
    assert told.count("give back 1A") == 2
