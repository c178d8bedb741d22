"""Durable functions under every fault: the suite of front doors, with async functions and with those that run on threads."""

from __future__ import annotations

from collections.abc import Mapping

from penstock import task
from penstock.functions import gather, now, race, random, sleep, start, step, uuid4, wait_for_signal, workflow
from penstock.functions.workflow import DurableFunction
from penstock.testing import Example, ProgramSuite


class Declined(Exception):
    pass


@task
def add(a: int, b: int) -> int:
    return a + b


@task(retries=1, retry_delay=0.1)
def decline(amount: int) -> int:
    raise Declined(f"{amount} is too much")


@task
async def double(number: int) -> int:
    return 2 * number


async def add_twice(number: int) -> int:
    first = await step(add)(number, 1)
    return await step(add)(first, 1)


@workflow
async def loop(times: int) -> int:
    total = 0
    for number in range(times):
        total = await step(add)(total, number)
    return total


@workflow
async def gathered(number: int) -> list[int]:
    return await gather(add(number, 1), double(number), add_twice(number), add_twice(number + 1))


@workflow
async def raced(number: int) -> int:
    won = await race(step(add)(number, 1), sleep(1000.0), add_twice(number))
    return await step(add)(won.place * 0, number)


@workflow
async def forgiving(amount: int) -> str:
    try:
        await step(decline)(amount)
    except Declined as error:
        return f"declined: {error}"
    finally:
        await step(add)(amount, 1)
    return "paid"


@workflow
async def unforgiving(amount: int) -> int:
    return await gather(step(add)(1, 1), step(decline)(amount))  # type: ignore[return-value]


@workflow
async def patient(seconds: float) -> int:
    await sleep(seconds)
    first = await wait_for_signal("go", type=int)
    try:
        await wait_for_signal("never", timeout=2.0)
    except TimeoutError:
        return first + await wait_for_signal("go", type=int)
    return 0


@workflow
async def nested(number: int) -> int:
    return await loop(number) + await step(blocked)(number)


@workflow
async def by_chance() -> int:
    """Its end does not depend on chance, but the way there does."""
    for _ in range(random().randrange(3)):
        await step(add)(1, 1)
    assert uuid4() != uuid4()
    return 1 if now().tzinfo is not None else 0


@workflow
async def mapped(numbers: list[int]) -> list[int]:
    return await step(double).map(number=numbers, window=2)


@workflow
def blocked(number: int) -> int:
    total = add(number, 1)
    handles = [start(add, total, each) for each in range(3)]
    total = sum(each.result() for each in handles)
    try:
        decline(total)
    except Declined:
        total += 100
    sleep(0.5)
    return total


@workflow
def blocked_and_waiting() -> int:
    first = start(wait_for_signal, "go", type=int)
    won = race(start(sleep, 5.0), start(gather, start(add, 1, 2), start(add, 3, 4)))
    return first.result() + len(won)  # type: ignore[arg-type]


def example(function: DurableFunction[..., object, object], *inputs: object, **more: object) -> Example:
    return Example(function.as_program(), function.bound(inputs, {}), **more)  # type: ignore[arg-type]


class TestAsyncFunctions(ProgramSuite):
    seeds = 12

    def examples(self) -> Mapping[str, Example]:
        return {
            "loop": example(loop, 6, value=15),
            "gather": example(gathered, 3, value=[4, 6, 5, 6]),
            "race": example(raced, 3, value=3),
            "try": example(forgiving, 7, value="declined: 7 is too much"),
            "failure": example(unforgiving, 7, failed_step="decline"),
            "sleep and signals": example(patient, 3.0, signals=[("go", 40), ("go", 2)], value=42),
            "a workflow in a workflow": example(nested, 3, value=3 + 115),
            "chance": example(by_chance, value=1),
            "map": example(mapped, [1, 2, 3], value=[2, 4, 6]),
        }


class TestFunctionsOnThreads(ProgramSuite):
    seeds = 12

    def examples(self) -> Mapping[str, Example]:
        return {
            "calls": example(blocked, 3, value=4 * 3 + 3 + 100),
            "several at once": example(blocked_and_waiting, signals=[("go", 40)], value=42),
        }
