"""A worker: takes runs that wait in queues, and runs whose process has gone, and drives them in this process.

What is claimed, by whom and until when is the store's; a worker that dies leaves leases that lapse, and its runs go on where
their logs end, in whichever worker is first. A worker that was only stopped finds its leases gone and records nothing more.

Besides, every worker fires the store's schedules.
"""

from __future__ import annotations

import logging
import os
import platform
import select
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from typing import Any, Final

from penstock.app.claiming import Taking
from penstock.app.engine import Engine
from penstock.app.owners import is_gone
from penstock.app.queues import Queues
from penstock.app.run import Run
from penstock.app.scheduling.firing import Firer
from penstock.app.uptake import Taken, Uptake
from penstock.engine.recovery import evict, give_back
from penstock.errors import LeaseLost, PenstockError, StoreError
from penstock.model.program import Definition
from penstock.model.states import FINISHED
from penstock.ports import Claim

SLOTS: Final = 100
DRAIN_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 1.0
"""A bell may be lost, and the process behind a lease may be known to be gone before the lease lapses."""
MOST_TAKEOVERS: Final = 5
"""A run that was taken over so often with nothing done in between most likely ends its processes: it is parked."""
REFUSED_SECONDS: Final = 30.0
"""For how long a run is left to others that this worker has no code for."""

_log = logging.getLogger("penstock.worker")


class Worker:
    """Drives at most `slots` runs at once, taken from `queues` (None: all) and from processes that have gone.

    `definitions` are workflows whose code is at hand; of others the code is looked for where their runs recorded it.
    """

    def __init__(
        self,
        engine: Engine,
        definitions: Iterable[Definition] = (),
        *,
        queues: Sequence[str] | None = None,
        slots: int = SLOTS,
    ) -> None:
        self.engine = engine
        self.queues = queues
        self.slots = slots
        self.driven: dict[str, Run[Any]] = {}
        self.ended = 0
        self.refused: dict[str, tuple[float, str]] = {}  # run -> (until when it is left to others, why)
        self._uptake = Uptake(engine, definitions)
        self._topic = f"worker:{engine.owner}"
        self._stopping = threading.Event()
        self._queues = Queues(engine)
        self._taking = Taking(engine, queues)
        self._pace = self._taking.pace
        self._schedules = Firer(engine)
        self._looked_at = float("-inf")

    # ── from any thread ─────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Take no more runs. `serve` returns when those under way are over, or when its time to drain is up."""
        self._stopping.set()
        self._ring()

    def _ring(self, *topics: str) -> None:
        """Wake this worker, and whoever else waits for one of these topics."""
        try:
            self.engine.durable_store().ring([self._topic, *topics])
        except (StoreError, PenstockError):  # the engine is closing
            return

    # ── the worker's own ────────────────────────────────────────────────────────────────────────────────────────────

    def serve(self, *, until_idle: bool = False, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Take and drive runs until `stop`, or with `until_idle` until nothing waits and nothing runs.

        What is unfinished `drain_seconds` after `stop` is left for other workers; close the engine after that.
        """
        store = self.engine.durable_store()
        self._uptake.learn_code()
        topics = ["queue:*"] if self.queues is None else [f"queue:{name}" for name in self.queues]
        with closing(store.watch([*topics, self._topic])) as bell:
            try:
                self._serve(bell, until_idle, drain_seconds)
            finally:
                self._queues.leave()

    def _serve(self, bell: Any, until_idle: bool, drain_seconds: float) -> None:
        while not self._stopping.is_set():
            took = self._round()
            if until_idle and not took and not self._still_driven() and not self._pace.waits:
                return
            if not took:
                _listen(bell, self._seconds_to_wait())
        deadline = time.monotonic() + drain_seconds
        while self._still_driven() and time.monotonic() < deadline:
            _listen(bell, min(LOOK_SECONDS, deadline - time.monotonic()))

    def _round(self) -> bool:
        """Take what may be taken. False if there was nothing, or no slot."""
        free = self.slots - self._still_driven()
        try:
            self._look_around()
            self._schedules.fire()
            claims = self._taking.take(free, self._left_to_others()) if free > 0 else []
        except StoreError as error:
            _log.warning("no run could be taken: %s", error)
            return False
        for claim in claims:
            if not self._begin(claim):
                self._pace.spare(claim.id)
        with suppress(StoreError):  # tokens that are lost only make less begin
            self._pace.settle()
        return bool(claims)

    def _look_around(self) -> None:
        """Once in a while: say that this worker lives, free the runs of processes that are known to be gone, read schedules."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._tell()
        self._evict_the_dead()
        self._schedules.look()

    def _tell(self) -> None:
        refused = {run: why for run, (_, why) in self.refused.items()}
        self._queues.report(
            {
                "pid": os.getpid(),
                "host": platform.node(),
                "queues": self.queues,
                "slots": self.slots,
                "driven": len(self.driven),
                "ended": self.ended,
                "refused": refused,
            }
        )

    def _still_driven(self) -> int:
        """How many runs are under way here; paused ones need no slot."""
        over = [run_id for run_id, run in self.driven.items() if run.left]
        for run_id in over:
            del self.driven[run_id]
        self.ended += len(over)
        return sum(run.status != "paused" for run in list(self.driven.values()))

    def _left_to_others(self) -> dict[str, tuple[float, str]]:
        now = time.monotonic()
        self.refused = {run: told for run, told in self.refused.items() if told[0] > now}
        return self.refused

    def _evict_the_dead(self) -> None:
        """Leases of processes that are known to be gone need not lapse first."""
        store = self.engine.durable_store()
        for row in store.find("runs", {"state": "leased"}, limit=1_000):
            if row["owner"] != self.engine.owner and is_gone(row["owner"]):
                evict(store, row["id"], row["owner"], row["epoch"])

    def _begin(self, claim: Claim) -> bool:
        """Whether a run that was claimed is driven here now."""
        try:
            taken = self._uptake.take_up(claim)
        except LeaseLost:
            return False
        except PenstockError as error:
            self.refused[claim.id] = (time.monotonic() + REFUSED_SECONDS, str(error))
            _log.warning("run %s is left to other workers: %s", claim.id, error)
            store = self.engine.durable_store()
            give_back(store, claim.id, claim.epoch, finished=claim.data["status"] in FINISHED)
            return False
        if taken is not None:
            self._drive(taken, claim.data["queue"])
        return taken is not None

    def _drive(self, taken: Taken, queue: str) -> None:
        park, recovered = "", taken.recovered
        if taken.takeovers >= MOST_TAKEOVERS and recovered.state.status == "running":
            park = f"parked: {taken.takeovers} processes in a row had it and ended with nothing done"
            _log.warning("run %s is %s", recovered.state.id, park)
        handle = self.engine.take_over(recovered, taken.definition, park, taken.notes)
        self.driven[handle.id] = handle
        held = self.engine.holdings.get(handle.id)
        if held is None:  # it is over already
            self._has_begun(handle.id)
        else:
            held.driver.post(self._has_begun, handle.id)
        handle.when_over(lambda: self._ring(f"queue:{queue}"))

    def _has_begun(self, run: str) -> None:
        """On the driver's thread, after it took a run up."""
        if self._pace.begun(run):
            self._ring()

    def _seconds_to_wait(self) -> float:
        longest = self._schedules.seconds_to_wait(LOOK_SECONDS)
        if self._still_driven() >= self.slots:
            return longest
        waits = [longest, self.engine.durable_store().next_due("runs", self.queues), self._pace.seconds]
        return min(
            each for each in waits if each
        )  # what is ready and was not taken waits for a bell, or for a token


def _listen(bell: Any, seconds: float) -> None:
    if select.select([bell], [], [], max(0.0, seconds))[0]:
        bell.drain()
