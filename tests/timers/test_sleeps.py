"""Sleeps: of a month in virtual time, of two seconds across kill -9, and what a process does while it waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

import penstock
from penstock import RunFailed, task
from penstock.app import Engine
from penstock.clocks import VirtualClock
from penstock.engine.sync_driver import LONGEST_SECONDS
from penstock.errors import StepTimeout
from penstock.functions import now, sleep, sleep_until, step, wait_for_signal, workflow
from penstock.model import events as e
from penstock.testing import simulated
from tests.timers.walls import DAY, HOUR


def woke(number: int) -> int:
    return number + 1


@workflow
async def month() -> int:
    await sleep(30 * DAY)
    return await step(woke)(1)


@workflow
async def until_next_month() -> int:
    await sleep_until(now() + timedelta(days=30))
    return await step(woke)(1)


@workflow
async def answered_in_time() -> str:
    try:
        return str(await wait_for_signal("answer", timeout=30 * DAY))
    except StepTimeout:
        return "nobody answered"


@task(retries=1, retry_delay=HOUR / 2)
def at_the_second_try(tries: list[int]) -> int:
    raise OSError("not yet")


# ── virtual time ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("function", [month, until_next_month])
def test_a_sleep_of_thirty_days_ends_once_and_not_early(function: Any) -> None:
    with simulated(function) as sim:
        run = sim.run()
    assert run.result() == 2
    assert run.seconds == pytest.approx(30 * DAY)
    times = [at for _, at, event in run.log.events if isinstance(event, e.StepDone)]
    assert times[0] - run.log.events[0][1] >= 30 * DAY


def test_the_limit_of_a_wait_is_a_month_as_well() -> None:
    with simulated(answered_in_time) as sim:
        sim.after(29.9 * DAY, lambda run: run.signal("answer", "yes"))
        assert sim.run().result() == "yes"
        late = sim.run()
    assert (late.result(), late.seconds) == ("nobody answered", pytest.approx(30 * DAY))


def test_delays_before_retries_and_a_runs_own_time_take_none_either() -> None:
    @workflow
    async def retried() -> int:
        return await step(at_the_second_try)([])

    with simulated(retried) as sim:
        run = sim.run()
        with pytest.raises(RunFailed, match="not yet"):
            run.result()
        assert run.seconds == pytest.approx(HOUR / 2)
        out_of_time = sim.play({}, timeout=HOUR / 4)
        with pytest.raises(RunFailed, match="took longer than it was allowed"):
            out_of_time.result()
        assert out_of_time.seconds == pytest.approx(HOUR / 4)


# ── real time ───────────────────────────────────────────────────────────────────────────────────────────────────────

SCRIPT = """
import sys
import penstock
from penstock.functions import sleep, step, workflow


def told(what: str) -> None:
    print(what, flush=True)


@workflow
async def nap() -> str:
    await step(told)("falls asleep")
    await sleep(2.0)
    await step(told)("woke")
    return "rested"


with penstock.open(sys.argv[1]) as engine:
    function = nap.using(store=engine)
    print(function.resume(sys.argv[2]) if len(sys.argv) > 2 else function.run())
"""


def test_two_seconds_of_sleep_go_on_across_kill_9(tmp_path: Path) -> None:
    script = tmp_path / "nap.py"
    script.write_text(SCRIPT)
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    command = [sys.executable, str(script), store]
    life = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert life.stdout is not None
    with life, penstock.open(store) as engine:
        assert life.stdout.readline() == "falls asleep\n"
        while not any(isinstance(event, e.StepDone) for _, _, event in engine.get("latest").events()):
            time.sleep(0.01)
        killed = time.time()
        os.kill(life.pid, signal.SIGKILL)
    with penstock.open(store) as engine:
        run = engine.get("latest")
        asleep = next(at for _, at, event in run.events() if isinstance(event, e.StepDone))
        again = subprocess.run([*command, run.id], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert again.stdout == "woke\nrested\n"
        log = [(at, event) for _, at, event in run.events() if isinstance(event, e.StepDone)]
    assert killed < asleep + 2.0, "it was to be killed while it slept"
    assert [event.step for _, event in log] == ["told", "sleep", "told-2"]
    assert log[1][0] - asleep >= 2.0


# ── waiting is waiting ──────────────────────────────────────────────────────────────────────────────────────────────


class Mailbox:
    """Where nothing ever comes: says how long was waited for something, and lets that time pass."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.waited: list[float] = []
        self.mail: SimpleQueue[Any] = SimpleQueue()
        self.put = self.mail.put
        self.empty = self.mail.empty

    def get(self, timeout: float = 0.0) -> Any:
        try:
            return self.mail.get_nowait()
        except Empty:
            self.waited.append(timeout)
            self.clock.advance(timeout)
            raise


@pytest.fixture
def waits() -> Callable[[Any], list[float]]:
    """The waits of a driver that runs a function to its end."""

    def waits(function: Any) -> list[float]:
        clock = VirtualClock(1e9)
        with Engine(None, "ephemeral") as engine:
            engine.clock = clock
            driver = engine.own_driver()
            mailbox = driver._mail = Mailbox(clock)  # type: ignore[assignment]
            function.using(store=engine).run()
        return mailbox.waited

    return waits


def test_a_driver_that_has_nothing_to_do_sleeps_until_something_is_due(
    waits: Callable[[Any], list[float]],
) -> None:
    @workflow
    async def naps() -> None:
        await sleep(0.25)
        await sleep(7.5)
        await sleep(DAY)

    waited = waits(naps)
    assert waited[:2] == [pytest.approx(0.25), pytest.approx(7.5)]
    assert set(waited[2:]) == {LONGEST_SECONDS}, "but for a look a minute, in case nobody woke it"


def test_it_looks_once_a_second_whether_a_moment_has_come(waits: Callable[[Any], list[float]]) -> None:
    @workflow
    async def until() -> None:
        await sleep_until(now() + timedelta(seconds=10.5))

    waited = waits(until)
    assert waited == [pytest.approx(1.0)] * 10 + [pytest.approx(0.5)]
