"""Leases: what becomes claimable when, whose it is and under which number, `extend` and `next_due`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from penstock.model.changes import Ok, Refused
from penstock.ports import Claim, Store
from penstock.testing.store_suite.harness import (
    HandClock,
    StorePart,
    append,
    guard,
    kinds,
    put,
    puts,
    row,
    write,
)

both_tables = pytest.mark.parametrize("table", ["runs", "queued"])


def enqueue(store: Store, *keys: str, table: str = "queued", **columns: Any) -> None:
    """Put rows that are ready unless told."""
    write(store, puts(*(put(table, key, **{"state": "ready", **columns}) for key in keys)))


def ids(claims: Sequence[Claim]) -> list[str]:
    return [claim.id for claim in claims]


class LeasePart(StorePart):
    """What leases of runs and of queued work alike promise, through one handle."""

    @both_tables
    def test_a_claim_leases_a_ready_row_for_a_time_to_an_owner(self, store: Store, table: str) -> None:
        enqueue(store, "x", table=table, data="d", gate="g")
        (claim,) = store.claim(table, "me", ttl=5)
        assert (claim.id, claim.epoch, claim.inbox, claim.gate) == ("x", 1, 0, "g")
        found = row(store, table, "x")
        assert (found["state"], found["owner"], found["due"]) == ("leased", "me", store.now() + 5)
        assert found["epoch"] == 1
        assert (claim.data["data"], claim.data["epoch"], claim.data["owner"]) == ("d", 1, "me")

    @both_tables
    def test_a_leased_row_is_not_claimed_again_before_its_lease_lapses(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        enqueue(store, "x", table=table)
        store.claim(table, "me", ttl=5)
        clock.advance(4)
        assert store.claim(table, "you", ttl=5) == []
        assert store.claim(table, "you", ttl=5, ids=["x"]) == []

    @both_tables
    def test_a_lapsed_lease_is_taken_over_under_the_next_epoch(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        enqueue(store, "x", table=table)
        store.claim(table, "me", ttl=5)
        clock.advance(5)
        (claim,) = store.claim(table, "you", ttl=5)
        assert (claim.epoch, row(store, table, "x")["owner"]) == (2, "you")

    @both_tables
    def test_the_epoch_counts_grants_through_every_other_state(self, store: Store, table: str) -> None:
        for epoch in (1, 2, 3):
            enqueue(store, "x", table=table)
            assert [claim.epoch for claim in store.claim(table, "me", ttl=5)] == [epoch]

    @both_tables
    def test_a_delayed_row_is_claimed_when_it_is_due(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        enqueue(store, "x", table=table, state="delayed", due_in=10)
        clock.advance(9)
        assert store.claim(table, "me", ttl=5) == []
        assert store.claim(table, "me", ttl=5, ids=["x"]) == []
        clock.advance(1)
        assert ids(store.claim(table, "me", ttl=5)) == ["x"]

    @both_tables
    def test_idle_and_done_rows_are_not_claimed(self, store: Store, table: str) -> None:
        enqueue(store, "idle", table=table, state="idle")
        enqueue(store, "done", table=table, state="done")
        assert store.claim(table, "me", ttl=5, limit=9) == []

    @both_tables
    def test_a_claim_by_ids_takes_only_these_also_idle_ones_and_never_done_ones(
        self, store: Store, table: str
    ) -> None:
        enqueue(store, "ready", "unnamed", table=table)
        enqueue(store, "idle", table=table, state="idle")
        enqueue(store, "done", table=table, state="done")
        named = ["done", "idle", "ready", "nobody", "idle"]
        assert sorted(ids(store.claim(table, "me", ttl=5, limit=9, ids=named))) == ["idle", "ready"]
        assert store.claim(table, "me", ttl=5, limit=9, ids=[]) == []

    @both_tables
    def test_extending_prolongs_only_what_is_still_held(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        enqueue(store, "held", "lost", "ended", table=table)
        store.claim(table, "me", ttl=5, limit=9)
        enqueue(store, "lost", table=table)
        store.claim(table, "you", ttl=60)
        write(store, puts(put(table, "ended", state="done")))
        clock.advance(4)
        claims = [("held", 1), ("lost", 1), ("ended", 1), ("nobody", 1)]
        assert store.extend(table, claims, 5) == {"held"}
        assert row(store, table, "held")["due"] == store.now() + 5
        assert row(store, table, "lost")["due"] == store.now() + 56
        assert row(store, table, "held")["epoch"] == 1

    @both_tables
    def test_a_lapsed_lease_that_nobody_took_is_still_held(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        enqueue(store, "x", table=table)
        store.claim(table, "me", ttl=5)
        clock.advance(60)
        assert store.extend(table, [("x", 1)], 5) == {"x"}
        assert store.claim(table, "you", ttl=5) == []

    @both_tables
    def test_a_completion_under_a_stale_epoch_is_refused(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        enqueue(store, "x", table=table)
        store.claim(table, "me", ttl=5)
        clock.advance(5)
        store.claim(table, "you", ttl=5)
        late, right = (
            append(
                "r",
                0,
                guards=[guard(table, "x", epoch=epoch, state="leased")],
                puts=[put(table, "x", state="done")],
            )
            for epoch in (1, 2)
        )
        assert kinds(store.commit([late, right])) == [Refused, Ok]

    @both_tables
    def test_the_next_due_is_the_time_until_a_row_may_be_claimed(
        self, store: Store, clock: HandClock, table: str
    ) -> None:
        assert store.next_due(table) is None
        enqueue(store, "later", table=table, state="delayed", due_in=10)
        enqueue(store, "sooner", table=table, state="delayed", due_in=6)
        assert store.next_due(table) == 6
        clock.advance(7)
        assert store.next_due(table) == 0
        store.claim(table, "me", ttl=2)
        assert store.next_due(table) == 2
        enqueue(store, "now", table=table)
        assert store.next_due(table) == 0

    @both_tables
    def test_nothing_is_due_of_rows_that_only_others_can_wake(self, store: Store, table: str) -> None:
        enqueue(store, "idle", table=table, state="idle", due_in=1)
        enqueue(store, "done", table=table, state="done", due_in=1)
        enqueue(store, "delayed", table=table, state="delayed")
        assert store.next_due(table) is None
        assert store.claim(table, "me", ttl=5, limit=9) == []

    @both_tables
    def test_the_next_due_may_be_asked_for_some_queues(self, store: Store, table: str) -> None:
        enqueue(store, "a", table=table, state="delayed", due_in=3, queue="a")
        enqueue(store, "b", table=table, state="delayed", due_in=8, queue="b")
        assert store.next_due(table, ["b", "c"]) == 8
        assert store.next_due(table, ["a", "b"]) == 3
        assert store.next_due(table, ["c"]) is None
        assert store.next_due(table, []) is None
