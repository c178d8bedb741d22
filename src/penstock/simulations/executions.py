"""Executions in a store: numbered, recorded before anything of them happens, and never left open by whatever ended them.

What became of an execution is what became of its run: a row is brought up to date when its run ends, and at the latest when
it is read. One whose process is gone has failed, unless somebody resumes its run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from penstock.errors import RunNotFound, StoreUnavailable
from penstock.model import events as e
from penstock.model.changes import OK, Change, Guard, Put
from penstock.model.states import FINISHED
from penstock.model.wording import guess
from penstock.simulations.definitions import Definitions
from penstock.simulations.noted import ended, messages
from penstock.simulations.records import ENDED, FINAL, WorkflowExecution, moment, now, spellings

if TYPE_CHECKING:
    from penstock.app import Engine

KIND = "simulation_execution"
COUNTER = "simulation_counter"
TRIES = 1_000

Row = dict[str, Any]
"""An execution as it is kept: its fields by name, `definition` in place of the definition."""


class Executions:
    """The executions that an engine's store holds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.durable_store()
        self._definitions = Definitions(engine)

    def next_id(self, workflow: str, user: str) -> str:
        """An id nobody else is given: NAME-USER-NNNN."""
        for _ in range(TRIES):
            rows = self._store.get("documents", [COUNTER])
            last = int(rows[COUNTER]["version"]) if rows else 0
            guard = Guard("documents", COUNTER, {"version": last} if rows else None)
            put = Put("documents", COUNTER, {"kind": COUNTER, "version": last + 1})
            (verdict,) = self._store.commit([Change(puts=[put], guards=[guard])])
            if verdict == OK:
                return f"{workflow}-{user}-{last + 1:04}"
        raise StoreUnavailable(f"the counter of executions was taken {TRIES:,} times in a row: try again")

    def add(self, execution: WorkflowExecution) -> WorkflowExecution:
        """Record an execution that begins."""
        row = execution._asdict()
        row["definition"] = row.pop("workflow_definition").key
        self._write(row, absent=True)
        return execution

    def get(self, execution_id: str) -> WorkflowExecution:
        """An execution by its id, with or without leading zeros. Raises RunNotFound."""
        rows = self._store.get("documents", [f"{KIND}:{each}" for each in spellings(execution_id)])
        if not rows:
            known = [each["id"].partition(":")[2] for each in self._rows(100)]
            raise RunNotFound(f"there is no execution {execution_id!r}; {guess(execution_id, known)}")
        return next(self._whole(list(rows.values())[:1]))

    def all(self, *, limit: int = 100, workflow: str | None = None) -> list[WorkflowExecution]:
        """The newest executions first, at most `limit`."""
        found: list[WorkflowExecution] = []
        after: str | None = None
        while len(found) < limit:
            rows = self._rows(limit, workflow, after)
            read = self._whole(rows)
            found += [each for each in read if workflow in (None, each.workflow_definition.workflow_name)]
            if len(rows) < limit:
                break
            after = rows[-1]["id"]
        return found[:limit]

    def messages(self, execution_id: str) -> Iterator[dict[str, Any]]:
        """What an execution has published so far, in order; nothing of one that the caller's environment drives."""
        run_id = self.get(execution_id).run_id
        return iter(()) if run_id is None else messages(self._engine, run_id)

    def update(self, execution_id: str, **changes: Any) -> None:
        """Change what is kept of an execution, unless it has ended."""
        (row,) = self._store.get("documents", [f"{KIND}:{execution_id}"]).values()
        found: Row = self._engine.codec.decode(row["data"])
        if found["status"] not in ENDED:
            self._write(found | changes)

    # How they are kept

    def _write(self, row: Row, *, absent: bool = False) -> None:
        key = f"{KIND}:{row['execution_id']}"
        put = Put(
            "documents", key, {"kind": KIND, "version": row["status"], "data": self._engine.codec.encode(row)}
        )
        guards = [Guard("documents", key, None)] if absent else []
        (verdict,) = self._store.commit([Change(puts=[put], guards=guards)])
        assert verdict == OK, f"execution {row['execution_id']} was recorded before"

    def _rows(self, limit: int, workflow: str | None = None, after: str | None = None) -> list[Row]:
        """The newest rows, also of workflows whose name begins with that one's and a dash."""
        prefix = f"{KIND}:{workflow}-" if workflow else f"{KIND}:"
        return self._store.find(
            "documents", {"kind": KIND}, prefix=prefix, after=after, limit=limit, newest_first=True
        )

    def _whole(self, rows: Iterable[Row]) -> Iterator[WorkflowExecution]:
        read = [self._current(self._engine.codec.decode(row["data"])) for row in rows]
        definitions = self._definitions.by_key([row["definition"] for row in read])
        for row in read:
            yield WorkflowExecution(workflow_definition=definitions[row.pop("definition")], **row)

    # What became of them

    def _current(self, row: Row) -> Row:
        """A row as its run says it is; what is new is written."""
        changes = self._changes(row)
        if not changes:
            return row
        self._write(row | changes)
        return row | changes

    def _changes(self, row: Row) -> dict[str, Any]:
        run_id = row["run_id"]
        if row["status"] in FINAL:
            return {}
        run = self._store.get("runs", [run_id]).get(run_id) if run_id is not None else None
        if run is None and row["status"] in ENDED:  # it had none, or that was pruned
            return {}
        changes = self._without_run(row) if run is None else self._with_run(row, run)
        return {} if all(row.get(name) == value for name, value in changes.items()) else changes

    def _without_run(self, row: Row) -> dict[str, Any]:
        from penstock.app.owners import is_gone

        return _left("the process that ran it is gone", None) if is_gone(row["owner"]) else {}

    def _with_run(self, row: Row, run: Row) -> dict[str, Any]:
        from penstock.app.owners import is_gone

        if run["status"] in FINISHED:
            known = row["status"] in ENDED and not row["left"] and row["end_time"] == moment(run["updated"])
            return {} if known else self._outcome(run)
        if run["status"] == "running" and (run["state"] != "leased" or is_gone(run["owner"])):
            said = f"its runner is gone; go on: penstock resume {run['id']}"
            return _left(said, ended(self._engine, run["id"]).figures) | {
                "end_time": row["end_time"] or now()
            }
        return {"status": "running", "end_time": None, "error_message": None, "left": False}

    def _outcome(self, run: Row) -> dict[str, Any]:
        measured, last = ended(self._engine, run["id"])
        status, said = "completed", None
        if isinstance(last, e.RunFailed):
            status = "timed_out" if last.error.cause == "timeout" else "failed"
            said = str(last.error)
        elif isinstance(last, e.RunCancelled):
            status, said = "terminated", last.reason or None
        return {
            "status": status,
            "error_message": said,
            "end_time": moment(run["updated"]),
            "performance_metrics": measured,
            "left": False,
        }


def _left(said: str, measured: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "status": "failed",
        "error_message": said,
        "end_time": now(),
        "performance_metrics": measured,
        "left": True,
    }
