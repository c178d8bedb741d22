"""Two worker processes on a queue with a rate: what the logs say of when its runs began."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from bisect import bisect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import penstock
from penstock.app import Engine
from penstock.app.queues import Queues
from penstock.model import events as e
from tests.faults.lives import wait_until
from tests.faults.worked import flow

RUNS, WORKERS, RATE, BOUND = 200, 2, 50, 5
PAUSE_SECONDS = 0.5
LEASE_SECONDS = 30.0
"""Longer than any machine keeps a process waiting."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db", durability="crash") as engine:
        yield engine


@pytest.fixture
def hire(tmp_path: Path) -> Iterator[Callable[[], None]]:
    workers: list[subprocess.Popen[bytes]] = []

    def hire() -> None:
        command = [sys.executable, "-m", "tests.faults.worked", str(tmp_path / "runs.db"), str(LEASE_SECONDS)]
        side = {**os.environ, "WORKED_SIDE": str(tmp_path / "side")}
        workers.append(subprocess.Popen(command, env=side))

    yield hire
    for worker in workers:
        worker.kill()
        worker.wait()


def test_workers_together_begin_no_more_than_the_rate_of_a_queue_whatever_it_is_changed_to(
    engine: Engine, hire: Callable[[], None], record_property: Callable[[str, object], None]
) -> None:
    queues = Queues(engine)
    queues.pace("default", "1/d")
    queues.bound("default", BOUND)
    low = [engine.submit(flow, {"n": n}).id for n in range(RUNS // 2)]
    high = [engine.submit(flow, {"n": n}, priority=100).id for n in range(RUNS // 2)]
    for _ in range(WORKERS):
        hire()
    wait_until(lambda: len(queues.workers()) == WORKERS and begun(engine) == 1, "one run has begun")
    queues.pace("default", f"{RATE}/s")
    wait_until(lambda: begun(engine) > RUNS // 4, "some have begun")
    queues.pace("default", "1/d")
    so_far = begun(engine)
    time.sleep(PAUSE_SECONDS)  # at the rate as it was, 25 would begin
    still = begun(engine)
    queues.pace("default", f"{RATE}/s")
    wait_until(lambda: finished(engine) == RUNS, "every run is done")

    moments = {run: (began_at(engine, run), ended_at(engine, run)) for run in [*low, *high]}
    began = sorted(at for at, _ in moments.values())
    fullest = max(bisect(began, at + 1.0) - place for place, at in enumerate(began))
    assert fullest <= RATE + 1 + BOUND, "workers may be late with the tokens that they drew"
    assert still - so_far <= 1 + BOUND
    owners = {
        event.owner for run in moments for _, _, event in engine.get(run).events() if type(event) is e.Owned
    }
    assert len(owners) == WORKERS
    first_low = min(moments[run][0] for run in low)
    assert sum(moments[run][0] > first_low for run in high) <= WORKERS, "each may be late with one"
    assert most_at_once(list(moments.values())) <= BOUND
    record_property(
        "told",
        f"queues: {RUNS} runs at {RATE}/s by {WORKERS} workers; at most {fullest} began within a second,"
        f" {still - so_far} after the rate was taken down",
    )


def begun(engine: Engine) -> int:
    counts = engine.durable_store().health()["statuses"]
    return sum(number for status, number in counts.items() if status != "pending")


def finished(engine: Engine) -> int:
    return int(engine.durable_store().health()["statuses"].get("completed", 0))


def began_at(engine: Engine, run: str) -> float:
    return next(at for _, at, event in engine.get(run).events() if isinstance(event, e.Owned))


def ended_at(engine: Engine, run: str) -> float:
    return engine.get(run).events()[-1][1]


def most_at_once(spans: list[tuple[float, float]]) -> int:
    moments = sorted([(ended, -1) for _, ended in spans] + [(began, 1) for began, _ in spans])
    inside = most = 0
    for _, change in moments:
        inside += change
        most = max(most, inside)
    return most
