"""The journal of runs that keep nothing: events go to a ring, values stay live objects."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from penstock.engine.lanes import Batch, Fact
from penstock.engine.observing import tell
from penstock.model.machine import Run
from penstock.ports import Observer

RING = 10_000
KEPT_RUNS = 1_000

Applied = Callable[[Batch, list[Run]], None]


class EphemeralJournal:
    """See engine.journal.Journal. The last 10,000 events and the last 1,000 finished runs are kept."""

    durable = False

    def __init__(self, observers: list[Observer]) -> None:
        self.ring: deque[Fact] = deque(maxlen=RING)
        self.runs: OrderedDict[str, Run] = OrderedDict()
        self._observers = observers

    def text(self, value: Any) -> str | None:
        """Values are not encoded."""
        return None

    def commit(self, batch: Batch) -> list[Run]:
        """Keep the rows; nothing is ever refused."""
        self.ring.extend(batch.rows)
        if self._observers:
            tell(self._observers, batch.rows)
        for run in batch.over:
            self._keep(run)
        return []

    commit_at_once = commit

    def put(self, batch: Batch, applied: Applied) -> None:
        """Nothing takes time here: as `commit`."""
        applied(batch, self.commit(batch))

    def _keep(self, run: Run) -> None:
        run.rest()
        self.runs[run.id] = run
        if len(self.runs) > KEPT_RUNS:
            self.runs.popitem(last=False)
