"""A clock that is set forward or back: what was said in seconds takes these seconds, what was said as a moment comes then."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock import RunFailed, task
from penstock.app import Engine, Run
from penstock.errors import StepTimeout
from penstock.functions import gather, now, sleep, sleep_until, step, wait_for_signal, workflow
from penstock.model import events as e
from tests.timers.walls import HOUR, Wall

SHORT = 0.3
SOON = 60.0
ASKED = threading.Event()
BEGUN = threading.Event()
tries: list[float] = []


@pytest.fixture(autouse=True)
def _anew() -> None:
    tries.clear()
    ASKED.clear()
    BEGUN.clear()


def elapsed() -> float:
    return time.monotonic()


def stamp() -> float:
    ASKED.set()
    return elapsed()


@task(retries=1, retry_delay=SHORT)
def flaky() -> float:
    tries.append(elapsed())
    if len(tries) == 1:
        raise OSError("not yet")
    return tries[1] - tries[0]


@task(timeout=SHORT)
async def slow() -> None:
    BEGUN.set()
    await asyncio.sleep(10 * SOON)


async def slept() -> float:
    before = await step(elapsed)()
    await sleep(SHORT)
    return await step(elapsed)() - before


async def waited() -> float:
    before = await step(elapsed)()
    try:
        await wait_for_signal("never", timeout=SHORT)
    except StepTimeout:
        return await step(elapsed)() - before
    return 0.0


async def cut_off() -> float:
    before = await step(elapsed)()
    try:
        await slow()
    except StepTimeout:
        return await step(elapsed)() - before
    return 0.0


@workflow
async def all_at_once() -> list[float]:
    others = await gather(slept(), waited(), cut_off(), step(flaky)(), step(stamp)())
    return others[:-1]


def in_the_background(engine: Engine, jump: Callable[[], None]) -> list[float]:
    run = all_at_once.using(store=engine).start()
    assert ASKED.wait(SOON)
    assert BEGUN.wait(SOON)
    jump()
    return run.result(SOON)


def on_its_own_thread(engine: Engine, jump: Callable[[], None]) -> list[float]:
    threading.Thread(target=lambda: ASKED.wait(SOON) and BEGUN.wait(SOON) and jump(), daemon=True).start()
    return all_at_once.using(store=engine).run()


def on_an_event_loop(engine: Engine, jump: Callable[[], None]) -> list[float]:
    threading.Thread(target=lambda: ASKED.wait(SOON) and BEGUN.wait(SOON) and jump(), daemon=True).start()
    return asyncio.run(all_at_once.using(store=engine).run_async())


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
@pytest.mark.parametrize("drive", [in_the_background, on_its_own_thread, on_an_event_loop])
def test_what_is_said_in_seconds_takes_these_seconds_once(
    drive: Callable[..., list[float]], seconds: float, clock: Wall, open_one: Callable[[], Engine]
) -> None:
    engine = open_one()
    took = drive(engine, lambda: clock.jump(seconds))
    assert min(took) >= SHORT, "nothing comes early"
    assert max(took) < HOUR / 100
    check_log(engine.get("latest"))


def check_log(run: Run[Any]) -> None:
    """Times never go back, each timer went off once and not before the log says that it was due."""
    log = run.events()
    assert [at for _, at, _ in log] == sorted(at for _, at, _ in log)
    ends = [event.step for _, _, event in log if isinstance(event, e.StepDone)]
    assert ends.count("sleep") == 1
    fails = {event.step: (at, event) for _, at, event in log if isinstance(event, e.StepFailed)}
    assert set(fails) == {"signal never", "slow", "flaky"}
    retry_at = fails["flaky"][1].retry_at
    again = max(at for _, at, event in log if isinstance(event, e.StepStarted) and event.step == "flaky")
    assert retry_at is not None
    assert again >= retry_at


@workflow
async def until(moment: float) -> float:
    await sleep_until(datetime.fromtimestamp(moment, UTC))
    return now().timestamp()


@pytest.mark.parametrize("loop", [False, True])
def test_a_moment_comes_when_the_clock_says_so(
    loop: bool, clock: Wall, open_one: Callable[[], Engine]
) -> None:
    engine = open_one()
    moment = clock.now() + HOUR

    async def on_a_loop() -> float:
        run = await until.using(store=engine).start_async(moment)
        await asyncio.sleep(0.05)
        clock.jump(HOUR)
        return await run.result_async(SOON)

    if loop:
        assert asyncio.run(on_a_loop()) >= moment
    else:
        run = until.using(store=engine).start(moment)
        while not run.steps:
            time.sleep(0.002)
        clock.jump(HOUR)
        assert run.result(SOON) >= moment
    ends = [event.step for _, _, event in engine.get("latest").events() if isinstance(event, e.StepDone)]
    assert ends == ["sleep"]


def test_a_moment_does_not_come_while_the_clock_is_back(clock: Wall, open_one: Callable[[], Engine]) -> None:
    engine = open_one()
    moment = clock.now() + 1.5
    run = until.using(store=engine).start(moment)
    while not run.steps:
        time.sleep(0.002)
    clock.jump(-HOUR)
    with pytest.raises(StepTimeout):
        run.result(1.8)
    clock.jump(HOUR)
    assert run.result(SOON) >= moment


# ── a run's own time, and lives that follow each other ──────────────────────────────────────────────────────────────


@workflow
async def asks_for_ever() -> None:
    await step(stamp)()
    await wait_for_signal("never")


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_runs_time_is_so_many_seconds_of_its_process(
    seconds: float, clock: Wall, open_one: Callable[[], Engine]
) -> None:
    began = time.monotonic()
    run = asks_for_ever.using(store=open_one(), timeout=1.0).start()
    assert ASKED.wait(SOON)
    clock.jump(seconds)
    with pytest.raises(RunFailed, match="took longer than it was allowed"):
        run.result(SOON)
    assert time.monotonic() - began >= 1.0


@workflow
async def long_asleep() -> str:
    await sleep(HOUR)
    return "woke"


def began_and_left(function: Any, engine: Engine, **how: Any) -> str:
    """A run whose process leaves it while it waits."""
    run = function.using(store=engine, **how).start()
    while not any(each.status == "waiting" for each in run.steps.values()):
        time.sleep(0.002)
    engine.close()
    return str(run.id)


def test_time_passes_while_the_process_is_down(clock: Wall, open_one: Callable[[], Engine]) -> None:
    run = began_and_left(long_asleep, open_one())
    clock.jump(HOUR)
    engine = open_one()
    assert engine.resume(run, long_asleep, wait=True).result(SOON) == "woke"
    ends = [event.step for _, _, event in engine.get(run).events() if isinstance(event, e.StepDone)]
    assert ends == ["sleep"]


def test_after_a_restart_wall_time_says_what_is_left(clock: Wall, open_one: Callable[[], Engine]) -> None:
    """Set back while nobody looked: by what can be known then, the hour has hardly begun."""
    run = began_and_left(long_asleep, open_one())
    clock.jump(-HOUR / 2)
    again = open_one()
    resumed = again.resume(run, long_asleep)
    with pytest.raises(StepTimeout):
        resumed.result(0.3)
    again.close()
    clock.jump(1.5 * HOUR)
    assert open_one().resume(run, long_asleep, wait=True).result(SOON) == "woke"


def test_a_runs_time_goes_on_while_the_process_is_down(clock: Wall, open_one: Callable[[], Engine]) -> None:
    run = began_and_left(asks_for_ever, open_one(), timeout=HOUR)
    clock.jump(HOUR)
    with pytest.raises(RunFailed, match="took longer than it was allowed"):
        open_one().resume(run, asks_for_ever, wait=True).result(SOON)
