"""Observers are told what was recorded; one that raises is logged and told no more, and nobody else is hurt."""

from __future__ import annotations

import pytest

from penstock.codecs import JsonCodec
from penstock.engine.ephemeral import EphemeralJournal
from penstock.engine.journal import DurableJournal, Journal
from penstock.ports import Observer
from penstock.stores.memory import MemoryStore
from tests.engine.test_journal import Notes, noted, run, started


class Broken:
    """An observer that raises at a sequence number."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.told: list[int] = []

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: object) -> None:
        self.told.append(sequence)
        if sequence == self.at:
            raise ValueError("broken observer")


@pytest.mark.parametrize("durable", [False, True])
def test_an_observer_that_raises_is_told_no_more_and_the_others_all(
    durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    before, broken, after = Notes(), Broken(at=2), Notes()
    observers: list[Observer] = [before, broken, after]
    store = MemoryStore()
    journal: Journal = EphemeralJournal(observers)
    if durable:
        journal = DurableJournal(store, JsonCodec(), observers, "me", 5.0)
    mine = run()
    batch = started(mine)
    batch.rows.extend(noted(mine, sequence).rows[0] for sequence in (2, 3))
    assert journal.commit(batch) == []
    assert journal.commit(noted(mine, 4)) == []
    assert broken.told == [1, 2]
    assert before.told == after.told == [("r", number) for number in range(1, 5)]
    assert observers == [before, after]
    assert caplog.text.count("is told no more") == 1
    store.close()
