"""How far a job is: what waits, what is under way, what was merged, what happened; plain enough to be written as JSON.

A message is (station, data): a slot of a routine, and what it is to be given. In plain form it is [routine, slot, data].
`known` is live only: of each routine what it is known to have recorded; None until the routines at hand have that state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.errors import InputError
from penstock.model.failure import Failure

Message = tuple[Any, dict[str, Any]]
Place = tuple[str, str]

HISTORY = 1_000
"""So many records of what happened are kept, the latest, unless a flow says otherwise."""


class Progress:
    """See the module."""

    __slots__ = (
        "counts", "error", "fields", "flying", "history", "job", "known", "merged", "outputs", "stack", "unwell",
    )  # fmt: skip

    def __init__(self, job: str, *, history: int = HISTORY) -> None:
        self.job = job
        self.stack: list[Message] = []  # the next one is the last
        self.flying: dict[str, Message] = {}  # asked for, by key, in order of asking
        self.merged: dict[Any, dict[str, Any]] = {}  # station -> what its slot holds
        self.counts: dict[str, int] = {}  # activations that were asked for, by routine
        self.history: deque[tuple[str, str, Any, float]] = deque(maxlen=history)
        self.unwell: dict[str, str] = {}  # routines whose last activation failed: with which word
        self.outputs: dict[str, dict[str, Any]] = {}  # what was emitted last by events that lead nowhere
        self.fields: dict[str, dict[str, Any]] = {}  # recorded state of routines, by field
        self.error: Failure | None = None
        self.known: dict[str, Any] | None = None

    def pending(self) -> list[Message]:
        """What is to be delivered yet, the next one first; what is under way comes before what waits."""
        return [*self.flying.values(), *reversed(self.stack)]

    def take_back(self) -> None:
        """What was under way is to be asked for anew: the run it was asked of is no more."""
        self.stack.extend(reversed(self.flying.values()))
        self.flying.clear()

    def apply(self, routine: str, changes: Iterable[list[Any]]) -> None:
        """Take in what changed of a routine's state: [field, key, value], without the value where a key was removed."""
        fields = self.fields.setdefault(routine, {})
        for field, key, *value in changes:
            if key is None:
                fields[field] = value[0]
            elif value:
                fields.setdefault(field, {})[key] = value[0]
            else:
                fields.setdefault(field, {}).pop(key, None)

    def plain(self) -> dict[str, Any]:
        """All of it as plain values, to be read by `read`."""
        return {
            "id": self.job,
            "pending": [[station.routine, station.slot, data] for station, data in self.pending()],
            "merged": [[station.routine, station.slot, data] for station, data in self.merged.items()],
            "counts": {name: number for name, number in self.counts.items() if number},
            "history": [list(each) for each in self.history],
            "unwell": dict(self.unwell),
            "outputs": dict(self.outputs),
            "fields": {name: dict(fields) for name, fields in self.fields.items()},
        }

    def read(self, plain: Mapping[str, Any], stations: Mapping[Place, Any]) -> None:
        """Become what `plain` told. Raises InputError where it speaks of a routine or slot that is not there."""
        for routine, slot, data in reversed(plain.get("pending", ())):
            self.stack.append((_found(stations, routine, slot, self.job), data))
        for routine, slot, data in plain.get("merged", ()):
            self.merged[_found(stations, routine, slot, self.job)] = data
        self.counts.update(plain.get("counts", {}))
        self.history.extend(
            (routine, event, data, at) for routine, event, data, at in plain.get("history", ())
        )
        self.unwell.update(plain.get("unwell", {}))
        self.outputs.update(plain.get("outputs", {}))
        for routine, fields in plain.get("fields", {}).items():
            self.fields[routine] = {name: dict(v) if isinstance(v, dict) else v for name, v in fields.items()}


def _found(stations: Mapping[Place, Any], routine: str, slot: str, job: str) -> Any:
    station = stations.get((routine, slot))
    if station is None:
        raise InputError(
            f"job {job} speaks of slot {slot!r} of routine {routine!r}, which the flow does not have: it has "
            + ", ".join(sorted({name for name, _ in stations}))
        )
    return station
