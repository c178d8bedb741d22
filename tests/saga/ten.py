"""Ten steps, one after another, each with its undo; the tests fail one of them, and kill the process in an undo.

As a script: `ten.py STORE EFFECTS FAIL_AT DIE_AT STYLE`. Effects are lines of a file: whatever is killed, they stay.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import penstock
from penstock import Workflow
from penstock.functions import step, workflow

STEPS = 10
effects = Path(os.devnull)
fail_at = die_at = 0


def effect(line: str) -> None:
    with effects.open("a") as file:
        file.write(line + "\n")


def do(number: int, **before: Any) -> int:
    if number == fail_at:
        raise ValueError(f"step {number} fails")
    effect(f"do {number}")
    return number * number


def undo(result: int, number: int) -> None:
    """Dies before its effect if the number is even, else after."""
    assert result == number * number
    if number == die_at and number % 2 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    effect(f"undo {number}")
    if number == die_at:
        os.kill(os.getpid(), signal.SIGKILL)


def in_tasks() -> Workflow:
    flow = Workflow("ten")
    for number in range(1, STEPS + 1):
        before = [f"step{number - 1}"] if number > 1 else []
        flow.add_task(do, name=f"step{number}", values={"number": number}, depends_on=before, undo=undo)
    return flow


@workflow
async def in_a_function() -> None:
    for number in range(1, STEPS + 1):
        await step(do, undo=undo)(number)


@workflow
async def with_an_end_that_cannot_be_stored() -> object:
    await in_a_function()
    return object()


STYLES = {"tasks": in_tasks(), "function": in_a_function}
"""Workflows of the same ten steps."""
ALL = {**STYLES, "unstorable": with_an_end_that_cannot_be_stored}


def main(store: str, to: str, *numbers: str) -> None:
    global effects, fail_at, die_at
    effects, fail_at, die_at = Path(to), int(numbers[0]), int(numbers[1])
    with penstock.open(store) as engine:
        engine.run(ALL[numbers[2]])


if __name__ == "__main__":
    main(*sys.argv[1:])
