"""Looking at runs: those this process drives, and those the store knows."""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Iterable
from typing import Any, cast, get_args

from penstock.app.parts import Parts
from penstock.app.run import Run, RunEngine
from penstock.engine.ephemeral import EphemeralJournal
from penstock.errors import RunNotFound, SettingsError, StepTimeout
from penstock.model import events as e
from penstock.model import machine
from penstock.model.history import StepRecord, steps_in
from penstock.model.states import RunStatus
from penstock.ports import Store


class Reading(Parts):
    """The part of an engine that only looks."""

    def get(self, name: str) -> Run[Any]:
        """A run by its id, a unique beginning of it, or "latest": the newest that is no step of another. Raises RunNotFound."""
        known = self.known(name)
        if known is not None:
            return known
        if self.store is None:
            raise RunNotFound(f"no run {name!r}: an ephemeral engine keeps its last 1,000 finished runs only")
        rows = newest_root(self.store) if name == "latest" else self.store.find("runs", prefix=name, limit=3)
        if not rows:
            what = "the store holds no run yet" if name == "latest" else f"no run begins with {name!r}"
            raise RunNotFound(f"{what} in {self.address}; see `penstock runs`")
        if len(rows) > 1:
            raise RunNotFound(
                f"{name!r} begins several runs: {', '.join(row['id'] for row in rows)}; give more of it"
            )
        return self.handle(rows[0])

    def list(
        self, *, status: RunStatus | None = None, workflow: str | None = None, limit: int = 100
    ) -> builtins.list[Run[Any]]:
        """The newest runs first. Raises SettingsError for a status that is none, and for a limit below 1."""
        if status is not None and status not in get_args(RunStatus):
            raise SettingsError(f"status={status!r} is none; there are {', '.join(get_args(RunStatus))}")
        if limit < 1:
            raise SettingsError(f"limit={limit!r} must be at least 1")
        return [self.handle(row) for row in self.rows(status=status, workflow=workflow, limit=limit)]

    def rows(
        self, *, status: str | None = None, workflow: str | None = None, limit: int = 100
    ) -> builtins.list[dict[str, Any]]:
        """The rows of table `runs`, the newest first."""
        where = {
            name: value for name, value in (("status", status), ("workflow", workflow)) if value is not None
        }
        return self.durable_store().find("runs", where, limit=limit, newest_first=True)

    def status_of(self, run_id: str) -> RunStatus:
        """A run's status as recorded."""
        rows = self.durable_store().get("runs", [run_id])
        if run_id not in rows:
            raise RunNotFound(f"no run {run_id!r} in {self.address}; see `penstock runs`")
        status: RunStatus = rows[run_id]["status"]
        return status

    def events_of(self, run_id: str, after: int = 0) -> builtins.list[tuple[int, float, e.Event]]:
        """A run's log as events; with `after` what follows that one."""
        if self.store is None:
            assert isinstance(self.journal, EphemeralJournal)
            return [
                (sequence, at, event)
                for run, sequence, at, event in list(self.journal.ring)
                if run.id == run_id and sequence > after
            ]
        from penstock.app.logs import read_events

        return read_events(self, run_id, after)

    def steps_of(self, run_id: str) -> dict[str, StepRecord]:
        """A run's steps as its log tells them."""
        return steps_in(self.events_of(run_id))

    def outcome_of(self, run_id: str) -> machine.Outcome:
        """How a finished run ended."""
        from penstock.app.logs import read_outcome

        return read_outcome(self, run_id)

    def wait_for(self, run_id: str, statuses: Iterable[RunStatus], timeout: float | None = None) -> RunStatus:
        """Wait until a run that somebody else drives has one of these statuses. Raises StepTimeout."""
        wanted = frozenset(statuses)
        deadline = None if timeout is None else time.monotonic() + timeout
        bell = self.durable_store().watch([f"run:{run_id}"])
        try:
            while (status := self.status_of(run_id)) not in wanted:
                left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
                if left <= 0:
                    raise StepTimeout(f"run {run_id} is still {status} after {timeout} s")
                _listen(bell, left)
            return status
        finally:
            bell.close()

    def known(self, run_id: str) -> Run[Any] | None:
        """The run of exactly that id, if there is one."""
        held = self.holdings.get(run_id)
        if held is not None:
            return held.handle
        if self.store is None:
            assert isinstance(self.journal, EphemeralJournal)
            kept = self.journal.runs.get(run_id)
            return None if kept is None else self._finished(kept)
        rows = self.store.get("runs", [run_id])
        return self.handle(rows[run_id]) if run_id in rows else None

    def _finished(self, kept: machine.Run) -> Run[Any]:
        """A new handle on a run that has finished: the run itself knows of none, so that nothing goes in circles."""
        run: Run[Any] = Run(self._as_engine(), kept.id, kept.workflow, kept)
        run.finished(kept.final)
        return run

    def handle(self, row: dict[str, Any]) -> Run[Any]:
        """A user's handle on a run that this process does not drive, by its row."""
        return Run(self._as_engine(), row["id"], row["workflow"])

    def _as_engine(self) -> RunEngine:
        return cast(RunEngine, self)  # whatever reads is a part of an engine


def parent_of(store: Store, run_id: str) -> str | None:
    """The run of which a run is a step, if it is one."""
    begun = store.read(run_id, 0, 1)
    parent: str | None = json.loads(begun[0].body).get("parent") if begun else None
    return parent


def newest_root(store: Store) -> builtins.list[dict[str, Any]]:
    """The row of the newest run that is no step of another; none where there is none."""
    after = None
    while page := store.find("runs", limit=100, newest_first=True, after=after):
        for row in page:
            if parent_of(store, row["id"]) is None:
                return [row]
        after = page[-1]["id"]
    return []


def _listen(bell: Any, seconds: float) -> None:
    import select

    if select.select([bell], [], [], seconds)[0]:
        bell.drain()
