"""What every part of the store suite stands on: the factory a backend overrides, a clock moved by hand, builders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from penstock.model.changes import Change, Guard, Letter, Ok, Put, Row, Verdict
from penstock.ports import Store


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


class StorePart:
    """A backend gives `make_store`, and `second_handle` if processes can share it. All handles use the clock given."""

    durable: ClassVar[bool] = True
    """Whether what was committed is there when all handles were closed and a new one is opened."""
    supports_backup: ClassVar[bool] = False

    def make_store(self, clock: HandClock, folder: Path) -> Store:
        """A fresh, empty store; its files, if it has any, lie in `folder`, which is this test's own."""
        raise NotImplementedError

    def second_handle(self, store: Store, clock: HandClock) -> Store:
        """Another handle on the facts of `store`, as another process has it; also when `store` was closed."""
        raise NotImplementedError

    def open_backup(self, path: Path, clock: HandClock) -> Store:
        """A handle on a copy that `backup` wrote."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def store(self, clock: HandClock, tmp_path: Path) -> Iterator[Store]:
        store = self.make_store(clock, tmp_path)
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: Store, clock: HandClock) -> Iterator[Store]:
        """A second handle on `store`."""
        other = self.second_handle(store, clock)
        yield other
        other.close()


def event(sequence: int, body: str = "{}", *, step: str | None = None, item: int | None = None) -> Row:
    return Row(sequence, 1.5 * sequence, "noted", step, item, body)


def events(first: int, last: int) -> list[Row]:
    """Events of these sequence numbers, both included."""
    return [event(sequence) for sequence in range(first, last + 1)]


def append(run: str, expect: int, count: int = 1, **more: Any) -> Change:
    """A change that appends `count` events to a log that ends at `expect`."""
    return Change(run=run, expect=expect, events=events(expect + 1, expect + count), **more)


def letter(name: str = "go", key: str | None = None) -> Letter:
    return Letter(0, 7.25, "signal", name, '{"n":1}', "someone", key)


def send(run: str, *names: str) -> Change:
    return Change(run=run, letters=[letter(name) for name in names])


def put(table: str, key: str, **columns: Any) -> Put:
    return Put(table, key, columns)


def puts(*rows: Put) -> Change:
    return Change(puts=rows)


def guard(table: str, key: str, **columns: Any) -> Guard:
    return Guard(table, key, columns)


def absent(table: str, key: str) -> Guard:
    return Guard(table, key, None)


def write(store: Store, *changes: Change) -> None:
    """Commit changes that must all be accepted."""
    verdicts = store.commit(changes)
    assert kinds(verdicts) == [Ok] * len(changes), verdicts


def kinds(verdicts: list[Verdict]) -> list[type]:
    """The classes of verdicts. Never compare verdicts with ==: Ok() and Duplicate() are both empty tuples."""
    return [type(verdict) for verdict in verdicts]


def row(store: Store, table: str, key: str) -> dict[str, Any]:
    """A row that must be there."""
    return store.get(table, [key])[key]


def keys(rows: list[dict[str, Any]]) -> list[str]:
    return [found["id"] for found in rows]
