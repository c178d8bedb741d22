"""Claims: which rows come first, which are left out, and what a `choose` is shown and decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from penstock.model.changes import Change, Guard, Ok, Refused
from penstock.ports import Candidate, Store
from penstock.testing.store_suite.harness import HandClock, StorePart, kinds, put, puts, row, send, write
from penstock.testing.store_suite.leases import enqueue, ids


def shut(store: Store, gate: str, *, is_shut: bool = True) -> None:
    data = '{"shut":true}' if is_shut else '{"shut":false}'
    write(store, puts(put("documents", f"gate:{gate}", kind="gate", data=data)))


class Chooser:
    """A `choose` that remembers what it was shown and takes what its rule says (everything without one)."""

    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted
        self.candidates: list[Candidate] = []
        self.held: dict[str, int] = {}
        self.shut: frozenset[str] = frozenset()

    def __call__(
        self, candidates: Sequence[Candidate], held: Mapping[str, int], shut: frozenset[str]
    ) -> Sequence[str]:
        self.candidates, self.held, self.shut = list(candidates), dict(held), shut
        return self.wanted or [candidate.id for candidate in candidates]


class ClaimPart(StorePart):
    """What claims promise, through one handle."""

    # ── order, limits, filters ──

    def test_rows_are_claimed_by_rank_then_by_order_of_creation(self, store: Store) -> None:
        for key, rank in [("c", 5), ("a", 5), ("last", 9), ("first", -3), ("b", 5)]:
            enqueue(store, key, rank=rank)
        assert ids(store.claim("queued", "me", ttl=5, limit=9)) == ["first", "c", "a", "b", "last"]

    def test_named_rows_keep_their_order_of_creation(self, store: Store) -> None:
        enqueue(store, "c", "a", "unnamed", "b")
        assert ids(store.claim("queued", "me", ttl=5, limit=9, ids=["a", "b", "c"])) == ["c", "a", "b"]

    def test_ready_and_due_rows_stand_in_one_line(self, store: Store, clock: HandClock) -> None:
        enqueue(store, "due", state="delayed", due_in=1, rank=2)
        enqueue(store, "one", rank=1)
        enqueue(store, "three", rank=3)
        clock.advance(1)
        assert ids(store.claim("queued", "me", ttl=5, limit=9)) == ["one", "due", "three"]

    def test_priority_goes_first_and_waiting_makes_up_for_it(self, store: Store) -> None:
        for number in range(6):
            enqueue(store, f"n{number}", rank_minus=3 if number in (2, 5) else 0)
        assert ids(store.claim("queued", "me", ttl=5, limit=9)) == ["n2", "n0", "n1", "n5", "n3", "n4"]

    def test_a_claim_takes_no_more_than_its_limit(self, store: Store) -> None:
        enqueue(store, *"abcde")
        assert ids(store.claim("queued", "me", ttl=5)) == ["a"]
        assert ids(store.claim("queued", "me", ttl=5, limit=3)) == ["b", "c", "d"]
        assert ids(store.claim("queued", "me", ttl=5, limit=3, ids=["e", "a"])) == ["e"]

    def test_a_claim_from_one_queue_leaves_the_others_alone(self, store: Store) -> None:
        enqueue(store, "a", queue="a")
        enqueue(store, "b", queue="b")
        assert ids(store.claim("queued", "me", ttl=5, limit=9, queue="b")) == ["b"]
        assert store.claim("queued", "me", ttl=5, limit=9, queue="c") == []
        assert ids(store.claim("queued", "me", ttl=5, limit=9)) == ["a"]

    def test_rows_behind_skipped_gates_are_left_out_and_rows_without_gate_never(self, store: Store) -> None:
        for key, gate in [("a", "full"), ("b", None), ("c", "free"), ("d", "shut")]:
            enqueue(store, key, gate=gate)
        assert ids(store.claim("queued", "me", ttl=5, limit=9, skip=["full", "shut"])) == ["b", "c"]

    def test_a_claim_tells_the_number_of_the_runs_newest_letter(self, store: Store) -> None:
        write(store, puts(put("runs", "r", state="ready")), send("r", "a", "b"), Change(run="r", take=1))
        assert [claim.inbox for claim in store.claim("runs", "me", ttl=5)] == [2]

    @pytest.mark.parametrize("letters", [0, 1])
    def test_a_release_that_saw_every_letter_passes_and_one_that_did_not_is_refused(
        self, store: Store, letters: int
    ) -> None:
        enqueue(store, "r", table="runs")
        (claim,) = store.claim("runs", "me", ttl=5)
        write(store, send("r", *["go"] * letters))
        seen = Guard("runs", "r", {"epoch": claim.epoch, "inbox": claim.inbox})
        verdicts = store.commit([Change(guards=[seen], puts=[put("runs", "r", state="idle")])])
        assert kinds(verdicts) == [Refused if letters else Ok]

    @pytest.mark.parametrize("table", ["documents", "blobs", "nowhere"])
    def test_only_runs_and_queued_work_can_be_claimed(self, store: Store, table: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the backend's
            store.claim(table, "me", ttl=5)

    # ── choose ──

    def test_choose_is_shown_the_candidates_by_rank_with_gates_and_epochs(self, store: Store) -> None:
        enqueue(store, "b", rank=2, gate="g")
        enqueue(store, "a", rank=1, epoch=4)
        enqueue(store, "idle", state="idle")
        choose = Chooser()
        store.claim("queued", "me", ttl=5, limit=9, choose=choose)
        assert choose.candidates == [Candidate("a", None, 4), Candidate("b", "g", 0)]

    def test_choose_is_told_which_runs_have_begun(self, store: Store, clock: HandClock) -> None:
        enqueue(store, "fresh", "taken", table="runs", rank=1)
        enqueue(store, "later", table="runs", rank=2, state="delayed", due_in=1)
        enqueue(store, "lapsed", table="runs", rank=3, status="running")
        for key, seconds in [("taken", 1), ("lapsed", 1)]:
            store.claim("runs", "me", ttl=seconds, ids=[key])
        clock.advance(1)
        choose = Chooser()
        store.claim("runs", "me", ttl=5, limit=9, choose=choose)
        begun = {candidate.id: candidate.begun for candidate in choose.candidates}
        assert begun == {"fresh": False, "taken": False, "later": False, "lapsed": True}

    def test_choose_is_shown_more_candidates_than_may_be_claimed(self, store: Store) -> None:
        enqueue(store, *"abcdefgh")
        choose = Chooser("h", "c")
        assert ids(store.claim("queued", "me", ttl=5, limit=1, choose=choose)) == ["h"]
        assert len(choose.candidates) == 8

    def test_what_was_chosen_is_claimed_in_the_order_chosen_and_nothing_else(self, store: Store) -> None:
        enqueue(store, *"abc")
        enqueue(store, "other", queue="other")
        choose = Chooser("c", "other", "nobody", "a", "c")
        assert ids(store.claim("queued", "me", ttl=5, limit=9, queue="default", choose=choose)) == ["c", "a"]
        assert row(store, "queued", "b")["epoch"] == 0
        assert row(store, "queued", "other")["epoch"] == 0

    def test_choose_is_told_how_many_leases_each_gate_holds_in_any_queue(
        self, store: Store, clock: HandClock
    ) -> None:
        enqueue(store, "lapsed", gate="g")
        store.claim("queued", "me", ttl=1)
        clock.advance(1)
        enqueue(store, "a", "b", gate="g", queue="other")
        enqueue(store, "c", gate="h", queue="other")
        enqueue(store, "d", queue="other")
        store.claim("queued", "me", ttl=60, limit=9, queue="other")
        choose = Chooser()
        assert ids(store.claim("queued", "me", ttl=5, queue="default", choose=choose)) == ["lapsed"]
        assert {gate: choose.held.get(gate, 0) for gate in ("g", "h", "i")} == {"g": 2, "h": 1, "i": 0}

    def test_choose_is_told_which_gates_are_shut(self, store: Store) -> None:
        enqueue(store, "a", gate="user 7")
        for gate, is_shut in [("user 7", True), ("open", False), ("opened", True), ("opened", False)]:
            shut(store, gate, is_shut=is_shut)
        write(store, puts(put("documents", "gate:note", kind="note", data='{"shut":true}')))
        choose = Chooser()
        store.claim("queued", "me", ttl=5, choose=choose)
        assert choose.shut == {"user 7"}

    def test_without_choose_the_store_knows_no_rule_about_gates(self, store: Store) -> None:
        enqueue(store, "a", gate="g")
        shut(store, "g")
        assert ids(store.claim("queued", "me", ttl=5)) == ["a"]

    def test_a_skipped_gate_is_not_shown_to_choose(self, store: Store) -> None:
        enqueue(store, "a", gate="full")
        enqueue(store, "b", gate="free")
        choose = Chooser()
        assert ids(store.claim("queued", "me", ttl=5, limit=9, choose=choose, skip=["full"])) == ["b"]
        assert [candidate.id for candidate in choose.candidates] == ["b"]

    def test_choosing_nothing_claims_nothing(self, store: Store) -> None:
        enqueue(store, "a")
        assert store.claim("queued", "me", ttl=5, choose=lambda candidates, held, shut: []) == []
        assert row(store, "queued", "a")["state"] == "ready"

    def test_a_choose_that_raises_claims_nothing_and_the_store_goes_on(self, store: Store) -> None:
        enqueue(store, "a")
        with pytest.raises(ZeroDivisionError):
            store.claim("queued", "me", ttl=5, choose=lambda candidates, held, shut: [str(1 // 0)])
        assert ids(store.claim("queued", "me", ttl=5)) == ["a"]
