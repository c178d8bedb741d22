"""A keeper's rounds: leases are extended in time, what was lost is said, letters are brought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from penstock.codecs import JsonCodec
from penstock.engine.recovery import claim_run, evict, give_back, read_log, take_up
from penstock.engine.rounds import Rounds
from penstock.engine.rows import row_of
from penstock.errors import LeaseLost, StoreCorrupt
from penstock.model import events as e
from penstock.model.changes import Change, Letter, Put, Row
from penstock.stores.memory import MemoryStore
from tests.unit.scripted import Script, do, oops


class House:
    """A household whose runs are written down."""

    def __init__(self, *held: tuple[str, int]) -> None:
        self.held = list(held)
        self.letters: dict[str, int] = {run: 0 for run, _ in held}
        self.lost: list[str] = []
        self.got: list[tuple[str, list[str]]] = []

    def held_leases(self) -> list[tuple[str, int]]:
        return self.held

    def known_letters(self) -> dict[str, int]:
        return self.letters

    def lease_lost(self, run_id: str) -> None:
        self.lost.append(run_id)

    def deliver(self, run_id: str, letters: Sequence[Letter]) -> None:
        self.got.append((run_id, [letter.name for letter in letters]))

    def follow_kin(self) -> None:
        """No run here is a step of another."""


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.close()


def leased(store: MemoryStore, run: str = "r", **columns: Any) -> None:
    put = {
        "status": "running",
        "workflow": "script",
        "state": "leased",
        "owner": "me",
        "epoch": 1,
        "due_in": 60.0,
    }
    store.commit([Change(run=run, puts=[Put("runs", run, {**put, **columns})])])


def test_leases_are_extended_at_a_third_of_their_time(store: MemoryStore) -> None:
    leased(store, due_in=0.0)
    now = [0.0]
    house = House(("r", 1))
    rounds = Rounds(house, store, 30.0, lambda: now[0])
    now[0] = 9.0
    rounds.walk()
    assert store.next_due("runs") == 0
    now[0] = 10.0
    rounds.walk()
    due = store.next_due("runs")
    assert due is not None
    assert due > 20.0


def test_a_lease_that_somebody_took_is_said_to_be_lost(store: MemoryStore) -> None:
    leased(store, epoch=2, owner="other")
    now = [0.0]
    house = House(("r", 1))
    rounds = Rounds(house, store, 3.0, lambda: now[0])
    now[0] = 5.0
    rounds.walk()
    assert house.lost == ["r"]


def test_a_run_whose_first_commit_is_on_its_way_is_not_lost(store: MemoryStore) -> None:
    now = [0.0]
    house = House(("new", 1))
    rounds = Rounds(house, store, 3.0, lambda: now[0])
    now[0] = 5.0
    rounds.walk()
    assert house.lost == []


def test_a_run_whose_first_commit_comes_while_leases_are_extended_is_not_lost() -> None:
    class Slow(MemoryStore):
        def extend(self, table: str, held: Iterable[tuple[str, int]], ttl: float) -> set[str]:
            still = super().extend(table, held, ttl)
            leased(self, "new")
            return still

    store, now, house = Slow(), [0.0], House(("new", 1))
    rounds = Rounds(house, store, 3.0, lambda: now[0])
    now[0] = 5.0
    rounds.walk()
    assert house.lost == []
    store.close()


def test_without_runs_there_is_nothing_to_extend(store: MemoryStore) -> None:
    now = [0.0]
    rounds = Rounds(House(), store, 3.0, lambda: now[0])
    now[0] = 5.0
    rounds.walk()


def test_letters_are_brought_from_the_first_that_is_not_known(store: MemoryStore) -> None:
    leased(store)
    store.commit([Change(run="r", letters=[Letter(0, 1.0, "signal", n, "1") for n in ("a", "b")])])
    house = House(("r", 1))
    Rounds(house, store, 30.0, lambda: 0.0).walk()
    house.letters["r"] = 1
    Rounds(house, store, 30.0, lambda: 0.0).walk()
    house.letters["r"] = 2
    Rounds(house, store, 30.0, lambda: 0.0).walk()
    assert house.got == [("r", ["a", "b"]), ("r", ["b"])]


# ── taking runs up ──────────────────────────────────────────────────────────────────────────────────────────────────

CODEC = JsonCodec()


def logged(store: MemoryStore, *events: e.Event, run: str = "r") -> None:
    rows: list[Row] = [row_of(n, float(n), event, CODEC, []) for n, event in enumerate(events, 1)]
    store.commit([Change(run=run, expect=0, events=rows)])


STARTED = e.RunStarted("script", "", None, 1)
SCRIPT = Script(do("a"))


def test_a_claimed_run_can_be_given_back_and_is_claimed_again_at_once(store: MemoryStore) -> None:
    leased(store, state="ready", owner=None, due_in=0.0)
    epoch = claim_run(store, "me", 60.0, "r")
    assert epoch is not None
    assert claim_run(store, "other", 60.0, "r") is None
    give_back(store, "r", epoch, finished=False)
    assert claim_run(store, "other", 60.0, "r") == epoch + 1


def test_a_finished_run_can_be_claimed_to_be_reopened(store: MemoryStore) -> None:
    leased(store, state="done", owner=None)
    epoch = claim_run(store, "me", 60.0, "r")
    assert epoch is not None
    give_back(store, "r", epoch, finished=True)
    assert store.get("runs", ["r"])["r"]["state"] == "done"


def test_the_lease_of_a_process_that_is_gone_is_ended(store: MemoryStore) -> None:
    leased(store)
    evict(store, "r", "me", 1)
    assert claim_run(store, "other", 60.0, "r") == 2


def test_a_long_log_is_read_whole(store: MemoryStore) -> None:
    logged(store, STARTED, *[e.Noted("x") for _ in range(10_500)])
    assert len(read_log(store, CODEC, "r")) == 10_501


def test_a_blob_that_is_missing_is_named(store: MemoryStore) -> None:
    logged(store, STARTED, e.RunDone("x" * 100_000))
    with pytest.raises(StoreCorrupt, match=r"run r speaks of blob .* which the store does not hold"):
        read_log(store, CODEC, "r")


def test_a_failed_run_is_taken_up_with_its_blame_forgiven(store: MemoryStore) -> None:
    logged(store, STARTED, e.StepStarted("a"), e.StepFailed("a", None, 1, oops()), e.RunFailed(oops(), [3]))
    log = read_log(store, CODEC, "r")
    recovered = take_up(log, "r", SCRIPT, 2, reopen=True)
    assert recovered is not None
    assert (recovered.reopen, recovered.state.open["a"].status) == ([3], "ready")
    assert take_up(log, "r", SCRIPT, 2, reopen=False) is None


def test_a_claim_that_is_older_than_the_log_is_refused(store: MemoryStore) -> None:
    logged(store, STARTED, e.Owned(5, "other"))
    with pytest.raises(LeaseLost, match="claimed under epoch 4, and has an owner under epoch 5"):
        take_up(read_log(store, CODEC, "r"), "r", SCRIPT, 4, reopen=True)
