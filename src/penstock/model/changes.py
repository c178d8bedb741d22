"""Writes that state what they rely on, and the pure rule that judges them.

A store loads the rows that a batch of changes names, calls `judge`, and writes the plan. Every backend asks the same rule:

1. An idempotency key is judged first: the same key with the same digest is `Duplicate` (success, however late), with another
   digest `Mismatch`. Otherwise a retry after a lost reply would be told "conflict".
2. Then the guards, in order: a row that is not as stated is `Refused`.
3. Then the expected sequence: a log whose last event is not `expect` is a `Conflict`.

A refused change writes nothing and does not hurt its neighbours; a later change of one batch sees what earlier ones wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

Columns = Mapping[str, Any]
"""Columns of a row by name; values are what SQL holds: str, int, float, bytes or None."""


class Row(NamedTuple):
    """One event as stores keep it. `body` is JSON text; `item` numbers an item of a map family."""

    sequence: int
    at: float
    kind: str
    step: str | None
    item: int | None
    body: str


class Letter(NamedTuple):
    """One command or signal for a run. `number` is its place in the run's inbox, from 1 (0 until it is written)."""

    number: int
    at: float
    kind: str
    name: str
    body: str
    sender: str = ""
    key: str | None = None


class Guard(NamedTuple):
    """A row a change relies on: `columns` as they must be, or None if the row must be absent."""

    table: str
    key: str
    columns: Columns | None


class Put(NamedTuple):
    """A row to write: only the named columns change; None deletes the row. Absent rows are inserted."""

    table: str
    key: str
    columns: Columns | None


class Change(msgspec.Struct, gc=False):
    """What one writer wants written, all of it or nothing.

    `expect` is the sequence of the last event the writer knows of `run` (None: no claim about the log is made, then `events`
    must be empty). `letters` go to the inbox of `run`; a letter whose key is already there is written once. `take` removes the
    letters of `run` up to that number. `key` makes the change idempotent, `digest` tells its content apart.
    """

    run: str = ""
    expect: int | None = None
    events: Sequence[Row] = ()
    puts: Sequence[Put] = ()
    guards: Sequence[Guard] = ()
    letters: Sequence[Letter] = ()
    take: int | None = None
    key: str | None = None
    digest: str = ""


class Ok(msgspec.Struct, frozen=True):
    """Written."""


class Duplicate(msgspec.Struct, frozen=True):
    """Written before, under the same key and with the same digest: success."""


class Mismatch(msgspec.Struct, frozen=True):
    """Another content was written under this key."""

    key: str


class Conflict(msgspec.Struct, frozen=True):
    """The log goes on to `actual`, not to what was expected."""

    actual: int


class Refused(msgspec.Struct, frozen=True):
    """A guard did not hold; `actual` is the row as it is (None: there is none)."""

    guard: Guard
    actual: Columns | None


Verdict = Ok | Duplicate | Mismatch | Conflict | Refused

OK = Ok()


class Known(msgspec.Struct):
    """What a store loaded for `judge`: only what the changes name.

    `rows` holds (table, key) -> columns for every guarded row that exists, `sequences` the last sequence of each run (0 for an
    empty log), `keys` the digest recorded under each idempotency key (run, key).
    """

    rows: dict[tuple[str, str], dict[str, Any]]
    sequences: dict[str, int]
    keys: dict[tuple[str, str], str]


def judge(changes: Iterable[Change], known: Known) -> list[Verdict]:
    """One verdict a change, in order; `known` is updated as if each accepted change had been written."""
    return [_judge_one(change, known) for change in changes]


def _judge_one(change: Change, known: Known) -> Verdict:
    if change.key is not None:
        digest = known.keys.get((change.run, change.key))
        if digest is not None:
            return Duplicate() if digest == change.digest else Mismatch(change.key)
    for guard in change.guards:
        actual = known.rows.get((guard.table, guard.key))
        if not holds(guard, actual):
            return Refused(guard, None if actual is None else dict(actual))
    if change.expect is not None:
        last = known.sequences.get(change.run, 0)
        if last != change.expect:
            return Conflict(last)
    _remember(change, known)
    return OK


def holds(guard: Guard, actual: Columns | None) -> bool:
    """Whether the row is as the guard says."""
    if guard.columns is None or actual is None:
        return guard.columns is None and actual is None
    return all(actual.get(name) == value for name, value in guard.columns.items())


def _remember(change: Change, known: Known) -> None:
    if change.key is not None:
        known.keys[change.run, change.key] = change.digest
    if change.events:
        known.sequences[change.run] = change.events[-1].sequence
    for put in change.puts:
        if put.columns is None:
            known.rows.pop((put.table, put.key), None)
        else:
            row = known.rows.setdefault((put.table, put.key), {})
            row.update(put.columns)
