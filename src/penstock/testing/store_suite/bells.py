"""Bells: what rings, for whom, and what a descriptor tells."""

from __future__ import annotations

import select

import pytest

from penstock.model.changes import Change
from penstock.ports import Bell, Store
from penstock.testing.store_suite.harness import StorePart, letter, put, puts, send, write

PATIENCE_SECONDS = 60.0
"""How long a bell may take before the test gives it up; a sound one takes a millisecond."""


def heard(bell: Bell, store: Store) -> set[str]:
    """What the bell rang for until now, told by ringing it once more. It must watch the topic `end`."""
    store.ring(["end"])
    topics: set[str] = set()
    while "end" not in topics:
        assert select.select([bell.fileno()], [], [], PATIENCE_SECONDS)[0], f"silent after {topics}"
        topics |= bell.drain()
    return topics - {"end"}


class BellPart(StorePart):
    """What bells promise. `Rarely not ring` is for worlds where processes die; a suite may count on them."""

    def test_a_bell_rings_for_the_topics_it_watches_and_no_others(self, store: Store) -> None:
        bell = store.watch(["a", "run:1", "end"])
        store.ring(["a", "b", "run:12"])
        assert heard(bell, store) == {"a"}
        bell.close()

    def test_a_star_at_the_end_matches_every_topic_that_begins_so(self, store: Store) -> None:
        bell = store.watch(["run:*", "end"])
        store.ring(["run:1", "run:", "runs", "queue:run:1"])
        assert heard(bell, store) == {"run:1", "run:"}
        bell.close()

    def test_a_bell_that_was_drained_is_silent_until_it_rings_again(self, store: Store) -> None:
        bell = store.watch(["a", "end"])
        store.ring(["a"])
        assert heard(bell, store) == {"a"}
        assert select.select([bell.fileno()], [], [], 0)[0] == []
        assert bell.drain() == frozenset()
        store.ring(["a"])
        assert heard(bell, store) == {"a"}
        bell.close()

    def test_a_bell_rung_a_thousand_times_is_drained_at_once(self, store: Store) -> None:
        bell = store.watch(["a", "end"])
        for _ in range(1_000):
            store.ring(["a"])
        assert heard(bell, store) == {"a"}
        assert select.select([bell.fileno()], [], [], 0)[0] == []
        bell.close()

    def test_every_bell_that_watches_a_topic_rings(self, store: Store) -> None:
        bells = [store.watch(["a", "end"]), store.watch(["a", "end"])]
        store.ring(["a"])
        assert [heard(bell, store) for bell in bells] == [{"a"}, {"a"}]
        for bell in bells:
            bell.close()

    def test_a_closed_bell_hurts_nobody_and_may_be_closed_again(self, store: Store) -> None:
        closed, open_ = store.watch(["a", "end"]), store.watch(["a", "end"])
        closed.close()
        closed.close()
        store.ring(["a"])
        assert heard(open_, store) == {"a"}
        open_.close()

    # ── what a commit rings ──

    def test_a_runs_topic_rings_when_its_status_changes(self, store: Store) -> None:
        bell = store.watch(["run:*", "end"])
        write(store, puts(put("runs", "new")))
        assert heard(bell, store) == {"run:new"}
        write(store, puts(put("runs", "new", status="completed")))
        assert heard(bell, store) == {"run:new"}
        bell.close()

    def test_a_letter_rings_its_run_also_one_without_a_row(self, store: Store) -> None:
        bell = store.watch(["run:*", "end"])
        write(store, send("r", "go"))
        assert heard(bell, store) == {"run:r"}
        bell.close()

    def test_a_letter_rings_the_owner_of_its_run(self, store: Store) -> None:
        write(store, puts(put("runs", "r", state="leased", owner="engine 7", due_in=5)))
        bell = store.watch(["owner:engine 7", "end"])
        write(store, send("r", "go"))
        assert heard(bell, store) == {"owner:engine 7"}
        bell.close()

    @pytest.mark.parametrize("table", ["runs", "queued"])
    @pytest.mark.parametrize("state", ["ready", "delayed"])
    def test_a_queue_rings_when_a_row_is_made_ready_or_delayed(
        self, store: Store, table: str, state: str
    ) -> None:
        write(store, puts(put(table, "x", queue="big")))
        bell = store.watch(["queue:*", "end"])
        write(store, puts(put(table, "x", state=state, due_in=3)))
        assert heard(bell, store) == {"queue:big"}
        bell.close()

    def test_a_change_that_was_not_written_rings_nothing(self, store: Store) -> None:
        bell = store.watch(["run:*", "queue:*", "end"])
        store.commit([Change(run="r", expect=3, letters=[letter()], puts=[put("runs", "r", state="ready")])])
        assert heard(bell, store) == set()
        bell.close()
