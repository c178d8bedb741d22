"""The names for functions that are not async: the same calls, with the types of their values."""

from __future__ import annotations

import pytest

from penstock import RunFailed, task
from penstock.functions import blocking, workflow
from penstock.functions.blocking import gather, race, sleep, sleep_until, start, step, wait_for_signal


@task
def add(a: int, b: int = 1) -> int:
    return a + b


@workflow
def blocked(number: int) -> list[object]:
    number = step(add)(number)
    both = gather(start(add, 1), start(add, 2))
    place, value = race(start(sleep, 1000.0), start(add, number))
    sleep(0)
    sleep_until(blocking.now())
    return [number, both, place, value, step(add).map(a=[1, 2]), wait_for_signal("go", type=int) + 1]


@workflow
async def confused() -> None:
    sleep(1)


def test_each_call_waits_for_its_value() -> None:
    run = blocked.start(1)
    run.signal("go", 1)
    assert run.result(60) == [2, [2, 3], 1, 3, [2, 3], 2]


def test_they_are_refused_in_an_async_function() -> None:
    with pytest.raises(RunFailed, match="is for functions that are not async"):
        confused.run()
