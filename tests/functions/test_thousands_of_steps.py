"""Thousands of steps: each costs as much work as the first, in its life and in every replay; and their order is kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.app import Run
from penstock.engine.recovery import read_log, refold
from penstock.errors import Nondeterminism
from penstock.functions import gather, start, step, wait_for_signal, workflow

FEW, MANY = 500, 5_000


def calls(what: Callable[[], Any]) -> int:
    """How many calls, of Python's functions and of C's, something takes on this thread."""
    number = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        what()
    finally:
        sys.setprofile(before)
    return number


def until_it_waits(run: Run[Any], name: str) -> None:
    while name not in list(run.steps):
        time.sleep(0.002)


def add(total: int, number: int) -> int:
    return total + number


@workflow
async def sums(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        if number % 10 == 0:
            total = max(await gather(step(add)(total, number), step(add)(total, -number)))
        else:
            total = await step(add)(total, number)
    return total


@workflow
async def sums_and_waits(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total = await step(add)(total, number)
    return total + await wait_for_signal("more", type=int)


@pytest.mark.usefixtures("quiet")
def test_a_step_takes_as_many_calls_late_as_early() -> None:
    with penstock.open("ephemeral") as engine:
        function = sums.using(store=engine)
        function.run(10)
        few, many = (calls(lambda rounds=rounds: function.run(rounds)) for rounds in (FEW, MANY))
    assert many / few < 1.05 * MANY / FEW


@pytest.mark.usefixtures("quiet")
def test_so_does_a_step_that_is_recorded_and_one_that_is_replayed(tmp_path: Path) -> None:
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}", durability="crash") as engine:
        function = sums.using(store=engine)
        function.run(10)
        took = [calls(lambda rounds=rounds: function.run(rounds)) for rounds in (FEW, MANY)]
        assert took[1] / took[0] < 1.1 * MANY / FEW
        store, runs = engine.durable_store(), [run.id for run in engine.list(workflow="sums")]
        logs = sorted((read_log(store, engine.codec, run) for run in runs), key=len)
        program = sums.as_program()
        took = [calls(lambda log=log: refold("r", program, log)) for log in logs[1:]]
        assert took[1] / took[0] < 1.05 * MANY / FEW


def test_a_function_with_thousands_of_steps_behind_it_goes_on_and_repeats_none(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store, durability="crash") as engine:
        run = sums_and_waits.using(store=engine).start(MANY)
        until_it_waits(run, "signal more")
    with penstock.open(store, durability="crash") as engine:
        length = len(engine.get(run.id).events())
        engine.signal(run.id, "more", 1)
        assert engine.resume(run.id, sums_and_waits, wait=True).result() == sum(range(MANY)) + 1
        kinds = [type(event).__name__ for _, _, event in engine.get(run.id).events()[length:]]
    assert kinds == ["Owned", "Signalled", "RunDone"]


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def wash(what: str) -> str:
    return f"washed {what}"


def dry(what: str) -> str:
    return f"dried {what}"


@workflow(name="laundry")
async def as_recorded(times: int) -> list[str]:
    done = []
    for number in range(times):
        done.append(await step(wash)(f"{number}"))
        done.append(await step(dry)(f"{number}"))
    done.append(await wait_for_signal("end"))
    return done


@workflow(name="laundry")
async def reordered(times: int) -> list[str]:
    done = []
    for number in range(times):
        if number == times - 1:  # only where it comes to the last of them
            done.append(await step(dry)(f"{number}"))
            done.append(await step(wash)(f"{number}"))
        else:
            done.append(await step(wash)(f"{number}"))
            done.append(await step(dry)(f"{number}"))
    done.append(await wait_for_signal("end"))
    return done


@workflow(name="laundry")
def reordered_blocked(times: int) -> list[str]:
    done: list[Any] = []
    for number in range(times):
        done.append(start(dry, f"{number}").result())
        done.append(start(wash, f"{number}").result())
    done.append(start(wait_for_signal, "end").result())
    return done


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[str, str]:
    """A store with a run that has come to its end but one signal, and its id."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store, durability="crash") as engine:
        run = as_recorded.using(store=engine).start(100)
        until_it_waits(run, "signal end")
    return store, run.id


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            reordered,
            r"event 398 speaks of step 'wash-100', which the program did not ask for; open are: dry-100",
        ),
        (
            reordered_blocked,
            r"event 2 speaks of step 'wash', which the program did not ask for; open are: dry",
        ),
    ],
)
def test_code_whose_steps_come_in_another_order_is_refused_with_both_sides(
    recorded: tuple[str, str], code: Any, said: str
) -> None:
    store, run = recorded
    with penstock.open(store, durability="crash") as engine:
        before = engine.get(run).events()
        with pytest.raises(Nondeterminism, match=said):
            engine.resume(run, code)
        assert engine.get(run).status == "running"
        assert engine.get(run).events() == before, "the log is as it was"
        engine.signal(run, "end", "x")
        assert engine.resume(run, as_recorded, wait=True).result()[-2:] == ["dried 99", "x"]
