"""Drives one run of a durable function with thousands of steps, and says when it has ended.

    python -m tests.faults.looped FUNCTION STORE SIDE KEY STEPS DURABILITY

Each attempt of a step leaves a line with its name in the file SIDE.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import penstock
from penstock import task
from penstock.functions import gather, random, start, step, workflow

PRIME = 1_000_003
NAP_SECONDS = 0.001


class Odd(Exception):
    pass


side = -1
most = 0
"""So many steps this process begins; in the next one it waits to be killed."""


def said() -> None:
    global most
    if not most:
        time.sleep(600)
    most -= 1
    name = penstock.context().step
    os.write(side, f"{name}\n".encode())
    if name.endswith("7"):
        time.sleep(NAP_SECONDS)


def _turned(total: int, number: int) -> int:
    return (total * 31 + number) % PRIME


@task
def turn(total: int, number: int) -> int:
    said()
    return _turned(total, number)


@task
def halve(total: int) -> int:
    said()
    if total % 2:
        raise Odd(f"{total} is odd")
    return total // 2


@task
async def share(total: int, number: int) -> int:
    said()
    return _turned(total, number)


@workflow
async def looped(steps: int) -> list[int]:
    """A loop with branches, exceptions and gathers, until so many steps were taken."""
    total, taken = 1, 0
    chance = random()
    while taken < steps:
        if total % 5 == 0:
            parts = await gather(share(total, 1), step(turn)(total, 2), share(total, 3))
            total, taken = sum(parts) % PRIME, taken + 3
        elif total % 5 == 1:
            try:
                total = await step(halve)(total)
            except Odd:
                total = await step(turn)(total, taken)
                taken += 1
            taken += 1
        else:
            total = await step(turn)(total, taken)
            taken += 1
        chance.random()
    return [total, taken]


@workflow
def looped_blocked(steps: int) -> list[int]:
    """The same on a thread of its own."""
    total, taken = 1, 0
    while taken < steps:
        if total % 5 == 0:
            parts = gather(start(share, total, 1), start(turn, total, 2), start(share, total, 3))
            total, taken = sum(parts) % PRIME, taken + 3  # type: ignore[call-overload]
        elif total % 5 == 1:
            try:
                total = halve(total)
            except Odd:
                total = turn(total, taken)
                taken += 1
            taken += 1
        else:
            total = turn(total, taken)
            taken += 1
    return [total, taken]


def expected(steps: int) -> list[int]:
    """What every run must give."""
    total, taken = 1, 0
    while taken < steps:
        if total % 5 == 0:
            total, taken = sum(_turned(total, number) for number in (1, 2, 3)) % PRIME, taken + 3
        elif total % 5 == 1:
            total, taken = (_turned(total, taken), taken + 2) if total % 2 else (total // 2, taken + 1)
        else:
            total, taken = _turned(total, taken), taken + 1
    return [total, taken]


FUNCTIONS: dict[str, Any] = {"looped": looped, "looped_blocked": looped_blocked}


if __name__ == "__main__":
    name, store, file, key, steps, durability = sys.argv[1:]
    side = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with penstock.open(store, lease_seconds=0.1, durability=durability) as engine:
        print("ready", flush=True)
        most = int(sys.stdin.readline())
        run = FUNCTIONS[name].using(store=engine, key=key)
        print("done", run.run(int(steps)), flush=True)
