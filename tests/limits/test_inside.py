"""Workflows inside runs that are under limits themselves: each holds a slot from its first step to its end, as a run does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.app import Engine
from penstock.app.inquiring import why
from penstock.app.ledgers import lease_id
from penstock.errors import DefinitionError, LeaseLost, RunFailed
from penstock.functions import gather, step, workflow
from penstock.model import events as e
from penstock.model.changes import Change, Put
from penstock.model.limits import Limit
from tests.faults.lives import wait_until
from tests.limits.gauge import Gauge


@pytest.fixture
def engine() -> Iterator[Engine]:
    with penstock.open("ephemeral") as engine:
        yield engine


class Span(Gauge):
    """Of what lasts from one step to another."""

    def come(self, who: Any) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(who)

    def leave(self) -> None:
        with self._lock:
            self.inside -= 1


class Inside:
    """A workflow of two tasks under a limit; `gauge` counts how many plays of it are between the first and the last."""

    def __init__(self, limit: Limit, **how: Any) -> None:
        self.gauge = Span()
        self.flow = Workflow("inside", limit=limit, **how)

        @self.flow.task(executor="threads:8")
        def enter(n: int) -> int:
            self.gauge.come(n)
            return n

        @self.flow.task(depends_on=["enter"], executor="threads:8")
        def go(enter: int) -> int:
            time.sleep(0.003)
            self.gauge.leave()
            return enter


def around(*flows: Workflow, limit: Any = None) -> Workflow:
    """Each as a step, side by side."""
    flow = Workflow("around", limit=limit)
    for number, each in enumerate(flows):
        flow.add_workflow(each, name=f"part{number}")
    return flow


def started(run: penstock.Run[Any]) -> list[str]:
    return [event.step for _, _, event in run.events() if isinstance(event, e.StepStarted)]


def test_no_more_of_them_are_under_way_than_their_limit_says_in_one_run(engine: Engine) -> None:
    inside = Inside(Limit("in one", at_most=2))
    run = engine.run(around(*[inside.flow] * 6), {"n": 1})
    assert run.result() == {f"part{number}": 1 for number in range(6)}
    assert inside.gauge.most == 2


def test_nor_in_several(engine: Engine) -> None:
    inside = Inside(Limit("in several", at_most=1))
    outer = around(inside.flow)
    runs = [engine.start(outer, {"n": n}) for n in range(5)]
    assert [run.result(timeout=60) for run in runs] == list(range(5))
    assert inside.gauge.most == 1
    assert inside.gauge.order == list(range(5)), "the first to come go first"


async def test_nor_in_a_function_on_an_event_loop(engine: Engine) -> None:
    inside = Inside(Limit("in a function", at_most=2))

    @workflow
    async def many() -> Any:
        return await gather(*[step(inside.flow)(n=n) for n in range(5)])

    run = await engine.run_async(many)
    assert run.result() == list(range(5))
    assert inside.gauge.most == 2


def test_its_key_is_made_of_its_own_inputs(engine: Engine) -> None:
    inside = Inside(Limit("kind:{kind}", at_most=1), inputs={"n": int, "kind": str})

    @workflow
    async def kinds() -> Any:
        return await gather(*[step(inside.flow)(n=n, kind="ab"[n % 2]) for n in range(6)])

    assert engine.run(kinds).result() == list(range(6))
    assert inside.gauge.most <= 2


def test_an_input_that_it_is_not_given_is_in_its_key_as_it_declares_it(engine: Engine) -> None:
    def inputs(kind: str = "plain") -> None: ...

    flow = Workflow("declares", inputs=inputs, limit=Limit("kind:{kind}", at_most=1))

    @flow.task
    def tell(kind: str) -> str:
        return kind

    assert engine.run(around(flow)).result() == "plain"
    assert engine.run(around(flow), {"kind": "fine"}).result() == "fine"


def test_what_is_beside_it_goes_on_while_it_waits(engine: Engine) -> None:
    inside, go_on = Inside(Limit("held", at_most=1)), threading.Event()

    @task(executor="threads:8")
    def hold() -> int:
        return 1 if go_on.wait(60) else 0

    holder = Workflow("holder", limit=Limit("held", at_most=1))
    holder.add_task(hold)
    held = engine.start(holder)

    @task
    def beside(n: int) -> int:
        return n

    outer = around(inside.flow)
    outer.add_task(beside)
    run = engine.start(outer, {"n": 3})
    wait_until(lambda: run.steps["beside"].status == "completed", "the other step is done")
    assert run.steps["part0/enter"].status == "ready"
    assert run.steps["part0"].status == "running"
    go_on.set()
    assert run.result(timeout=60) == {"part0": 3, "beside": 3}
    assert held.result(timeout=60) == 1
    assert started(run) == ["beside", "part0/enter", "part0/go"]


def test_a_bound_on_the_steps_of_its_run_holds_beside_it(engine: Engine) -> None:
    inside, gauge = Inside(Limit("beside a bound", at_most=1)), Gauge()

    @task(executor="threads:8")
    def call(n: int, k: int) -> int:
        gauge(k, 0.002)
        return k

    outer = Workflow("bounded", limit=2)
    outer.add_task(call.map(k=list(range(20))))
    for name in ("one", "other", "third"):
        outer.add_workflow(inside.flow, name=name)
    assert engine.run(outer, {"n": 1}).result()["call"] == list(range(20))
    assert gauge.most <= 2
    assert inside.gauge.most == 1


@pytest.mark.parametrize("end", ["failure", "cancel"])
def test_it_frees_its_slot_however_it_ends(engine: Engine, end: str) -> None:
    limit, began, go_on = Limit("freed", at_most=1), threading.Event(), threading.Event()
    broken = Workflow("broken", limit=limit)

    @broken.task(executor="threads:8")
    def hold() -> None:
        began.set()
        go_on.wait(60)
        raise ValueError("broken")

    first = engine.start(around(broken))
    assert began.wait(60)
    inside = Inside(limit)
    second = engine.start(around(inside.flow), {"n": 7})
    if end == "cancel":
        first.cancel()
    go_on.set()
    assert second.result(timeout=60) == 7
    assert first.wait(60) == ("failed" if end == "failure" else "cancelled")


def test_one_that_is_caught_frees_its_slot_while_its_run_goes_on(engine: Engine) -> None:
    broken = Workflow("broken", limit=Limit("caught", at_most=1))

    @broken.task
    def fail() -> None:
        raise ValueError("broken")

    @workflow
    async def again() -> int:
        failures = 0
        for _ in range(3):
            try:
                await step(broken)()
            except ValueError:
                failures += 1
        return failures

    assert engine.run(again).result() == 3


def test_a_run_that_is_cancelled_before_it_has_its_slot_ends(engine: Engine) -> None:
    limit, go_on = Limit("cancelled", at_most=1), threading.Event()
    holder = Workflow("holder", limit=limit)

    @holder.task(executor="threads:8")
    def hold() -> int:
        return 1 if go_on.wait(60) else 0

    first = engine.start(around(holder))
    wait_until(lambda: "part0/hold" in started(first), "it holds the slot")
    inside = Inside(limit)
    waits, third = engine.start(around(inside.flow), {"n": 1}), engine.start(around(inside.flow), {"n": 2})
    waits.cancel()
    assert waits.wait(60) == "cancelled"
    assert started(waits) == []
    go_on.set()
    assert third.result(timeout=60) == 2
    assert first.result(timeout=60) == 1
    assert inside.gauge.order == [2]


def test_it_holds_its_slot_while_its_run_is_paused(engine: Engine) -> None:
    limit, began, go_on = Limit("paused", at_most=1), threading.Event(), threading.Event()
    inside = Inside(limit)
    slow = Workflow("slow", limit=limit)

    @slow.task(executor="threads:8")
    def hold(n: int) -> int:
        began.set()
        go_on.wait(60)
        return n

    slow.add_task(task(lambda hold: hold, name="after"), depends_on=["hold"])
    paused = engine.start(around(slow), {"n": 1})
    assert began.wait(60)
    paused.pause()
    other = engine.start(around(inside.flow), {"n": 2})
    go_on.set()
    wait_until(lambda: paused.steps["part0/hold"].status == "completed", "its step is done")
    assert other.steps["part0/enter"].status == "ready"
    paused.resume()
    assert paused.result(timeout=60) == 1
    assert other.result(timeout=60) == 2


def test_one_inside_another_asks_for_its_slot_when_that_has_its_own(engine: Engine) -> None:
    """Else two runs would each hold what the other waits for."""
    inner, outer = Limit("inner", at_most=1), Limit("outer", at_most=1)
    inside = Inside(inner)
    middle = Workflow("middle", limit=outer)
    middle.add_workflow(inside.flow)
    runs = [engine.start(around(middle), {"n": n}) for n in range(6)]
    runs += [engine.start(around(inside.flow), {"n": n}) for n in range(6, 9)]
    assert [run.result(timeout=60) for run in runs] == list(range(9))
    assert inside.gauge.most == 1


def test_a_key_that_cannot_be_made_fails_the_workflow_and_its_caller_hears_of_it(engine: Engine) -> None:
    inside = Inside(Limit("kind:{kind}", at_most=1))

    @workflow
    async def caught() -> str:
        try:
            await step(inside.flow)(n=1)
        except DefinitionError as error:
            return str(error)
        return ""

    assert "the limit of step 'inside' cannot be worked out" in engine.run(caught).result()
    with pytest.raises(RunFailed, match=r"the limit of run \w+ cannot be worked out.*KeyError: 'kind'"):
        engine.run(inside.flow, {"n": 1}).result(timeout=60)


def test_one_under_the_key_of_what_it_is_inside_of_is_refused(engine: Engine) -> None:
    limit = Limit("twice", at_most=3)
    inside = Inside(limit)
    with pytest.raises(
        RunFailed, match=r"step 'part0' is under limit 'twice', and inside a run, which has a slot"
    ):
        engine.run(around(inside.flow, limit=limit), {"n": 1}).result(timeout=60)


def test_what_a_run_is_taken_up_with_waits_for_its_slot_again(tmp_path: Path) -> None:
    began = threading.Event()
    go_on = threading.Event()
    inside = Workflow("inside", limit=Limit("again", at_most=1))

    @inside.task
    def first() -> int:
        return 1

    @inside.task(depends_on=["first"], executor="threads:2")
    def second(first: int) -> int:
        began.set()
        return first if go_on.wait(0 if go_on.is_set() else 60) else 0

    outer = around(inside)
    with penstock.open(tmp_path / "runs.db") as engine:
        run = engine.start(outer)
        assert began.wait(60)
    go_on.set()
    with penstock.open(tmp_path / "runs.db") as engine:
        again = engine.resume(run.id, outer)
        assert again.result(timeout=60) == 1
        assert started(again) == ["part0/first", "part0/second", "part0/second"]


def test_why_says_that_a_run_waits_itself_and_for_whom(tmp_path: Path) -> None:
    go_on = threading.Event()
    flow = Workflow("one", limit=Limit("one", at_most=1))

    @flow.task(executor="threads:2")
    def hold() -> int:
        return 1 if go_on.wait(60) else 0

    with penstock.open(tmp_path / "runs.db") as engine:
        first, second = engine.start(flow), engine.start(flow)
        wait_until(lambda: len(engine.rows(status="running")) == 2, "both have begun")
        causes = wait_until(
            lambda: [each for each in why(engine, second.id) if each.kind == "limit"], "it waits"
        )
        said = f"the run is ready; limit one (1 at once) is reached by {first.id[:8]}"
        assert [(each.step, each.text) for each in causes] == [(None, said)]
        assert (
            why(engine, second.id, "hold", flow)[-1].text == "hold is ready, and starts when the run goes on"
        )
        go_on.set()
        assert second.result(timeout=60) == 1


@pytest.mark.parametrize("inside", [False, True])
def test_nothing_of_a_run_is_recorded_once_its_engine_has_lost_its_slot(tmp_path: Path, inside: bool) -> None:
    began, go_on = threading.Event(), threading.Event()
    flow = Workflow("held", limit=Limit("lost", at_most=1))

    @flow.task(executor="threads:2")
    def hold() -> int:
        began.set()
        return 1 if go_on.wait(60) else 0

    flow.add_task(task(lambda hold: hold, name="after"), depends_on=["hold"])
    with penstock.open(tmp_path / "runs.db", lease_seconds=600) as engine:
        run = engine.start(around(flow) if inside else flow)
        assert began.wait(60)
        store, lease = engine.durable_store(), lease_id(engine.owner)
        row = store.get("queued", [lease])[lease]
        taken = Put("queued", lease, {"owner": "another", "epoch": row["epoch"] + 1})
        store.commit(
            [Change(puts=[taken])]
        )  # as who takes over the slots of an engine that gave no sign of life
        go_on.set()
        with pytest.raises(LeaseLost):
            run.result(timeout=60)
        assert started(run) == ["part0/hold" if inside else "hold"]
        assert not any(isinstance(event, e.StepDone) for _, _, event in run.events())
