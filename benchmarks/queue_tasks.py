"""How many queue tasks are claimed and completed in a second, sixteen at a time, by one and by four processes on SQLite?

At the store: a claim is one transaction, and so are the sixteen fenced completions that follow it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measuring.bare import Rows
from benchmarks.measuring.children import told_together
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Rounds, Scale, in_turn
from benchmarks.measuring.work import VALUE, expect
from penstock.app.addresses import store_at
from penstock.model.changes import Change, Guard, Ok, Put
from penstock.ports import Claim, Store

TASKS = 4_000
BATCH = 16
WORKERS = 4
LEASE_SECONDS = 30.0

BUDGET = Budget(
    "queue_tasks", "queue task, claimed and completed, batch 16: SQLite", "a second",
    must=5_000, aim=10_000, more_is_better=True,
)  # fmt: skip
BUDGETS = (BUDGET,)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    bare = Rows(folder, "FULL", scale.size)
    queue = Queue(folder, scale.of(TASKS, BATCH))
    alone = in_turn(scale, bare.seconds_a_row, lambda: queue.worked_off(workers=1))
    found = in_turn(scale, bare.seconds_a_row, lambda: queue.worked_off(workers=WORKERS))
    bare.close()
    queue.verify()
    note = (
        f"{WORKERS} processes; one process alone {per_second(alone):,.0f};"
        f" {found.ratio:.2g} F a task; F was {found.bare_microseconds:.3g} us"
    )
    yield figure(BUDGET, per_second(found), 1 / min(found.work), rounds=found.number, note=note)


def per_second(found: Rounds) -> float:
    return median(1 / seconds for seconds in found.work)


class Queue:
    """A store whose queue is filled anew for every round."""

    def __init__(self, folder: Path, tasks: int) -> None:
        self.folder = folder
        self.address = f"sqlite:///{folder}/queue.db"
        self.tasks = tasks
        self._rounds = 0
        self._store = opened(self.address)

    def worked_off(self, workers: int) -> float:
        """Seconds a task, from the moment that all workers are told to begin to the end of the last."""
        queue = self._fill()
        worker = ["-m", "benchmarks.queue_tasks", self.address, queue]
        spent, counts = told_together([worker] * workers, self.folder)
        expect(sum(map(int, counts)), self.tasks)
        return spent / self.tasks

    def _fill(self) -> str:
        self._rounds += 1
        queue = f"q{self._rounds}"
        columns = {"state": "ready", "queue": queue, "data": VALUE}
        for start in range(0, self.tasks, 500):
            keys = range(start, min(start + 500, self.tasks))
            self._store.commit([Change(puts=[Put("queued", f"{queue}-{key}", columns)]) for key in keys])
        return queue

    def verify(self) -> None:
        """Every task is done, and was claimed once."""
        done = self._store.find("queued", {"state": "done", "epoch": 1}, limit=10_000_000)
        expect(len(done), self._rounds * self.tasks)
        self._store.close()


def opened(address: str) -> Store:
    store = store_at(address)
    assert store is not None
    return store


def work_off(store: Store, queue: str, owner: str) -> int:
    """Claim and complete until nothing is left; how many this worker completed."""
    done = 0
    while claims := store.claim("queued", owner, ttl=LEASE_SECONDS, limit=BATCH, queue=queue):
        complete(store, claims)
        done += len(claims)
    return done


COMPLETED = {"state": "done", "owner": None, "due": None}


def complete(store: Store, claims: Sequence[Claim]) -> None:
    """Each under its own lease: one that was taken over meanwhile would be refused."""
    changes = [
        Change(
            guards=[Guard("queued", claim.id, {"epoch": claim.epoch, "state": "leased"})],
            puts=[Put("queued", claim.id, COMPLETED)],
        )
        for claim in claims
    ]
    verdicts = store.commit(changes)
    expect([type(verdict) for verdict in verdicts], [Ok] * len(claims))


def main() -> None:
    address, queue = sys.argv[1:]
    store = opened(address)
    print("ready", flush=True)
    sys.stdin.readline()
    print(work_off(store, queue, f"worker-{os.getpid()}"), flush=True)
    store.close()


if __name__ == "__main__":
    main()
