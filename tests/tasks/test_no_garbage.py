"""A run that is over leaves nothing for the garbage collector: in programs that run for months, its work would be theirs."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow
from penstock.app import Engine


def quick() -> int:
    return 1


async def at_once() -> int:
    return 1


async def suspending() -> int:
    await asyncio.sleep(0)
    return 1


@pytest.fixture
def counted(quiet: None) -> Iterator[None]:
    """The collector does not run by itself, and there is nothing for it to do yet."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def flow_of(body: Any) -> Workflow:
    flow = Workflow("short")
    flow.add_task(body, name="one")
    flow.add_task(body, name="two", depends_on=["one"])
    return flow


def left_by(engine: Engine, body: Any, runs: int = 20) -> int:
    """How many objects wait to be collected after so many runs, the first few apart.

    Least of three times: threads of other tests may leave something once, runs would do so each time.
    """
    ready = flow_of(body).using(store=engine)

    async def some(number: int) -> None:
        for _ in range(number):
            assert await ready.run_async() == 1

    async def measured() -> int:
        await some(3)
        found = []
        while len(found) < 3 and 0 not in found:
            gc.collect()
            await some(runs)
            found.append(gc.collect())
        return min(found)

    return asyncio.run(measured())


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("body", [at_once, suspending])
def test_async_runs_leave_no_garbage(body: Any) -> None:
    with penstock.open("ephemeral") as engine:
        assert left_by(engine, body) == 0


@pytest.mark.usefixtures("counted")
def test_durable_async_runs_leave_no_garbage(tmp_path: Path) -> None:
    with penstock.open(tmp_path / "runs.db") as engine:
        assert left_by(engine, at_once) == 0


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("store", ["ephemeral", "memory:"])
def test_runs_leave_no_garbage(store: str) -> None:
    with penstock.open(store) as engine:
        ready = flow_of(quick).using(store=engine)
        for _ in range(3):
            ready.run()
        found: list[int] = []
        while len(found) < 3 and 0 not in found:
            gc.collect()
            for _ in range(20):
                assert ready.run() == 1
            found.append(gc.collect())
        assert 0 in found
