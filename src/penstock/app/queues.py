"""Queues and workers as the store knows them: documents that anybody may read, and that workers heed while they run.

A queue is there when a run was submitted to it or somebody said something of it. `queue:NAME` holds how many of its runs may
be under way at once, in all processes together; `gate:queue:NAME` is shut while it is paused; `worker:OWNER` is a worker's last
word.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock.app.owners import is_gone
from penstock.app.parts import Parts
from penstock.errors import SettingsError
from penstock.model.changes import Change, Put
from penstock.model.wording import shown
from penstock.ports import Candidate, Choose

SILENT_SECONDS: Final = 15.0
"""A worker that has said nothing for so long, on another machine, is taken for gone."""


class Queue(NamedTuple):
    """A queue as it is: `concurrency` None is no bound; `waiting` of its runs are ready or delayed, `running` leased."""

    name: str
    concurrency: int | None
    paused: bool
    waiting: int
    running: int


def gate_of(queue: str) -> str:
    """The gate that counts a queue's runs under way."""
    return f"queue:{queue}"


def choosing(limits: Mapping[str, int], left_to_others: Mapping[str, Any]) -> Choose:
    """The rule of a claim: what is left to others, behind a shut gate or beyond its queue's concurrency is not taken. Pure."""

    def choose(candidates: Sequence[Candidate], held: Mapping[str, int], shut: frozenset[str]) -> list[str]:
        taken = dict(held)
        chosen = []
        for each in candidates:
            gate = each.gate
            if each.id in left_to_others or gate in shut:
                continue
            if gate is not None:
                if taken.get(gate, 0) >= limits.get(gate, 1_000_000_000):
                    continue
                taken[gate] = taken.get(gate, 0) + 1
            chosen.append(each.id)
        return chosen

    return choose


class Queues:
    """What is said of queues and workers in one store."""

    def __init__(self, engine: Parts) -> None:
        self._store = engine.durable_store()
        self._owner = engine.owner

    def limits(self) -> dict[str, int]:
        """Gate -> how many of its runs may be under way, of the queues that have a bound."""
        rows = self._store.find("documents", {"kind": "queue"}, limit=10_000)
        said = {row["id"]: json.loads(row["data"]).get("concurrency") for row in rows}
        return {name: bound for name, bound in said.items() if bound is not None}

    def all(self) -> list[Queue]:
        """Every queue, by name."""
        limits, shut = self.limits(), self._shut()
        names = {gate.removeprefix("queue:") for gate in (*limits, *shut)}
        waiting: dict[str, int] = {}
        running: dict[str, int] = {}
        for state, count in (("ready", waiting), ("delayed", waiting), ("leased", running)):
            for row in self._store.find("runs", {"state": state}, limit=1_000_000):
                count[row["queue"]] = count.get(row["queue"], 0) + 1
        return [
            Queue(
                name,
                limits.get(gate_of(name)),
                gate_of(name) in shut,
                waiting.get(name, 0),
                running.get(name, 0),
            )
            for name in sorted(names | set(waiting) | set(running))
        ]

    def _shut(self) -> set[str]:
        rows = self._store.find("documents", {"kind": "gate"}, limit=10_000)
        return {row["id"].removeprefix("gate:") for row in rows if json.loads(row["data"]).get("shut")}

    def bound(self, name: str, concurrency: int | None) -> None:
        """Let so many runs of a queue be under way at once (None: any number); what runs goes on. Raises SettingsError."""
        whole = isinstance(concurrency, int) and not isinstance(concurrency, bool) and concurrency > 0
        if concurrency is not None and not whole:
            raise SettingsError(
                f"queue {name!r}: concurrency={shown(concurrency)} must be a number above 0, or None"
            )
        self._put(gate_of(name), "queue", {"concurrency": concurrency}, name)

    def pause(self, name: str) -> None:
        """Take no more runs from a queue; those under way go on."""
        self._put(f"gate:{gate_of(name)}", "gate", {"shut": True}, name)

    def resume(self, name: str) -> None:
        """Take runs from a queue again."""
        self._put(f"gate:{gate_of(name)}", "gate", {"shut": False}, name)

    def _put(self, key: str, kind: str, data: dict[str, Any], queue: str) -> None:
        put = Put("documents", key, {"kind": kind, "data": json.dumps(data)})
        self._store.commit([Change(puts=[put])])
        self._store.ring([f"queue:{queue}"])

    # ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def report(self, said: Mapping[str, Any]) -> None:
        """A worker's own word on itself, under its engine's name."""
        put = Put("documents", f"worker:{self._owner}", {"kind": "worker", "data": json.dumps(dict(said))})
        self._store.commit([Change(puts=[put])])

    def leave(self) -> None:
        """Forget this worker: it has ended in good order."""
        self._store.commit([Change(puts=[Put("documents", f"worker:{self._owner}", None)])])

    def workers(self) -> list[dict[str, Any]]:
        """What workers said of themselves, with `owner`, `seen` (wall time) and `alive`."""
        rows = self._store.find("documents", {"kind": "worker"}, limit=10_000)
        found = []
        for row in rows:
            owner = row["id"].removeprefix("worker:")
            alive = not is_gone(owner) and time.time() - row["updated"] < SILENT_SECONDS
            found.append({"owner": owner, "seen": row["updated"], "alive": alive, **json.loads(row["data"])})
        return found
