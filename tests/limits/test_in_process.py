"""Limits within one process: no store, one arbiter, whatever drives the steps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.app import Engine, Run
from penstock.engine.asking import Line
from penstock.engine.ledgers import OwnLedgers
from penstock.engine.limits import Limits
from penstock.errors import RunFailed
from penstock.model import events as e
from penstock.model.limits import Limit
from tests.app.worlds import until
from tests.limits.gauge import Gauge


@pytest.fixture
def engine() -> Iterator[Engine]:
    with penstock.open("ephemeral") as engine:
        yield engine


def mapped(fn: Any, items: list[Any], **options: Any) -> Workflow:
    flow = Workflow("limited")
    flow.add_task(task(name="step", **options)(fn).map(n=items))
    return flow


def test_no_more_than_three_of_a_key_are_under_way(engine: Engine) -> None:
    gauge = Gauge()

    def step(n: int) -> int:
        return int(gauge(n, 0.003))

    flow = mapped(step, list(range(40)), limit=Limit("api", at_most=3), executor="threads:10")
    run = engine.run(flow)
    assert run.result() == list(range(40))
    assert gauge.most == 3
    started = [event.item for _, _, event in run.events() if isinstance(event, e.StepStarted)]
    assert started == list(range(40)), "the first to come go first"


def test_runs_on_threads_of_their_own_share_a_limit(engine: Engine) -> None:
    gauge = Gauge()

    @task(limit=Limit("one", at_most=1))
    def step(n: int) -> int:
        return int(gauge(n, 0.01))

    flow = Workflow("alone")
    flow.add_task(step)
    threads = [threading.Thread(target=engine.run, args=(flow, {"n": n})) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(gauge.order) == list(range(6))
    assert gauge.most == 1


async def test_steps_on_an_event_loop_keep_a_limit(engine: Engine) -> None:
    gauge = Gauge()

    @task(limit=Limit("loop", at_most=2))
    async def step(n: int) -> int:
        gauge.inside += 1
        gauge.most = max(gauge.most, gauge.inside)
        await asyncio.sleep(0.002)
        gauge.inside -= 1
        return n

    flow = Workflow("on a loop")
    flow.add_task(step.map(n=list(range(20))))
    run = await engine.run_async(flow)
    assert run.result() == list(range(20))
    assert gauge.most == 2


def test_a_rate_spaces_the_starts(engine: Engine) -> None:
    gauge = Gauge()
    flow = mapped(lambda n: gauge(n), list(range(12)), limit=Limit("slow", rate="100/s"))
    engine.run(flow).result()
    assert gauge.times[-1] - gauge.times[0] >= 0.1


def test_the_key_is_made_of_the_inputs(engine: Engine) -> None:
    seen: list[str] = []
    places = {"a": Gauge(), "b": Gauge()}

    def step(n: str) -> str:
        return str(places[n](n, 0.01))

    for limit in (
        Limit("api:{n}", at_most=1),
        Limit(lambda n: f"key {n}", at_most=1),
        Limit(lambda n: seen.append(n) or n, at_most=1),  # type: ignore[func-returns-value]
    ):
        engine.run(mapped(step, ["a", "b"] * 4, limit=limit, executor="threads:8")).result()
    assert places["a"].most == places["b"].most == 1
    assert sorted(seen) == ["a"] * 4 + ["b"] * 4


def test_a_key_that_cannot_be_made_fails_the_step(engine: Engine) -> None:
    flow = mapped(lambda n: n, [1], limit="api:{tenant}")
    with pytest.raises(RunFailed, match=r"limit of step 'step' cannot be worked out.*KeyError: 'tenant'"):
        engine.run(flow).result()


def test_a_key_without_bounds_holds_nothing_up(engine: Engine) -> None:
    gauge = Gauge()
    engine.run(mapped(lambda n: gauge(n, 0.02), [1, 2, 3, 4], limit="free", executor="threads:4")).result()
    assert gauge.most > 1


def test_priority_goes_first_and_tenants_take_turns(engine: Engine) -> None:
    gauge = Gauge()

    def step(n: dict[str, Any]) -> Any:
        return gauge(n["who"])

    urgent = [{"who": who, "urgency": who} for who in (0, 1, 5, 3, 100)]
    limit = Limit("line", at_most=1, priority="urgency")

    def by_priority(n: dict[str, Any], urgency: int = 0) -> Any:
        return step(n)

    flow = Workflow("urgent")
    flow.add_task(
        task(limit=limit, executor="threads:1", name="step")(by_priority).map(
            n=urgent, urgency=[each["urgency"] for each in urgent]
        )
    )
    engine.run(flow).result()
    assert gauge.order == [100, 5, 3, 1, 0]

    gauge.order.clear()
    fair = Limit("fair", at_most=1, fair_by=lambda n: n["who"])
    engine.run(mapped(step, [{"who": who} for who in "aaaaabb"], limit=fair, executor="threads:1")).result()
    assert "".join(gauge.order) == "ababaaa"


def test_a_retry_asks_for_a_slot_again_and_a_failure_frees_it(engine: Engine) -> None:
    gauge, tried = Gauge(), []

    def step(n: int) -> int:
        tried.append(n)
        gauge(n, 0.002)
        if tried.count(n) < 3:
            raise ValueError("not yet")
        return n

    flow = mapped(step, [1, 2, 3], limit=Limit("again", at_most=1), retries=2, executor="threads:4")
    assert engine.run(flow).result() == [1, 2, 3]
    assert gauge.most == 1
    assert len(tried) == 9


def test_a_cancelled_run_gives_its_slots_to_others(engine: Engine) -> None:
    began, go_on = threading.Event(), threading.Event()

    @task(limit=Limit("shared", at_most=1), executor="threads:4")
    def step(n: int) -> int:
        began.set()
        if n == 0:
            go_on.wait(60)
        return n

    flow = Workflow("cancelled")
    flow.add_task(step)
    first = engine.start(flow, {"n": 0})
    assert began.wait(60)
    waits = engine.start(flow, {"n": 1})
    third = engine.start(flow, {"n": 2})
    waits.cancel()
    go_on.set()
    assert third.result(timeout=60) == 2
    assert waits.status == "cancelled"
    assert first.result(timeout=60) == 0


def test_a_paused_run_holds_no_slot(engine: Engine) -> None:
    began, go_on = threading.Event(), threading.Event()

    @task(limit=Limit("paused", at_most=1), executor="threads:4")
    def step(n: int) -> int:
        if n == 0:
            began.set()
            go_on.wait(60)
        return n

    flow = Workflow("paused")
    flow.add_task(step)
    first = engine.start(flow, {"n": 0})
    assert began.wait(60)
    paused, third = engine.start(flow, {"n": 1}), engine.start(flow, {"n": 2})
    paused.pause()
    go_on.set()
    assert third.result(timeout=60) == 2
    assert first.result(timeout=60) == 0
    assert paused.status == "paused"
    paused.resume()
    assert paused.result(timeout=60) == 1


def test_a_workflow_s_runs_are_under_a_limit(engine: Engine) -> None:
    gauge = Gauge()

    @task(executor="threads:8")
    def step(n: int) -> int:
        return int(gauge(n, 0.005))

    flow = Workflow("bounded", limit=Limit("bounded:{kind}", at_most=2), inputs={"n": int, "kind": str})
    flow.add_task(step)
    flow.add_task(step.named("again"), depends_on=["step"])
    runs = [engine.start(flow, {"n": n, "kind": "a"}) for n in range(8)]
    other = engine.start(flow, {"n": 100, "kind": "b"})
    assert other.result(timeout=60) == 100
    assert [run.result(timeout=60) for run in runs] == list(range(8))
    assert gauge.most <= 3
    begun = [next(at for _, at, event in run.events() if isinstance(event, e.StepStarted)) for run in runs]
    assert begun == sorted(begun), "the first to come go first"


def test_a_run_that_waits_for_its_slot_can_be_cancelled_and_paused(engine: Engine) -> None:
    began, go_on = threading.Event(), threading.Event()

    @task(executor="threads:8")
    def step(n: int) -> int:
        began.set()
        go_on.wait(60)
        return n

    flow = Workflow("waits", limit=Limit("waits", at_most=1))
    flow.add_task(step)
    first, second, third, last = (engine.start(flow, {"n": n}) for n in range(4))
    assert began.wait(60)
    second.cancel()
    third.pause()
    assert second.wait(60) == "cancelled"
    go_on.set()
    assert first.result(timeout=60) == 0
    assert (third.status, last.status) == ("paused", "running"), "a paused run is under way, too"
    third.resume()
    assert [third.result(timeout=60), last.result(timeout=60)] == [2, 3]


def test_what_comes_later_than_its_priority_is_worth_overtakes_nothing(engine: Engine) -> None:
    """With a clock in the test's hands: a priority of 5 is worth 50 seconds."""
    gauge, now, go_on = Gauge(), [0.0], threading.Event()
    limits = engine._limits = Limits(OwnLedgers(lambda: now[0]))

    @task(limit=Limit("aged", at_most=1, priority="urgency"), executor="threads:1")
    def step(n: int, urgency: int) -> int:
        go_on.wait(60)
        return int(gauge(n))

    flow = Workflow("aged")
    flow.add_task(step)
    runs: list[Run[Any]] = []

    def begin(n: int, urgency: int) -> None:
        runs.append(engine.start(flow, {"n": n, "urgency": urgency}))
        until(lambda: "aged" in limits._lines and in_line(limits._lines["aged"]) == len(runs))

    begin(-1, 100)
    begin(-2, 0)
    for n in range(90):
        now[0] = float(n)
        begin(n, 5)
    go_on.set()
    assert all(run.wait(60) == "completed" for run in runs)
    assert gauge.order == [-1, *range(50), -2, *range(50, 90)]


def in_line(line: Line) -> int:
    return line.count + len(line.held)
