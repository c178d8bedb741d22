"""How soon does a bell rung in one process wake another? p99 over some hundred rings, each heard before the next.

Beside it, in turn, a byte through a pipe between the same two processes: what the machine's scheduler takes at this moment.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from benchmarks.measuring.children import Child, child
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import expect
from penstock.app.addresses import store_at
from penstock.model.changes import Change, Put
from penstock.ports import Store

RINGS = 1_000
APART_SECONDS = 0.002
"""Between two rings: long enough for the other process to have gone to sleep."""
TOPIC = "queue:wake-up"
LIMIT_SECONDS = 5.0

BUDGET = Budget("wake_up", "wake-up across processes, p99", "ms", must=5.0, aim=2.0)
BUDGETS = (BUDGET,)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    address = f"sqlite:///{folder}/bells.db"
    store = store_at(address)
    assert store is not None
    rings = scale.of(RINGS, 20)
    with child(["-m", "benchmarks.wake_up", address], folder) as sleeper:
        expect(sleeper.answer(), "ready")
        bells, pipes, commits = [], [], []
        for number in range(rings):
            bells.append(woken(sleeper, lambda: store.ring([TOPIC])))
            pipes.append(woken(sleeper, lambda: sleeper.tell("wake")))
            if number % 10 == 0:
                commits.append(woken(sleeper, partial(enqueue, store, str(number))))
    store.close()
    note = (
        f"p50 {1e3 * median(bells):.2g} ms; a byte through a pipe p50 {1e3 * median(pipes):.2g} ms,"
        f" p99 {1e3 * p99(pipes):.2g} ms; with the durable commit before it p50 {1e3 * median(commits):.2g} ms"
    )
    halves = p99(bells[: rings // 2]), p99(bells[rings // 2 :])
    yield figure(BUDGET, 1e3 * p99(bells), 1e3 * min(halves), rounds=rings, note=note)


def enqueue(store: Store, key: str) -> None:
    """What wakes workers: a row that becomes ready."""
    columns = {"state": "ready", "queue": "wake-up"}
    store.commit([Change(puts=[Put("queued", key, columns)])])


def woken(sleeper: Child, wake: Callable[[], None]) -> float:
    """Seconds from just before the ring to the moment at which the other process was awake."""
    time.sleep(APART_SECONDS)
    begun = time.monotonic_ns()
    wake()
    return (int(sleeper.answer()) - begun) / 1e9


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]


# ── the process that sleeps ─────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    """Say when it woke, by the clock that all processes share; end when the pipe is closed."""
    (address,) = sys.argv[1:]
    store = store_at(address)
    assert store is not None
    bell = store.watch([TOPIC])
    print("ready", flush=True)
    try:
        while True:
            rang, _, _ = select.select([bell.fileno(), 0], [], [], LIMIT_SECONDS)
            awake = time.monotonic_ns()
            if not rang or (0 in rang and not os.read(0, 100)):
                return
            if bell.fileno() in rang:
                bell.drain()
            print(awake, flush=True)
    finally:
        bell.close()
        store.close()


if __name__ == "__main__":
    main()
