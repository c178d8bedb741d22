"""What a keeper does on its rounds, whoever calls it and when: it extends leases and brings letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from penstock.model.changes import Letter
from penstock.ports import Store

PAGE = 500


class Household(Protocol):
    """The runs of one process. Called from the keeper's thread."""

    def held_leases(self) -> list[tuple[str, int]]:
        """(run, epoch) of every run this process drives."""

    def known_letters(self) -> dict[str, int]:
        """The last letter taken of every run this process drives."""

    def lease_lost(self, run_id: str) -> None:
        """Another engine owns the run now."""

    def deliver(self, run_id: str, letters: Sequence[Letter]) -> None:
        """Letters have come for a run."""

    def follow_kin(self) -> None:
        """Look after runs that are steps of others: have children do as their parents, and hear how children ended."""


class Rounds:
    """Keeps the leases of a household, at a third of their time, and its inboxes. Every call may raise StoreError."""

    def __init__(
        self, household: Household, store: Store, lease_seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self._household = household
        self._store = store
        self._lease = lease_seconds
        self._monotonic = monotonic
        self._extended = monotonic()

    def walk(self) -> None:
        """Extend what is due, deliver what has come."""
        now = self._monotonic()
        if now - self._extended >= self._lease / 3:
            self._extend()
            self._extended = now
        self._deliver()
        self._household.follow_kin()

    def _extend(self) -> None:
        held = self._household.held_leases()
        if not held:
            return
        still = self._store.extend("runs", held, self._lease)
        gone = {run_id: epoch for run_id, epoch in held if run_id not in still}
        rows = self._store.get("runs", gone) if gone else {}
        for run_id, row in rows.items():  # one without a row is still to be written for the first time
            # Or it was written since we asked; or we ended it, and are about to hear so.
            ours = row["state"] in ("leased", "done") and row["epoch"] == gone[run_id]
            if not ours:
                self._household.lease_lost(run_id)

    def _deliver(self) -> None:
        known = list(self._household.known_letters().items())
        for start in range(0, len(known), PAGE):
            part = dict(known[start : start + PAGE])
            for run_id, row in self._store.get("runs", part).items():
                if (row["inbox"] or 0) > part[run_id]:
                    self._household.deliver(run_id, self._store.inbox(run_id, part[run_id]))
