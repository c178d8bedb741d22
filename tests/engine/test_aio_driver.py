"""The driver on an event loop: durable runs there, timers, refusals, and the loop that goes on living."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.app import Engine
from penstock.errors import RunStopped, StoreFull, StoreUnavailable
from penstock.model.program import Sleep
from penstock.tasks import Workflow, task
from tests.engine.test_journal import Moody
from tests.engine.test_sync_driver import Asking

SOON = 60.0


@pytest.fixture
def store() -> Iterator[Moody]:
    made = Moody()
    yield made
    made.close()


@pytest.fixture
def engine(store: Moody) -> Iterator[Engine]:
    made = Engine(store, "memory:")
    yield made
    made.close()


async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


async def test_a_durable_run_on_a_loop_is_recorded_like_any_other(engine: Engine) -> None:
    flow = Workflow("loop")
    flow.add_task(double)
    flow.add_task(lambda double: double + 1, name="plus", depends_on=["double"])
    run = await engine.start_async(flow, {"x": 20})
    assert await run.result_async(SOON) == 41
    assert [
        event.step for _, _, event in run.events() if hasattr(event, "value") and hasattr(event, "step")
    ] == [
        "double",
        "plus",
    ]


async def test_a_map_of_async_items_runs_side_by_side(engine: Engine) -> None:
    flow = Workflow("map")
    flow.add_task(task()(double).map(x=list(range(300))))
    run = await engine.start_async(flow, {})
    assert await run.result_async(SOON) == [2 * x for x in range(300)]


async def test_timers_go_off_on_the_loop(engine: Engine) -> None:
    run = await engine.start_async(Asking(Sleep("nap", 0.01)))
    assert await run.result_async(SOON) is None


async def test_a_store_that_is_away_does_not_block_the_loop(store: Moody, engine: Engine) -> None:
    async def come_back() -> None:
        asked = len(store.sizes)
        while len(store.sizes) < asked + 2:
            await asyncio.sleep(0.001)
        store.moods = []

    coming: list[asyncio.Task[None]] = []
    flow = Workflow("away")

    async def slow(x: int) -> int:
        store.moods = [StoreUnavailable("busy")] * 100_000
        coming.append(asyncio.create_task(come_back()))
        return x

    flow.add_task(slow)
    run = await engine.start_async(flow, {"x": 1})
    assert await run.result_async(SOON) == 1
    assert store.moods == []


async def test_on_a_loop_a_lost_reply_is_made_good(store: Moody, engine: Engine) -> None:
    flow = Workflow("answered")

    async def one() -> int:
        store.moods = ["lost reply", StoreUnavailable("busy")]
        return 1

    flow.add_task(one)
    flow.add_task(double, values={"x": 2}, depends_on=["one"])
    run = await engine.start_async(flow, {})
    assert await run.result_async(SOON) == 4
    assert [number for number, _, _ in run.events()] == list(range(1, len(run.events()) + 1))


async def test_a_full_store_reaches_who_awaits(store: Moody, engine: Engine) -> None:
    flow = Workflow("full")

    async def fill() -> None:
        store.moods = [StoreFull("no room")] * 2

    flow.add_task(fill)
    run = await engine.start_async(flow, {})
    with pytest.raises(StoreFull):
        await run.result_async(SOON)


async def test_an_engine_that_closes_leaves_the_runs_of_its_loop(store: Moody) -> None:
    engine = Engine(store, "memory:")
    flow = Workflow("long")
    flow.add_task(asyncio.sleep, name="nap", values={"delay": 3_600})
    run = await engine.start_async(flow, {})
    await asyncio.sleep(0.02)
    engine.close()
    with pytest.raises(RunStopped, match="was left unfinished"):
        await run.result_async(SOON)


async def test_commands_from_other_threads_reach_the_loop(engine: Engine) -> None:
    flow = Workflow("long")
    flow.add_task(asyncio.sleep, name="nap", values={"delay": 3_600})
    run = await engine.start_async(flow, {})
    await asyncio.sleep(0.01)
    thread = threading.Thread(target=run.cancel, args=("from a thread",))
    thread.start()
    assert await run.wait_async(SOON) == "cancelled"
    thread.join(SOON)


async def test_an_inline_task_runs_on_the_loop_s_own_thread(engine: Engine) -> None:
    flow = Workflow("inline", executor="inline")
    flow.add_task(lambda: threading.get_ident(), name="who")
    run = await engine.start_async(flow, {})
    assert await run.result_async(SOON) == threading.get_ident()


def test_each_loop_has_a_driver_of_its_own(engine: Engine) -> None:
    flow = Workflow("loops")
    flow.add_task(double)

    async def once(x: int) -> Any:
        return await (await engine.start_async(flow, {"x": x})).result_async(SOON)

    assert [asyncio.run(once(x)) for x in range(3)] == [0, 2, 4]


def test_a_run_whose_loop_ended_is_left_when_the_next_loop_comes(engine: Engine) -> None:
    long = Workflow("long")
    long.add_task(asyncio.sleep, name="nap", values={"delay": 3_600})
    short = Workflow("short")
    short.add_task(double)

    async def begin() -> Any:
        return await engine.start_async(long, {})

    async def next_one() -> Any:
        return await (await engine.start_async(short, {"x": 1})).result_async(SOON)

    left = asyncio.run(begin())
    assert asyncio.run(next_one()) == 2
    with pytest.raises(RunStopped, match="was left unfinished"):
        left.result(SOON)
