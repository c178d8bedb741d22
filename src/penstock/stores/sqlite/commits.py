"""How changes are written.

The hot path is a change that only appends to one run: one INSERT that is a commit of its own and refuses itself where the log
does not end as expected. Many of them at once are one transaction of two prepared statements. Whatever else a change asks for,
and whatever the hot path had refused, is judged by `model.changes.judge`, change by change, on rows read in the transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from penstock.model.changes import OK, Change, Duplicate, Guard, Known, Letter, Ok, Put, Row, Verdict, judge
from penstock.stores.sqlite import tables
from penstock.stores.sqlite.clock import StoreClock
from penstock.stores.sqlite.queries import statements
from penstock.stores.sqlite.writer import Writer

_ONE_STATEMENT: Final = 8
"""Events that one INSERT takes at most; more are a transaction."""


class Commits:
    """Writes changes and says which bells are to ring for them."""

    def __init__(self, writer: Writer, clock: StoreClock) -> None:
        self._writer = writer
        self._clock = clock

    def write(self, changes: Sequence[Change]) -> tuple[list[Verdict], set[str] | None]:
        """Verdicts, and the topics to ring."""
        try:
            if all(map(_only_appends, changes)):
                return self._append(changes), None
            if _are_plain(changes):
                return self._append_and_put(changes)
        except sqlite3.IntegrityError:
            pass  # one of them does not go on where its log ends, or its run is there already: judge them all
        return self._judge(changes)

    def _judge(self, changes: Sequence[Change]) -> tuple[list[Verdict], set[str]]:
        for change in changes:
            tables.check_change(change)
        try:
            with self._writer.transaction() as connection:
                transaction = Transaction(connection, self._clock)
                verdicts = [transaction.apply(change) for change in changes]
                transaction.flush()
        except sqlite3.IntegrityError as error:
            raise ValueError(f"a row cannot hold what was put: {error}") from error
        if any(isinstance(verdict, Duplicate) for verdict in verdicts):
            self._writer.settle()  # success is told of what somebody else wrote, perhaps just now
        return verdicts, transaction.topics

    def _append(self, changes: Sequence[Change]) -> list[Verdict]:
        if len(changes) == 1 and len(changes[0].events) <= _ONE_STATEMENT:
            self._append_one(changes[0])
        elif changes:
            self._append_all(changes)
        return [OK] * len(changes)

    def _append_one(self, change: Change) -> None:
        run, (first, *others) = change.run, change.events
        parameters: tuple[Any, ...] = (run, run, change.expect, *first)
        for event in others:
            parameters += (run, *event)
        assert change.events[-1].sequence == change.expect + len(change.events)  # type: ignore[operator]
        self._writer.run(_insert(len(change.events)), parameters)

    def _append_and_put(self, changes: Sequence[Change]) -> tuple[list[Verdict], set[str]]:
        """Runs that begin or end, a put each: no row is read before it is written."""
        with self._writer.transaction() as connection:
            now = self._clock.wall()
            rows: dict[str, list[tuple[Any, ...]]] = {}
            for change in changes:
                for put in change.puts:
                    assert put.columns is not None
                    tables.check_put(put)
                    columns = tables.resolve(put, self._clock.due, _no_rank, now)
                    sql, row = tables.write_run(put, columns, bool(change.guards))
                    rows.setdefault(sql, []).append(row)
            for sql, those in rows.items():
                connection.executemany(sql, those)
            firsts, rest = _split(changes)
            connection.executemany(statements()["append_first"], firsts)
            connection.executemany(statements()["append"], rest)
        return [OK] * len(changes), {f"run:{put.key}" for change in changes for put in change.puts}

    def _append_all(self, changes: Sequence[Change]) -> None:
        firsts, rest = _split(changes)
        with self._writer.transaction() as connection:
            connection.executemany(statements()["append_first"], firsts)
            connection.executemany(statements()["append"], rest)


def _only_appends(change: Change) -> bool:
    return bool(
        change.events
        and change.expect is not None
        and not change.puts
        and change.key is None
        and not change.guards
        and not change.letters
        and change.take is None
    )


def _are_plain(changes: Sequence[Change]) -> bool:
    """Whether each only appends, or begins or ends its own run too; no run twice."""
    return len({change.run for change in changes}) == len(changes) and all(map(_is_plain, changes))


def _is_plain(change: Change) -> bool:
    if change.expect is None or change.key is not None or change.take is not None:
        return False
    if change.letters or not change.events:
        return False
    if not change.puts:
        return not change.guards
    (put, *more) = change.puts
    if more or put.table != "runs" or put.key != change.run or put.columns is None:
        return False
    if put.columns.get("state") not in ("leased", "done") or "status" not in put.columns:
        return False  # other states are for bells of queues
    return not change.guards or list(change.guards) == [Guard("runs", change.run, None)]


def _no_rank() -> int:
    raise AssertionError("a run that begins or ends is put into no queue")


@cache
def _insert(events: int) -> str:
    """The hot path's statement for so many events."""
    return statements()["append_first"] + ", (?, ?, ?, ?, ?, ?, ?)" * (events - 1)


def _split(changes: Sequence[Change]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Each run's first event, whose number the database makes sure of, and those that follow it."""
    firsts: list[tuple[Any, ...]] = []
    rest: list[tuple[Any, ...]] = []
    ends: dict[str, int] = {}
    for change in changes:
        tables.check_numbers(change)
        run, events = change.run, change.events
        if ends.get(run) == change.expect:
            rest.extend((run, *event) for event in events)
        else:
            firsts.append((run, run, change.expect, *events[0]))
            rest.extend((run, *event) for event in events[1:])
        ends[run] = events[-1].sequence
    return firsts, rest


class Transaction:
    """The general path: one open transaction, told one change after the other."""

    def __init__(self, connection: sqlite3.Connection, clock: StoreClock) -> None:
        self._execute = connection.execute
        self._connection = connection
        self._clock = clock
        self._now = clock.wall()
        self._sql = statements()
        self._events: list[tuple[Any, ...]] = []
        self._ends: dict[str, int] = {}
        self.topics: set[str] = set()

    def apply(self, change: Change) -> Verdict:
        (verdict,) = judge([change], self._known(change))
        if isinstance(verdict, Ok):
            self._write(change)
        return verdict

    def _known(self, change: Change) -> Known:
        rows = {(guard.table, guard.key): self._row(guard.table, guard.key) for guard in change.guards}
        known = Known({place: row for place, row in rows.items() if row is not None}, {}, {})
        if change.key is not None:
            found = self._execute(self._sql["find_key"], (change.run, change.key)).fetchone()
            if found is not None:
                known.keys[change.run, change.key] = found[0]
        if change.expect is not None:
            known.sequences[change.run] = self._last(change.run)
        return known

    def _row(self, table: str, key: str) -> dict[str, Any] | None:
        found = self._execute(tables.select(table, 1), (key,)).fetchone()
        return None if found is None else dict(zip(tables.COLUMNS[table], found, strict=True))

    def _last(self, run: str) -> int:
        last = self._ends.get(run)
        if last is None:
            (last,) = self._execute(self._sql["last_sequence"], (run,)).fetchone()
        return int(last)

    def _write(self, change: Change) -> None:
        run = change.run
        if change.key is not None:
            self._execute(self._sql["write_key"], (run, change.key, change.digest))
        for put in change.puts:
            self._put(put)
        if change.events:
            self._append(run, change.events)
        for letter in change.letters:
            self._deliver(run, letter)
        if change.take is not None:
            self._execute(self._sql["take_letters"], (run, change.take))

    def _append(self, run: str, events: Sequence[Row]) -> None:
        """Events are written together, at the end of the transaction."""
        self._events += [(run, *event) for event in events]
        self._ends[run] = events[-1].sequence

    def flush(self) -> None:
        if self._events:
            self._connection.executemany(self._sql["append"], self._events)

    def _put(self, put: Put) -> None:
        if put.columns is None:
            self._delete(put)
            return
        columns = tables.resolve(put, self._clock.due, self._next_rank, self._now)
        written = self._execute(*tables.upsert(put, columns)).fetchall()
        for state, queue, created in written:
            if put.table == "runs" and ("status" in columns or created == self._now):
                self.topics.add(f"run:{put.key}")
            if state in ("ready", "delayed"):
                self.topics.add(f"queue:{queue}")

    def _delete(self, put: Put) -> None:
        if put.table == "runs":
            self._execute(self._sql["keep_inbox"], (put.key,))
        self._execute(f"DELETE FROM {put.table} WHERE id = ?", (put.key,))

    def _next_rank(self) -> int:
        ((rank,),) = self._execute(self._sql["next_rank"]).fetchall()
        return int(rank)

    def _deliver(self, run: str, letter: Letter) -> None:
        key = letter.key
        if key is not None and not self._execute(self._sql["write_letter_key"], (run, key)).rowcount:
            return
        number = self._number(run)
        self._execute(self._sql["write_letter"], (run, number, *letter[1:]))
        self.topics.add(f"run:{run}")

    def _number(self, run: str) -> int:
        for number, owner in self._execute(self._sql["number_letter"], (run,)).fetchall():
            if owner is not None:
                self.topics.add(f"owner:{owner}")
            return int(number)
        ((number,),) = self._execute(self._sql["number_early_letter"], (run,)).fetchall()
        return int(number)
