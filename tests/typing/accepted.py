"""What a user writes and a type checker must accept, with the types that it must find."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, assert_type

import penstock
from penstock import Context, Engine, RetryPolicy, Run, RunFailed, Task, Workflow, context, task
from penstock.functions import (
    Handle,
    blocking,
    continue_as_new,
    gather,
    now,
    race,
    random,
    sleep,
    start,
    step,
    wait_for_signal,
    workflow,
)
from penstock.testing import RunLog, raising, record, simulated


@task
def load(path: str, limit: int = 10) -> list[int]:
    return [limit]


@task(retries=3, timeout=10, executor="threads", retry_on=(OSError, ValueError))
def double(number: int) -> float:
    return number * 2.0


@task(retries=RetryPolicy(attempts=3, jitter="full"))
async def send(double: list[float]) -> str:
    return str(double)


@task(transaction=True)
def book(what: str, connection: sqlite3.Connection) -> int:
    connection.execute("INSERT INTO bookings VALUES (?)", (what,))
    return 1


def plain(load: list[int]) -> bytes:
    return bytes(load)


# A task is called like its function, and keeps its signature.
assert_type(load("a"), list[int])
assert_type(load(path="a", limit=3), list[int])
assert_type(double(1), float)
takes_path: Callable[[str], list[int]] = load


async def sent() -> str:
    return await send([1.0])


# Its copies keep it too.
assert_type(load.named("again")("b"), list[int])
over_all: Task[Any, list[float]] = double.map(number="load")
assert_type(load.result, list[int])
assert_type(load.execute({"path": "a"}), list[int])

# A workflow gives back tasks as they were.
flow = Workflow("flow", limit=4, tags={"team": "north"})
loaded = flow.add_task(load)
assert_type(loaded("a"), list[int])
assert_type(flow.add_task(plain, depends_on=["load"], retries=1)([1]), bytes)
flow.add_task(double.map(number="load"), depends_on=loaded)
flow.add_task(send, depends_on=[double, "load"], when=lambda double: bool(double), trigger="all_done")


@flow.task
def count(load: list[int]) -> int:
    return len(load)


@flow.task(depends_on=["load"], name="total", retries=2)
def add_up(load: list[int]) -> int:
    return sum(load)


assert_type(count([1]), int)
assert_type(add_up([1]), int)
load >> count >> [add_up]

with Workflow("chain") as chain:
    loaded >> count
assert_type(chain, Workflow)

# A run's type is its user's to say: the value of a workflow is that of its last tasks.
run: Run[str] = flow.start(path="a")
assert_type(run.result(timeout=3), str)
assert_type(run.id, str)
anything: int = flow.run(path="a")


async def drive() -> None:
    started: Run[int] = await flow.start_async(path="a")
    assert_type(await started.result_async(), int)


# Engines, errors, and what a step knows.
with penstock.open("runs.db", durability="crash") as engine:
    assert_type(engine, Engine)
    again: Run[str] = engine.get(run.id)
    kept: Run[str] = flow.using(store=engine, key="today").start(path="a")
    try:
        kept.result()
    except RunFailed as error:
        assert_type(error.failed_step, str | None)

me: Context = context()
assert_type(me.attempt, int)

# Tests of one's own.
with simulated(
    flow, replace={"load": [1], "send": raising(OSError, times=2)}, seconds={"load": [1, 2.0]}
) as sim:
    log = sim.run(path="a").log
assert_type(log, RunLog)
assert_type(log.attempts("load"), int)
assert_type(record("latest", store="runs.db"), str)


# Durable functions keep the signature of what they are made of, and so do steps.
@workflow
async def order(path: str, limit: int = 10) -> int:
    numbers = await step(load)(path, limit=limit)
    assert_type(numbers, list[int])
    assert_type(await step(send)([1.0]), str)
    assert_type(await send([1.0]), str)
    assert_type(await step(len)(numbers), int)
    assert_type(await step(double).map(number=numbers), list[float])
    assert_type(await gather(step(double)(1), send([1.0])), list[Any])
    place, _ = await race(step(double)(1), sleep(60))
    assert_type(place, int)
    assert_type(await wait_for_signal("go", type=int, timeout=5), int)
    assert_type(await other(path), float)
    assert_type(await step(other)(path), float)
    assert_type(await step(blocked)(path), list[int])
    assert_type(await step(flow)(path="a"), Any)
    handle: Handle[list[int]] = start(load, path)
    return len(await handle)


@workflow(timeout=60, allow=["time.time"])
async def other(path: str) -> float:
    if random().random() > 0.5:
        continue_as_new(path="b")
    return now().timestamp()


@workflow
def blocked(path: str) -> list[int]:
    assert_type(blocking.wait_for_signal("go", type=int), int)
    assert_type(blocking.step(send)([1.0]), str)
    blocking.sleep(1)
    return load(path)


assert_type(order.run("a"), int)
assert_type(order.run(path="a", limit=3), int)
assert_type(order.start("a").result(), int)
assert_type(order.using(store="ephemeral").run("a"), int)
assert_type(blocked.run("a"), list[int])
assert_type(other.start("a"), Run[float])


async def ordered() -> None:
    assert_type(await order.run_async("a"), int)
