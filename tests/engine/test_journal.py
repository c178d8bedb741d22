"""Where batches become durable: shared commits, stores that are away for a while, lost replies, and refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.codecs import JsonCodec
from penstock.engine.ephemeral import KEPT_RUNS, RING, EphemeralJournal
from penstock.engine.journal import TRY_SECONDS, DurableJournal
from penstock.engine.lanes import Batch
from penstock.errors import StoreFull, StoreUnavailable
from penstock.model import events as e
from penstock.model.changes import Change, Conflict, Verdict
from penstock.model.machine import Run
from penstock.stores.memory import MemoryStore
from tests.unit.scripted import Script, do

SOON = 60.0


class Moody(MemoryStore):
    """A store that does what `moods` says at each commit: raise before it, or after it ("lost reply")."""

    def __init__(self) -> None:
        super().__init__()
        self.moods: list[Any] = []
        self.sizes: list[int] = []

    def commit(self, changes: Any) -> list[Verdict]:
        self.sizes.append(len(changes))
        mood = self.moods.pop(0) if self.moods else None
        if isinstance(mood, Exception):
            raise mood
        verdicts = super().commit(changes)
        if mood == "lost reply":
            raise StoreUnavailable("no answer")
        return verdicts


class Notes:
    """Remembers what observers are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        self.told.append((run, sequence))


@pytest.fixture
def store() -> Iterator[Moody]:
    made = Moody()
    yield made
    made.close()


@pytest.fixture
def journal(store: Moody) -> Iterator[DurableJournal]:
    made = DurableJournal(store, JsonCodec(), [], "me", 5.0)
    made.naps = []  # type: ignore[attr-defined]
    made.nap = made.naps.append  # type: ignore[attr-defined]
    yield made
    made.close()


def run(id: str = "r") -> Run:
    return Run(id, Script(do("a")))


def started(of: Run, number: int = 1) -> Batch:
    return Batch(number, [(of, 1, 1.0, e.RunStarted("script", "", None, 1))], [], [], [])


def noted(of: Run, sequence: int, topic: str = "x") -> Batch:
    return Batch(sequence, [(of, sequence, 2.0, e.Noted(topic))], [], [], [])


def test_a_batch_is_in_the_store_when_commit_returns(store: Moody, journal: DurableJournal) -> None:
    assert journal.commit(started(run())) == []
    assert [row.kind for row in store.read("r")] == ["run_started"]
    row = store.get("runs", ["r"])["r"]
    assert (row["status"], row["state"], row["owner"], row["epoch"]) == ("running", "leased", "me", 1)


def test_the_end_of_a_run_ends_its_lease(store: Moody, journal: DurableJournal) -> None:
    mine = run()
    journal.commit(started(mine))
    journal.commit(Batch(2, [(mine, 2, 2.0, e.RunDone(1))], [], [], [mine]))
    row = store.get("runs", ["r"])["r"]
    assert (row["status"], row["state"], row["owner"]) == ("completed", "done", None)


def test_what_waits_at_one_moment_shares_one_commit(store: Moody, journal: DurableJournal) -> None:
    held, go_on = threading.Event(), threading.Event()
    many = threading.Barrier(2)
    applied: list[int] = []

    def slow(batch: Batch, refused: Any) -> None:
        held.set()
        go_on.wait(SOON)

    journal.put(started(run("first")), slow)
    assert held.wait(SOON)
    for n in range(20):
        last = n == 19
        journal.put(
            started(run(f"r{n}")), lambda b, r, last=last: (applied.append(1), last and many.wait(SOON))
        )
    go_on.set()
    many.wait(SOON)
    assert store.sizes == [1, 20]
    assert len(applied) == 20


def test_batches_of_one_run_that_share_a_commit_are_one_change(store: Moody, journal: DurableJournal) -> None:
    mine = run()
    journal._write([started(mine), noted(mine, 2), noted(mine, 3)])
    assert store.sizes == [1]
    assert [row.sequence for row in store.read("r")] == [1, 2, 3]


def test_a_batch_without_rows_costs_no_commit(store: Moody, journal: DurableJournal) -> None:
    assert journal.commit(Batch(1, [], [], [], [])) == []
    assert store.sizes == []


# ── stores in a bad mood ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_store_that_is_away_is_tried_until_it_is_back(store: Moody, journal: DurableJournal) -> None:
    store.moods = [StoreUnavailable("busy")] * 3
    assert journal.commit(started(run())) == []
    assert journal.naps == [0.005, 0.01, 0.02]  # type: ignore[attr-defined]


def test_naps_grow_up_to_half_a_second(store: Moody, journal: DurableJournal) -> None:
    store.moods = [StoreUnavailable("busy")] * 20
    journal.commit(started(run()))
    assert max(journal.naps) == 0.5  # type: ignore[attr-defined]


def test_a_store_that_stays_away_is_told_to_the_caller(store: Moody, journal: DurableJournal) -> None:
    times = iter([0.0, TRY_SECONDS / 2, TRY_SECONDS + 1])
    journal.monotonic = lambda: next(times)
    store.moods = [StoreUnavailable("busy")] * 9
    with pytest.raises(StoreUnavailable):
        journal.commit(started(run()))


def test_a_commit_whose_reply_was_lost_is_success(store: Moody, journal: DurableJournal) -> None:
    store.moods = ["lost reply"]
    assert journal.commit(started(run())) == []
    assert len(store.read("r")) == 1


def test_a_commit_whose_reply_was_lost_twice_is_success(store: Moody, journal: DurableJournal) -> None:
    mine = run()
    journal.commit(started(mine))
    store.moods = ["lost reply", StoreUnavailable("busy")]
    assert journal.commit(noted(mine, 2)) == []
    assert len(store.read("r")) == 2


def test_another_s_rows_are_not_taken_for_ours_after_a_lost_reply(
    store: Moody, journal: DurableJournal
) -> None:
    mine, other = run(), run()
    journal.commit(started(mine))
    journal.commit(noted(other, 2, "somebody else's"))
    store.moods = [StoreUnavailable("busy")]
    assert journal.commit(noted(mine, 2, "ours")) == [mine]


def test_rows_that_cannot_be_read_back_are_not_taken_for_ours(store: Moody, journal: DurableJournal) -> None:
    mine, other = run(), run()
    journal.commit(started(mine))
    journal.commit(noted(other, 2))

    def away(*_: Any) -> Any:
        raise StoreUnavailable("busy")

    store.moods = [StoreUnavailable("busy")]
    store.read = away  # type: ignore[method-assign]
    assert journal.commit(noted(mine, 2)) == [mine]


def test_a_full_store_is_told_at_once(store: Moody, journal: DurableJournal) -> None:
    store.moods = [StoreFull("no room")]
    with pytest.raises(StoreFull):
        journal.commit(started(run()))
    assert journal.naps == []  # type: ignore[attr-defined]


def test_the_writer_hands_an_error_to_every_batch_of_the_commit(
    store: Moody, journal: DurableJournal
) -> None:
    store.moods = [StoreFull("no room")]
    said: list[Any] = []
    done = threading.Event()
    journal.put(started(run()), lambda batch, refused: (said.append(refused), done.set()))
    assert done.wait(SOON)
    assert isinstance(said[0], StoreFull)


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conflict_costs_only_the_run_that_lost(store: Moody, journal: DurableJournal) -> None:
    mine, theirs, loser = run("mine"), run("r"), run("r")
    journal.commit(started(mine))
    journal.commit(started(theirs))
    journal.commit(noted(theirs, 2))
    assert journal._write([noted(mine, 2), noted(loser, 2)]) == [[], [loser]]
    assert len(store.read("mine")) == 2


def test_what_follows_refused_rows_is_not_even_tried(store: Moody, journal: DurableJournal) -> None:
    theirs, loser = run(), run()
    journal.commit(started(theirs))
    journal.commit(noted(theirs, 2))
    assert journal.commit(noted(loser, 2)) == [loser]
    assert journal.commit(noted(loser, 3)) == [loser]
    assert [row.sequence for row in store.read("r")] == [1, 2]


def test_a_run_whose_id_is_taken_is_refused(journal: DurableJournal) -> None:
    journal.commit(started(run()))
    again = run()
    assert journal.commit(started(again)) == [again]


def test_observers_are_told_what_was_recorded_and_nothing_else(store: Moody) -> None:
    notes = Notes()
    journal = DurableJournal(store, JsonCodec(), [notes], "me", 5.0)
    mine, loser = run(), run()
    journal.commit(started(mine))
    journal.commit(started(loser))
    assert notes.told == [("r", 1)]


def test_letters_leave_the_inbox_with_the_rows_that_carry_them_out(
    store: Moody, journal: DurableJournal
) -> None:
    from penstock.model.changes import Letter

    mine = run()
    journal.commit(started(mine))
    store.commit([Change(run="r", letters=[Letter(0, 1.0, "pause", "", "")])])
    assert len(store.inbox("r")) == 1
    journal.commit(Batch(2, [(mine, 2, 2.0, e.Paused())], [], [], [], [(mine, 1)]))
    assert store.inbox("r") == []


def test_large_values_are_written_as_blobs_with_their_rows(store: Moody, journal: DurableJournal) -> None:
    mine = run()
    journal.commit(started(mine))
    journal.commit(Batch(2, [(mine, 2, 2.0, e.RunDone("x" * 100_000))], [], [], []))
    assert "blob" in store.read("r", 1)[0].body


def test_a_closed_journal_has_written_what_waited(store: Moody, journal: DurableJournal) -> None:
    done = threading.Event()
    journal.put(started(run()), lambda *_: done.set())
    journal.settle(SOON)
    journal.close()
    assert done.is_set()
    assert not isinstance(store.commit([Change(run="r", expect=1)])[0], Conflict)


# ── ephemeral ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_ephemeral_journal_keeps_the_last_events_and_runs() -> None:
    notes = Notes()
    journal = EphemeralJournal([notes])
    for n in range(KEPT_RUNS + 5):
        mine = run(f"r{n}")
        journal.commit(Batch(n, [(mine, s, 1.0, e.Noted("x")) for s in range(1, 12)], [], [], [mine]))
    assert (len(journal.ring), len(journal.runs)) == (RING, KEPT_RUNS)
    assert next(iter(journal.runs)) == "r5"
    assert len(notes.told) == 11 * (KEPT_RUNS + 5)
    assert journal.text(object()) is None


def test_the_ephemeral_journal_applies_at_once() -> None:
    applied: list[Any] = []
    EphemeralJournal([]).put(started(run()), lambda batch, refused: applied.append(refused))
    assert applied == [[]]
