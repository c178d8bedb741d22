"""What cannot replay is found when a function is decorated: by name, with its line and what to do instead."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import time
import uuid
from datetime import date, datetime
from pathlib import Path
from random import choice
from time import time as wall_time
from typing import Any

import pytest

from penstock import task
from penstock.errors import DefinitionError
from penstock.functions import now, step, workflow
from penstock.functions.replayable import findings


def reads_the_clock() -> list[Any]:
    return [time.time(), wall_time(), datetime.now(), dt.datetime.utcnow(), date.today()]  # noqa: DTZ003, DTZ005, DTZ011


def tosses_coins() -> list[Any]:
    return [random.randint(1, 6), choice([1, 2]), random.Random(), uuid.uuid4(), os.urandom(4)]


async def waits() -> None:
    time.sleep(1)
    await asyncio.sleep(1)


def touches_the_world() -> list[Any]:
    import subprocess
    from urllib.request import urlopen

    return [
        open("file"),
        urlopen("http://localhost"),
        subprocess.run(["ls"], check=False),
        os.environ["HOME"],
        os.getenv("HOME"),
    ]


def goes_over_sets(numbers: list[int]) -> list[Any]:
    found = [number for number in set(numbers)]  # noqa: C416
    for number in {1, 2}:  # noqa: PLC0208
        found.append(hash(number))
    return found + sorted({3, *found})


def is_fine(random: Any, numbers: list[int]) -> Any:
    path = os.path.join("a", "b")
    open_orders = sorted(numbers)
    return path, open_orders, len(numbers), random.choice(numbers), datetime(2026, 1, 1), dt.timedelta(days=1)  # noqa: DTZ001


def names(fn: Any, **how: Any) -> list[str]:
    return [found.name for found in findings(fn, **how)]


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (
            reads_the_clock,
            [
                "time.time",
                "time.time",
                "datetime.datetime.now",
                "datetime.datetime.utcnow",
                "datetime.date.today",
            ],
        ),
        (tosses_coins, ["random.randint", "random.choice", "random.Random", "uuid.uuid4", "os.urandom"]),
        (waits, ["time.sleep", "asyncio.sleep"]),
        (touches_the_world, ["open", "urllib.request.urlopen", "subprocess.run", "os.environ", "os.getenv"]),
        (goes_over_sets, ["a loop over a set", "a loop over a set", "hash"]),
        (is_fine, []),
    ],
)
def test_calls_are_known_under_whatever_name_they_were_imported(fn: Any, expected: list[str]) -> None:
    assert sorted(map(_last, names(fn))) == sorted(map(_last, expected))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def test_a_finding_names_the_line_and_the_remedy() -> None:
    (first, *_) = findings(reads_the_clock)
    line = reads_the_clock.__code__.co_firstlineno + 1
    assert str(first) == f"{_near(__file__)}:{line}: time.time: use penstock.functions.now()"


def _near(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def test_it_is_refused_when_the_function_is_decorated() -> None:
    with pytest.raises(
        DefinitionError, match=r"(?s)calls what a replay would answer otherwise.*time\.time.*allow=\['time"
    ):

        @workflow
        async def late() -> float:
            return time.time()


def test_what_does_no_harm_can_be_allowed() -> None:
    assert names(reads_the_clock, allow=["time.*", "datetime.*"]) == []

    @workflow(allow=["time.time"])
    def timed() -> bool:
        return time.time() > 0

    assert timed.using(store="ephemeral").run() is True


@task
def stamp() -> float:
    return time.time()


@workflow
async def calls_what_comes_later() -> Any:
    return [await step(stamp)(), await helper_that_comes_later(), now()]


async def helper_that_comes_later() -> float:
    return time.time()


def test_functions_of_the_module_that_it_calls_are_read_and_steps_are_not() -> None:
    with pytest.raises(DefinitionError, match=r"time\.time: use") as caught:
        calls_what_comes_later.run()
    assert str(helper_that_comes_later.__code__.co_firstlineno + 1) in str(caught.value)
    assert str(caught.value).count("time.time:") == 1


def test_code_without_a_source_is_taken_as_it_is() -> None:
    names: dict[str, Any] = {"time": time}
    exec("def made():\n    return time.time()\n", names)
    assert findings(names["made"]) == []
