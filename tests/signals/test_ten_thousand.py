"""Ten thousand signals from four processes to a hundred runs, whose process dies meanwhile: each taken once, and in order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import penstock
from penstock.app import Engine
from penstock.model import events as e
from penstock.model.changes import Letter
from penstock.model.machine import Run
from tests.faults.lives import wait_until
from tests.signals.posted import collects, runs

SENDERS = 4
EACH = 25
"""So many signals a sender and run: with a hundred runs, ten thousand in all."""


def begin(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.signals.posted", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def send(store: Path, first: int, last: int) -> list[subprocess.Popen[str]]:
    return [begin("send", store, sender, first, last) for sender in range(SENDERS)]


def drive(store: Path) -> subprocess.Popen[str]:
    life = begin("drive", store, SENDERS * EACH)
    assert life.stdout is not None
    assert life.stdout.readline() == "started\n"
    return life


def succeed(*lives: subprocess.Popen[str]) -> list[str]:
    """What they still say; `communicate` would not give what was read ahead."""
    told = []
    for life in lives:
        assert life.stdout is not None
        with life.stdout as stdout:
            told.append(stdout.read())
        assert life.wait() == 0
    return told


def signals_in(engine: Engine, run: str) -> list[tuple[int, int]]:
    """(sender, number) of every one that its log has, in order."""
    events = (event for _, _, event in engine.get(run).events())
    found = [event.value for event in events if isinstance(event, e.Signalled) and event.name == "item"]
    return [(value["sender"], value["number"]) for value in found]


def test_each_is_taken_once_and_in_order_by_the_run_it_was_sent_to(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    store = tmp_path / "runs.db"
    first = drive(store)
    succeed(*send(store, 0, EACH // 2))
    with penstock.open(store, durability="crash") as engine:
        half = sum(len(signals_in(engine, run)) for run in runs())
        for run in runs():
            engine.signal(run, "begin", None)
        senders = send(store, EACH // 2, EACH)
        wait_until(lambda: len(signals_in(engine, runs()[0])) > SENDERS * EACH * 0.7, "many have come")
        first.kill()
        first.communicate()
        second = drive(store)
        succeed(*senders)
        (told,) = succeed(second)
        results = [[tuple(pair) for pair in json.loads(line)] for line in told.splitlines()]
        everything = {(sender, number) for sender in range(SENDERS) for number in range(EACH)}
        for run, taken in zip(runs(), results, strict=True):
            assert len(taken) == len(everything)
            assert set(taken) == everything
            assert taken == signals_in(engine, run), "in the order in which they came"
            for sender in range(SENDERS):
                mine = [number for who, number in taken if who == sender]
                assert mine == sorted(mine), "in the order in which their sender sent them"
    record_property("told", f"signals: {half:,} of {100 * SENDERS * EACH:,} came before they were waited for")


def test_letters_for_a_run_that_is_not_adopted_yet_stay_in_its_inbox() -> None:
    """The keeper may be quicker than the driver that is to have the run."""
    with penstock.open("memory:") as engine:
        driver = engine.own_driver()
        run = Run("r", collects.as_program())
        letters = [Letter(number, 0.0, "signal", "item", "1", "somebody") for number in (1, 2)]
        driver.take(run, letters, engine.codec)
        assert run.letters == 0
        driver.start(run, e.RunStarted("collects", "", {"signals": 2}, 1))
        driver.take(run, letters, engine.codec)
        assert (run.letters, [*run.signals["item"]]) == (2, [1, 1])
