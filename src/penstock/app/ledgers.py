"""The ledgers of limits in a store: a document a key, swapped only for the version that was read.

An engine has one leased row in `queued`, and its parts of all ledgers are as good as that lease. Whoever takes over the lease
of an engine that is gone may strike its parts out; from then on nothing that rests on them is recorded: see `grip`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.app.owners import is_gone
from penstock.errors import LeaseLost
from penstock.model.changes import Change, Guard, Put, Refused
from penstock.model.ledgers import Ledger, bounds_of, is_idle, refill
from penstock.model.limits import Bounds, rate_of
from penstock.ports import Store

QUEUE: Final = "limits"
RULES: Final = "limits"
"""What rings when something was said of a key."""
MOST: Final = 10_000

_decoder = msgspec.json.Decoder(Ledger)


class StoreLedgers:
    """See engine.limits.Ledgers."""

    def __init__(self, store: Store, owner: str, lease_seconds: float) -> None:
        self.store = store
        self.owner = owner
        self.now = store.now
        self.others: dict[str, int] = {}  # engines that have parts in ledgers that were read: their leases
        self._lease = lease_seconds
        self._epoch = 0
        self._guard: Guard | None = None
        self._rules: dict[str, Bounds] = {}

    # What is said

    def learn(self) -> None:
        """Look what the store says of keys."""
        self._rules = rules_in(self.store)

    def said(self, key: str) -> Bounds | None:
        return rule_for(key, self._rules)

    # Ledgers

    def read(self, key: str) -> tuple[Ledger, Any]:
        return self._taken_in(self.store.get("documents", [ledger_id(key)]).get(ledger_id(key)))

    def _taken_in(self, row: Any) -> tuple[Ledger, Any]:
        ledger, version = opened(row)
        self.others |= {owner: part.epoch for owner, part in ledger.parts.items() if owner != self.owner}
        return ledger, version

    def swap(self, key: str, ledger: Ledger, version: Any) -> tuple[Ledger, Any] | None:
        """Raises LeaseLost if this engine's parts were struck out."""
        held = self.grip()[1]
        assert held is not None
        verdict = self._swap(key, ledger, version, [held])
        if not isinstance(verdict, Refused):
            return None
        if verdict.guard == held:
            self._guard = None
            raise LeaseLost("this process was stopped for so long that its slots under limits went to others")
        return self._taken_in(verdict.actual)

    def sweep(self) -> None:
        """Forget the keys under which nothing is under way and whose buckets are full again."""
        for key, ledger, version in ledgers_in(self.store):
            if not ledger.parts:
                refill(ledger, bounds_of(ledger, self.said(key)), self.now())
                if is_idle(ledger):
                    self._swap(key, ledger, version, [])

    def _swap(self, key: str, ledger: Ledger, version: Any, guards: list[Guard]) -> Any:
        put, seen = following("ledger", ledger_id(key), ledger, version, self.now())
        return self.store.commit([Change(guards=[*guards, seen], puts=[put])])[0]

    def call(self, owner: str, key: str) -> None:
        self.store.ring([f"limits:{owner}:{key}"])

    # The lease

    def grip(self) -> tuple[int, Guard | None]:
        """The engine's lease on its parts, taken when first asked for."""
        while self._guard is None:
            name = lease_id(self.owner)
            row = self.store.get("queued", [name]).get(name)
            before = None if row is None else {"epoch": row["epoch"]}
            epoch = max(self._epoch, 0 if row is None else int(row["epoch"])) + 1
            columns = {
                "queue": QUEUE,
                "state": "leased",
                "owner": self.owner,
                "epoch": epoch,
                "due_in": self._lease,
            }
            change = Change(guards=[Guard("queued", name, before)], puts=[Put("queued", name, columns)])
            if not isinstance(self.store.commit([change])[0], Refused):
                self._epoch = epoch
                self._guard = Guard("queued", name, {"owner": self.owner, "epoch": epoch})
        return self._epoch, self._guard

    def extend(self) -> None:
        """Prolong the lease. Raises LeaseLost."""
        if self._guard is not None:
            name = lease_id(self.owner)
            if name not in self.store.extend("queued", [(name, self._epoch)], self._lease):
                self._guard = None
                raise LeaseLost(
                    "this process was stopped for so long that its slots under limits went to others"
                )

    def leave(self) -> None:
        """Give the lease back; no ledger has a part of this engine's any more."""
        if self._guard is not None:
            self.store.commit(
                [Change(guards=[self._guard], puts=[Put("queued", lease_id(self.owner), None)])]
            )
            self._guard = None

    # Engines that are gone

    def bury(self, keys: Iterable[str]) -> list[str]:
        """Strike the parts of engines that are gone out of the ledgers of these keys; in which there were any."""
        dead = self._take_over(self.others)
        self.others = {}
        changed = [key for key in keys if dead and self._strike(key, dead)]
        for name, epoch in dead.items():
            mine = Guard("queued", lease_id(name), {"owner": self.owner, "epoch": epoch})
            self.store.commit([Change(guards=[mine], puts=[Put("queued", lease_id(name), None)])])
        return changed

    def _take_over(self, others: dict[str, int]) -> dict[str, int]:
        """The engines of these whose lease has lapsed, or whose process is known to be gone: what their lease is by now."""
        if not others:
            return {}
        leases = self.store.get("queued", map(lease_id, others))
        for owner, epoch in others.items():
            row = leases.get(lease_id(owner))
            if row is None:  # it was struck out of other ledgers before
                self._write_lease(owner, None, {"queue": QUEUE, "state": "ready", "epoch": epoch})
            elif row["state"] == "leased" and is_gone(row["owner"]):
                seen = {"owner": row["owner"], "epoch": row["epoch"]}
                self._write_lease(owner, seen, {"state": "ready", "owner": None, "due": None})
        names = {lease_id(owner): owner for owner in others}
        claims = self.store.claim("queued", self.owner, ttl=self._lease, limit=len(names), ids=list(names))
        return {names[claim.id]: claim.epoch for claim in claims}

    def _write_lease(self, owner: str, seen: dict[str, Any] | None, columns: dict[str, Any]) -> None:
        name = lease_id(owner)
        self.store.commit([Change(guards=[Guard("queued", name, seen)], puts=[Put("queued", name, columns)])])

    def _strike(self, key: str, dead: dict[str, int]) -> bool:
        ledger, version = self.read(key)
        while True:
            gone = [owner for owner, part in ledger.parts.items() if part.epoch < dead.get(owner, 0)]
            for owner in gone:
                del ledger.parts[owner]
            if not gone:
                return False
            verdict = self._swap(key, ledger, version, [])
            if not isinstance(verdict, Refused):
                return True
            ledger, version = self._taken_in(verdict.actual)


def ledger_id(key: str) -> str:
    return f"ledger:{key}"


def lease_id(owner: str) -> str:
    return f"limits:{owner}"


def opened(row: Any) -> tuple[Ledger, str | None]:
    """A ledger's document read: what it holds and its version."""
    return (Ledger(), None) if row is None else (_decoder.decode(row["data"]), row["version"])


def following(kind: str, name: str, ledger: Ledger, version: str | None, now: float) -> tuple[Put, Guard]:
    """What writes a ledger's document in the place of that version (None: there was none), and what that relies on."""
    columns: dict[str, Any] | None = None
    if not is_idle(ledger):
        number = int(version) + 1 if version else int(now * 1e6)  # no version is had twice
        columns = {"kind": kind, "version": str(number), "data": msgspec.json.encode(ledger).decode()}
    seen = {"version": version} if version else None
    return Put("documents", name, columns), Guard("documents", name, seen)


def ledgers_in(store: Store) -> list[tuple[str, Ledger, str | None]]:
    """(key, ledger, version) of every key under which something is under way, or was lately."""
    rows = store.find("documents", {"kind": "ledger"}, limit=MOST)
    return [(row["id"].removeprefix("ledger:"), *opened(row)) for row in rows]


def rules_in(store: Store) -> dict[str, Bounds]:
    """What a store says of keys, or of all that begin so ("api:*")."""
    rows = store.find("documents", {"kind": "limit"}, limit=MOST)
    return {row["id"].removeprefix("limit:"): _bounds(json.loads(row["data"])) for row in rows}


def _bounds(said: dict[str, Any]) -> Bounds:
    rate = said.get("rate")
    return Bounds(said.get("at_most"), None if rate is None else rate_of(rate), said.get("burst", 1))


def rule_for(key: str, rules: dict[str, Bounds]) -> Bounds | None:
    """What is said of a key: by its name, else by the longest beginning."""
    found = rules.get(key)
    if found is not None or not rules:
        return found
    patterns = [rule for rule in rules if rule.endswith("*") and key.startswith(rule[:-1])]
    return rules[max(patterns, key=len)] if patterns else None
