"""A clock that jumps under a run: the log's times never go back, leases do not care, retries come once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.app import Engine
from penstock.errors import CommandRefused, LeaseLost
from penstock.model import events as e
from penstock.tasks import Workflow
from tests.faults.lives import wait_until
from tests.timers.walls import HOUR, Open, Wall, engines


@pytest.fixture
def clock() -> Wall:
    return Wall()


@pytest.fixture
def open_one(clock: Wall, tmp_path: Path) -> Iterator[Open]:
    with engines(clock, tmp_path, lease_seconds=30.0) as opening:
        yield opening


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_times_of_a_log_never_go_back(seconds: float, clock: Wall, open_one: Open) -> None:
    flow = Workflow("jumps")
    for n in range(4):
        flow.add_task(lambda n=n: clock.jump(seconds if n == 1 else 0.0), name=f"step{n}")
        if n:
            flow.link(f"step{n - 1}", f"step{n}")
    engine = open_one()
    flow.using(store=engine).run()
    times = [at for _, at, _ in engine.get("latest").events()]
    assert times == sorted(times)
    assert (times[-1] - times[0] > HOUR - 1) == (seconds > 0)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_retry_counts_its_own_seconds_wherever_the_clock_is_set(
    seconds: float, clock: Wall, open_one: Open
) -> None:
    tries: list[float] = []

    def flaky() -> int:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise ValueError("not yet")
        return 7

    flow = Workflow("flaky")
    flow.add_task(flaky, retries=3, retry_delay=0.3)
    engine = open_one()
    run = flow.using(store=engine).start()
    store = engine.durable_store()
    wait_until(
        lambda: any(row.kind == "step_failed" for row in store.read(run.id)), "the first attempt fails"
    )
    clock.jump(seconds)
    assert run.result(timeout=60) == 7
    first, second = tries
    assert second - first >= 0.3
    log = [(at, event) for _, at, event in run.events()]
    assert [event.attempt for _, event in log if isinstance(event, e.StepStarted)] == [1, 2]
    (due,) = [event.retry_at for _, event in log if isinstance(event, e.StepFailed)]
    again = max(at for at, event in log if isinstance(event, e.StepStarted))
    assert due is not None
    assert again >= due, "nothing comes early in the log either"


class Slow:
    """A workflow whose only step takes as long as the test likes."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.flow = Workflow("slow", executor="threads")
        self.flow.add_task(self.step, name="step")

    def step(self) -> int:
        self.begun.set()
        assert self.go.wait(60)
        return 3


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_jump_of_wall_time_takes_no_lease_away(seconds: float, clock: Wall, open_one: Open) -> None:
    slow = Slow()
    run = slow.flow.using(store=open_one()).start()
    assert slow.begun.wait(60)
    clock.jump(seconds)
    with pytest.raises(CommandRefused, match="is being driven by"):
        open_one().resume(run.id, slow.flow)
    slow.go.set()
    assert run.result(timeout=60) == 3


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_lease_that_nobody_extends_lapses_though_wall_time_jumps(
    seconds: float, clock: Wall, open_one: Open
) -> None:
    slow = Slow()
    silent = open_one(0.3)
    run = slow.flow.using(store=silent).start()
    assert slow.begun.wait(60)
    assert silent._keeper is not None
    silent._keeper.close()
    clock.jump(seconds)
    other = open_one()
    taken = wait_until(lambda: resumed(other, run.id, slow.flow), "the lease lapses")
    wait_until(
        lambda: any(row.kind == "owned" for row in other.durable_store().read(run.id)), "it is taken over"
    )
    slow.go.set()
    assert taken.result(timeout=60) == 3
    with pytest.raises(LeaseLost):
        run.result(timeout=60)


def resumed(engine: Engine, run: str, flow: Workflow) -> object:
    try:
        return engine.resume(run, flow)
    except CommandRefused:
        return None
