"""Limits as a store knows them: what is said of keys, who holds slots, who waits for what.

`limit:KEY` is a document that says what bounds a key, or with a `*` at its end all keys that begin so; `ledger:KEY` is the
key's ledger (see model.limits and app.ledgers).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from penstock.app.ledgers import RULES, ledgers_in, rule_for, rules_in
from penstock.engine.ledgers import OwnLedgers
from penstock.engine.limits import Limits
from penstock.errors import DefinitionError, SettingsError
from penstock.model.changes import Change, Put
from penstock.model.ledgers import Ledger, Waiter, bounds_of, next_token, refill, room
from penstock.model.limits import FREE, Bounds, Limit, check_limit
from penstock.ports import Store

if TYPE_CHECKING:
    from penstock.app.parts import Parts


def limits_of(engine: Parts) -> Limits:
    """The slots of an engine; with a store they are held together with all engines of that store."""
    if engine.store is None:
        return Limits(OwnLedgers(engine.clock.now))
    from penstock.app.ushering import Usher

    usher = Usher(engine)
    engine.after_close.append(usher.close)
    return usher.limits


class Slotted(NamedTuple):
    """A step that holds a slot or waits for one: its run, its step (with its item), since when, for which tenant, where."""

    run: str
    step: str
    since: float
    tenant: str
    owner: str


class KeyLimit(NamedTuple):
    """A key as it is. `said`: whether the store says what bounds it, else code does. `waiting` counts all that wait."""

    key: str
    bounds: Bounds
    said: bool
    held: list[Slotted]
    waiting: int


class Waiting(NamedTuple):
    """What a step waits for under a limit.

    kind "limit": all slots of `key` are taken, by `holders`. "rate": the next start under the key is at `at`, on the store's
    clock. "priority": there is a slot, or will be, and `ahead` steps go first. "lane": its own process has no place for it.
    `bounds` are those of the key.
    """

    kind: Literal["limit", "rate", "priority", "lane"]
    key: str
    bounds: Bounds
    holders: list[Slotted]
    at: float | None
    ahead: int


def waiting_for(store: Store, run: str, step: str, item: int | None = None) -> Waiting | None:
    """What a step of a run waits for under a limit; None if it waits under none. See Waits."""
    waits = Waits(store, run)
    return waits.around(step, item) or waits.behind


class Waits:
    """What of one run waits under limits, told by the ledgers as they are at this moment.

    `named` holds who waits, by the id of the step (with its item) or of the workflow inside; "" is the run itself. What the
    engine has not put forward yet, `behind` others of the run, is told of as they are.
    """

    def __init__(self, store: Store, run: str) -> None:
        self.named: dict[str, Waiting] = {}
        self.behind: Waiting | None = None
        rules = rules_in(store)
        for key, ledger, _ in ledgers_in(store):
            for part in ledger.parts.values():
                for each in part.waiting:
                    if each.run == run:
                        self.named.setdefault(each.step, _told(store, key, ledger, rules, each))
                if self.behind is None and part.behind.get(run):
                    self.behind = _told(store, key, ledger, rules, None)

    def around(self, step: str, item: int | None = None) -> Waiting | None:
        """What a step waits for, or what it is in, or any item of it."""
        name = step if item is None else f"{step}[{item}]"
        for waiter, waiting in self.named.items():
            if not waiter or name == waiter or name.startswith(f"{waiter}/"):
                return waiting
            if item is None and waiter.rpartition("[")[0] == step:
                return waiting
        return None


def _told(store: Store, key: str, ledger: Ledger, rules: dict[str, Bounds], waiter: Waiter | None) -> Waiting:
    bounds = bounds_of(ledger, rule_for(key, rules))
    holders = _held(ledger)
    refill(ledger, bounds, store.now())
    others = [each for part in ledger.parts.values() for each in part.waiting if each is not waiter]
    ahead = sum(waiter is None or each.rank < waiter.rank for each in others)
    if room(ledger, bounds) == 0:
        return Waiting("limit", key, bounds, holders, None, ahead)
    at = next_token(ledger, bounds)
    if at is not None:
        return Waiting("rate", key, bounds, holders, at, ahead)
    return Waiting("lane" if waiter is None else "priority", key, bounds, holders, None, ahead)


def _held(ledger: Ledger) -> list[Slotted]:
    return [
        Slotted(each.run, each.step, each.since, each.tenant, owner)
        for owner, part in ledger.parts.items()
        for each in part.held
    ]


class KeyLimits:
    """What is said of keys in one store, and what becomes of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[KeyLimit]:
        """Every key of which something is said, or under which something is under way, by name."""
        rules = rules_in(self._store)
        ledgers = {key: ledger for key, ledger, _ in ledgers_in(self._store)}
        found = []
        for key in sorted({*rules, *ledgers}):
            ledger = ledgers.get(key) or Ledger()
            said = rule_for(key, rules)
            waiting = sum(len(part.waiting) + sum(part.behind.values()) for part in ledger.parts.values())
            found.append(KeyLimit(key, bounds_of(ledger, said), said is not None, _held(ledger), waiting))
        return found

    def set(self, key: str, *, at_most: int | None = None, rate: str | None = None, burst: int = 1) -> Bounds:
        """Say what bounds a key, or with a `*` at its end all that begin so; for all engines, at once.

        Neither is: nothing bounds it, whatever code says. Raises SettingsError.
        """
        if not key or "*" in key[:-1]:
            raise SettingsError(
                f"limit {key!r}: a key is some text; a '*' stands at its end, for all that begin so"
            )
        try:
            check_limit(Limit(key, at_most, rate, burst), "this limit")
        except DefinitionError as error:
            raise SettingsError(str(error)) from error
        self._put(key, {"at_most": at_most, "rate": rate, "burst": burst})
        return rules_in(self._store).get(key, FREE)

    def remove(self, key: str) -> bool:
        """Let code say what bounds a key. False: nothing was said of it here."""
        if f"limit:{key}" not in self._store.get("documents", [f"limit:{key}"]):
            return False
        self._put(key, None)
        return True

    def _put(self, key: str, said: dict[str, Any] | None) -> None:
        columns = None if said is None else {"kind": "limit", "data": json.dumps(said)}
        self._store.commit([Change(puts=[Put("documents", f"limit:{key}", columns)])])
        self._store.ring([RULES])
