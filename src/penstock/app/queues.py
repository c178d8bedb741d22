"""Queues and workers as the store knows them: documents that anybody may read, and that workers heed while they run.

A queue is there when a run was submitted to it or somebody said something of it. `queue:NAME` holds how many of its runs may
be under way at once and how many may begin a second, in all processes together (see `pacing`); `gate:queue:NAME` is shut while
it is paused; `worker:OWNER` is a worker's last word.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from penstock.app.owners import is_gone
from penstock.app.parts import Parts
from penstock.errors import DefinitionError, SettingsError
from penstock.model.changes import Change, Guard, Put, Refused
from penstock.model.limits import Bounds, Limit, check_limit
from penstock.model.wording import shown

SILENT_SECONDS: Final = 15.0
"""A worker that has said nothing for so long, on another machine, is taken for gone."""


class Queue(NamedTuple):
    """A queue as it is: `concurrency` None is no bound; `waiting` of its runs are ready or delayed, `running` leased.

    `rate` is text such as "10/s", None where there is none; so many as `burst` may begin at once after a rest.
    """

    name: str
    concurrency: int | None
    paused: bool
    waiting: int
    running: int
    rate: str | None = None
    burst: int = 1


class Said(NamedTuple):
    """What somebody said of a queue."""

    concurrency: int | None = None
    rate: str | None = None
    burst: int = 1

    @property
    def bounds(self) -> Bounds:
        """The same as those of a limit. Raises DefinitionError for a rate that is none."""
        return Limit("queue", self.concurrency, self.rate, self.burst).bounds


UNSAID: Final = Said()


def gate_of(queue: str) -> str:
    """The gate that counts a queue's runs under way."""
    return f"queue:{queue}"


def queue_of(gate: str) -> str:
    """The queue of such a gate."""
    return gate.removeprefix("queue:")


def said_in(row: Mapping[str, Any] | None) -> Said:
    """What a queue's document says; absent, nothing."""
    said = {} if row is None else json.loads(row["data"])
    return Said(said.get("concurrency"), said.get("rate"), said.get("burst", 1))


def limits_in(rules: Mapping[str, Said]) -> dict[str, int]:
    """Gate -> how many of its runs may be under way, of the queues that have a bound."""
    return {gate: said.concurrency for gate, said in rules.items() if said.concurrency is not None}


def rates_in(rules: Mapping[str, Said]) -> dict[str, Bounds]:
    """Gate -> how quickly its runs may begin, of the queues that have a rate."""
    return {gate: said.bounds for gate, said in rules.items() if said.rate is not None}


class Queues:
    """What is said of queues and workers in one store."""

    def __init__(self, engine: Parts) -> None:
        self._store = engine.durable_store()
        self._owner = engine.owner

    def said(self) -> dict[str, Said]:
        """Gate -> what is said of its queue."""
        rows = self._store.find("documents", {"kind": "queue"}, limit=10_000)
        return {row["id"]: said_in(row) for row in rows}

    def all(self) -> list[Queue]:
        """Every queue, by name."""
        rules, shut = self.said(), self._shut()
        named = [gate for gate, said in rules.items() if said.bounds.bind]
        names = {queue_of(gate) for gate in (*named, *shut)}
        waiting: dict[str, int] = {}
        running: dict[str, int] = {}
        for state, count in (("ready", waiting), ("delayed", waiting), ("leased", running)):
            for row in self._store.find("runs", {"state": state}, limit=1_000_000):
                count[row["queue"]] = count.get(row["queue"], 0) + 1
        found = []
        for name in sorted(names | set(waiting) | set(running)):
            gate = gate_of(name)
            concurrency, rate, burst = rules.get(gate, UNSAID)
            counts = waiting.get(name, 0), running.get(name, 0)
            found.append(Queue(name, concurrency, gate in shut, *counts, rate, burst))
        return found

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
        self._say(name, {"concurrency": concurrency})

    def pace(self, name: str, rate: str | None, burst: int = 1) -> None:
        """Let so many runs of a queue begin ("10/s", "600/m"), spaced evenly, `burst` at once after a rest (None: any number).

        Runs that are taken over, and those that are resumed by hand, do not count. Raises SettingsError.
        """
        try:
            check_limit(Limit("queue", rate=rate, burst=burst), f"queue {name!r}")
        except DefinitionError as error:
            raise SettingsError(str(error)) from error
        self._say(name, {"rate": rate, "burst": burst})

    def pause(self, name: str) -> None:
        """Take no more runs from a queue; those under way go on."""
        self._put(f"gate:{gate_of(name)}", "gate", {"shut": True}, name)

    def resume(self, name: str) -> None:
        """Take runs from a queue again."""
        self._put(f"gate:{gate_of(name)}", "gate", {"shut": False}, name)

    def _say(self, name: str, news: Mapping[str, Any]) -> None:
        """Say this of a queue; what else is said of it stands."""
        key = gate_of(name)
        row: Mapping[str, Any] | None = self._store.get("documents", [key]).get(key)
        while True:
            before = None if row is None else row["data"]
            data = json.dumps({**json.loads(before or "{}"), **news})
            seen = Guard("documents", key, None if row is None else {"data": before})
            put = Put("documents", key, {"kind": "queue", "data": data})
            (verdict,) = self._store.commit([Change(guards=[seen], puts=[put])])
            if not isinstance(verdict, Refused):
                break
            row = verdict.actual
        self._store.ring([key])

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
