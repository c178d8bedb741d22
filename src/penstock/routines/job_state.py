"""The state of one job, for its user: status, history, what each routine came to, and all that is needed to go on with it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from penstock.errors import InputError
from penstock.model.failure import Failure
from penstock.routines.progress import Progress

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.routines.parties import Holding

STATUSES: Final = ("pending", "running", "paused", "completed", "failed", "cancelled")
VERSION: Final = 1


class ExecutionRecord(NamedTuple):
    """Something that happened in a job: a routine emitted an event, was started, completed without emitting, or failed."""

    routine_id: str
    event_name: str
    data: Any = None
    timestamp: datetime | None = None


class JobState:
    """One job of a flow. `execute` returns it; `save` and `load` keep it as JSON, from which another process can go on."""

    def __init__(self, flow_id: str = "", job_id: str | None = None) -> None:
        self.flow_id = flow_id
        self.job_id = job_id or str(uuid.uuid4())
        self.pause_points: list[dict[str, Any]] = []
        self.created_at = datetime.now(UTC)
        self.updated_at = self.created_at
        self.run_id: str | None = None
        self.input_id: str | None = None  # its id in the input of its run, where that is not its own
        self.store: str | None = None
        self.outcome: str | None = None  # how it really ended, whatever was made of its status since
        self.how: dict[str, Any] = {}  # strategy and workers
        self.progress = Progress(self.job_id)
        self.flow: Holding | None = None
        self.engine: Engine | None = None  # while it is driven
        self.left = threading.Event()  # set while nobody drives it
        self.left.set()
        self.lock = threading.Lock()
        self._status = "pending"
        self._told: dict[str, dict[str, Any]] = {}

    # What became of it

    @property
    def status(self) -> str:
        """pending, running, paused, completed, failed or cancelled."""
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        if status not in STATUSES:
            raise InputError(f"a job cannot be {status!r}: it is one of {', '.join(STATUSES)}")
        self._status = status
        self.updated_at = datetime.now(UTC)

    @property
    def current_routine_id(self) -> str | None:
        """The routine of which something was recorded last."""
        history = self.progress.history
        return history[-1][0] if history else None

    @property
    def error(self) -> Failure | None:
        """How it failed, if it did."""
        return self.progress.error

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """What was emitted last by each event that leads nowhere, by "routine.event"."""
        return dict(self.progress.outputs)

    @property
    def routine_states(self) -> dict[str, dict[str, Any]]:
        """By routine: its status ("completed", "failed", "error_continued", "skipped"), and how often it was activated."""
        progress = self.progress
        under_way = {message[0].routine for message in list(progress.flying.values())}
        found: dict[str, dict[str, Any]] = {}
        for name, number in list(progress.counts.items()):
            usual = "running" if name in under_way else "completed"
            if number:
                found[name] = {"status": progress.unwell.get(name, usual), "activations": number}
        for name, told in self._told.items():
            found[name] = {**found.get(name, {}), **told}
        return found

    def update_routine_state(self, routine_id: str, state: Mapping[str, Any]) -> None:
        """Note something about a routine, beside or instead of what is known."""
        self._told[routine_id] = {**self._told.get(routine_id, {}), **state}
        self.updated_at = datetime.now(UTC)

    def get_routine_state(self, routine_id: str) -> dict[str, Any] | None:
        """What is known of a routine in this job, or None."""
        return self.routine_states.get(routine_id)

    # What happened

    @property
    def execution_history(self) -> list[ExecutionRecord]:
        """The latest records, the oldest first; times in UTC."""
        return [
            ExecutionRecord(routine, event, data, datetime.fromtimestamp(at, UTC))
            for routine, event, data, at in list(self.progress.history)
        ]

    def record_execution(self, routine_id: str, event_name: str, data: Any = None) -> None:
        """Add a record."""
        now = self.updated_at = datetime.now(UTC)
        self.progress.history.append((routine_id, event_name, data, now.timestamp()))

    def get_execution_history(self, routine_id: str | None = None) -> list[ExecutionRecord]:
        """The records, or those of one routine."""
        return [each for each in self.execution_history if routine_id in (None, each.routine_id)]

    # Kept as a file

    def save(self, path: str | Path) -> None:
        """Write it as JSON. Raises CodecError for data that cannot be written, with the path to it."""
        text = _codec().encode(self.plain())
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)

    @classmethod
    def load(cls, path: str | Path, *, allow: Iterable[str] = ()) -> JobState:
        """Read it from a file. `allow` names classes in its data that may come back as themselves: "module:Name"."""
        try:
            plain = _codec(allow).decode(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"no job can be read from {str(path)!r}: {error.strerror}") from error
        return cls.of(plain, str(path))

    def plain(self) -> dict[str, Any]:
        """All of it as plain values; with the state of its flow's routines, where the flow is at hand."""
        from penstock.routines.keeping import state_of

        progress = self.progress.plain()
        if self.flow is not None:
            progress["fields"] = state_of(self.flow.routines)
        return {
            "_type": "JobState",
            "version": VERSION,
            "job_id": self.job_id,
            "flow_id": self.flow_id,
            "status": self._status,
            "outcome": self.outcome,
            "pause_points": list(self.pause_points),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "run_id": self.run_id,
            "store": self.store,
            "how": self.how,
            "routine_states": self._told,
            "error": None if self.error is None else self.error.plain(),
            "progress": progress,
        }

    @classmethod
    def of(cls, plain: Any, place: str = "what was given") -> JobState:
        """The job that `plain` told. Raises InputError for what tells of none."""
        if not isinstance(plain, dict) or plain.get("_type") != "JobState" or "version" not in plain:
            raise InputError(f"{place} tells of no job: it must hold what JobState.save wrote")
        if plain["version"] > VERSION:
            raise InputError(f"{place} was written by a newer Penstock (version {plain['version']}): upgrade")
        job = cls(plain["flow_id"], plain["job_id"])
        job._status = plain["status"]
        job.pause_points = list(plain["pause_points"])
        job.created_at = datetime.fromisoformat(plain["created_at"])
        job.updated_at = datetime.fromisoformat(plain["updated_at"])
        job.run_id, job.store, job.how = plain["run_id"], plain["store"], plain["how"]
        job._told = dict(plain["routine_states"])
        job.progress = _Unread(plain["progress"])
        job.outcome = plain["outcome"]
        error = plain["error"]
        if error is not None:
            job.progress.error = Failure(**{**error, "bases": tuple(error.get("bases", ()))})
        return job

    def __repr__(self) -> str:
        return f"<JobState {self.job_id} of {self.flow_id!r}: {self._status}>"


class _Unread(Progress):
    """The progress of a job that was read from a file and has no flow yet: its messages name their stations."""

    __slots__ = ("source",)

    def __init__(self, plain: Mapping[str, Any]) -> None:
        super().__init__(plain["id"])
        told = {**plain, "pending": (), "merged": ()}
        self.read(told, {})
        self.source = plain

    def plain(self) -> dict[str, Any]:
        kept = {name: self.source.get(name, []) for name in ("pending", "merged")}
        return {**super().plain(), **kept}


def _codec(allow: Iterable[str] = ()) -> Any:
    from penstock.codecs import JsonCodec

    return JsonCodec(allow=allow)
