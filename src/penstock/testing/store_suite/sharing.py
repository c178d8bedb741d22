"""Several handles on one store, as several processes have them, and several threads on one handle."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from penstock.errors import StoreClosed
from penstock.model.changes import Change, Conflict, Duplicate, Ok, Row
from penstock.ports import Store
from penstock.testing.store_suite.bells import heard
from penstock.testing.store_suite.harness import (
    HandClock,
    StorePart,
    append,
    events,
    guard,
    keys,
    kinds,
    letter,
    put,
    puts,
    row,
    send,
    write,
)
from penstock.testing.store_suite.leases import enqueue, ids
from penstock.testing.store_suite.logs import follow_to_the_end

THREADS = 4


class SharingPart(StorePart):
    """What holds between handles. A store that lives in one process only (ephemeral) does without this part."""

    # ── two handles, one after another ──

    def test_what_one_handle_commits_the_other_reads_at_once(self, store: Store, other: Store) -> None:
        write(store, append("r", 0, 2, puts=[put("runs", "r", data="x")], letters=[letter()]))
        assert other.read("r") == events(1, 2)
        assert row(other, "runs", "r")["data"] == "x"
        assert keys(other.find("runs")) == ["r"]
        assert len(other.inbox("r")) == 1
        assert [run for run, _ in other.follow()[0]] == ["r", "r"]

    def test_of_two_handles_that_append_the_same_sequence_the_second_is_refused(
        self, store: Store, other: Store
    ) -> None:
        write(store, append("r", 0, 2))
        assert kinds(other.commit([append("r", 0), append("r", 1)])) == [Conflict, Conflict]
        write(other, append("r", 2))
        (verdict,) = store.commit([append("r", 2)])
        assert isinstance(verdict, Conflict)
        assert verdict.actual == 3

    def test_a_log_appended_to_by_turns_has_no_holes(self, store: Store, other: Store) -> None:
        for sequence in range(20):
            write((store, other)[sequence % 2], append("r", sequence))
        assert store.read("r") == events(1, 20)

    def test_a_key_written_by_one_handle_is_a_duplicate_to_the_other(
        self, store: Store, other: Store
    ) -> None:
        change = append("r", 0, key="k", digest="d")
        write(store, change)
        assert kinds(other.commit([change])) == [Duplicate]

    def test_letters_from_two_handles_share_one_numbering(self, store: Store, other: Store) -> None:
        for place, name in enumerate("abcd"):
            write((store, other)[place % 2], send("r", name))
        assert [(found.number, found.name) for found in store.inbox("r")] == list(enumerate("abcd", 1))

    def test_what_one_handle_leased_the_other_is_not_given(
        self, store: Store, other: Store, clock: HandClock
    ) -> None:
        enqueue(store, "a", "b")
        assert ids(store.claim("queued", "me", ttl=5)) == ["a"]
        assert ids(other.claim("queued", "you", ttl=5, limit=9)) == ["b"]
        clock.advance(5)
        assert [claim.epoch for claim in other.claim("queued", "you", ttl=5, ids=["a"])] == [2]
        assert store.extend("queued", [("a", 1)], 5) == set()

    def test_ranks_given_through_two_handles_share_one_order(self, store: Store, other: Store) -> None:
        for place in range(6):
            enqueue((store, other)[place % 2], f"q{place}", rank_minus=0)
        assert ids(store.claim("queued", "me", ttl=5, limit=9)) == [f"q{place}" for place in range(6)]

    def test_a_bell_of_one_handle_rings_for_commits_of_the_other(self, store: Store, other: Store) -> None:
        bell = other.watch(["run:r", "queue:default", "end"])
        write(store, puts(put("runs", "r", state="ready")))
        assert heard(bell, store) == {"run:r", "queue:default"}
        bell.close()

    def test_output_rides_in_the_next_commit_at_the_latest(self, store: Store, other: Store) -> None:
        store.write_logs([("r", "s", None, 1, 5.0, "stdout", "hello")])
        write(store, append("r", 0))
        assert [line[-1] for line in other.read_logs("r")] == ["hello"]

    def test_output_written_before_close_is_kept(self, store: Store, other: Store) -> None:
        store.write_logs([("r", "s", None, 1, 5.0, "stdout", "hello")])
        store.close()
        assert [line[-1] for line in other.read_logs("r")] == ["hello"]

    def test_closing_one_handle_leaves_the_other_open(self, store: Store, other: Store) -> None:
        write(store, append("r", 0))
        store.close()
        write(other, append("r", 1))
        assert other.read("r") == events(1, 2)
        with pytest.raises(StoreClosed):
            store.read("r")

    def test_what_was_committed_is_there_when_the_store_is_opened_again(
        self, store: Store, clock: HandClock
    ) -> None:
        if not self.durable:
            pytest.skip("this store keeps nothing when it is closed")
        change = append(
            "r", 0, 2, puts=[put("runs", "r", data="x"), put("blobs", "b", data=b"y")], key="k", digest="d"
        )
        write(store, change, send("r", "go"))
        _, cursor = store.follow(limit=1)
        store.close()
        again = self.second_handle(store, clock)
        assert kinds(again.commit([change, append("r", 2)])) == [Duplicate, Ok]
        assert again.read("r") == events(1, 3)
        assert (row(again, "runs", "r")["inbox"], row(again, "blobs", "b")["data"]) == (1, b"y")
        assert [event.sequence for _, event in again.follow(cursor)[0]] == [2, 3]
        again.close()

    # ── many at once ──

    def test_of_many_writers_at_one_sequence_exactly_one_wins_each(self, store: Store, other: Store) -> None:
        def contend(handle: Store, name: str) -> int:
            won = 0
            for _ in range(2_000):
                last = len(handle.read("r"))
                row_of_mine = Row(last + 1, 0.0, "noted", name, None, "{}")
                verdicts = handle.commit([Change(run="r", expect=last, events=[row_of_mine])])
                won += kinds(verdicts) == [Ok]
                if last >= 60:
                    break
            return won

        wins = at_once(contend, ((handle, f"w{n}") for n, handle in enumerate([store, other] * 2)))
        log = store.read("r")
        assert [found.sequence for found in log] == list(range(1, len(log) + 1))
        assert sorted(wins) == sorted(sum(found.step == f"w{n}" for found in log) for n in range(THREADS))

    def test_no_row_is_ever_leased_to_two(self, store: Store, other: Store) -> None:
        enqueue(store, *(f"q{n}" for n in range(60)))

        def drain(handle: Store, owner: str) -> list[str]:
            mine: list[str] = []
            while claims := handle.claim("queued", owner, ttl=60, limit=3):
                mine += ids(claims)
                done = [
                    Change(guards=[guard("queued", key, epoch=1)], puts=[put("queued", key, state="done")])
                    for key in ids(claims)
                ]
                assert kinds(handle.commit(done)) == [Ok] * len(done)
            return mine

        lists = at_once(drain, ((handle, f"w{n}") for n, handle in enumerate([store, other] * 2)))
        assert sorted(key for mine in lists for key in mine) == sorted(f"q{n}" for n in range(60))

    def test_a_follower_beside_concurrent_writers_skips_nothing_and_keeps_each_runs_order(
        self, store: Store, other: Store, clock: HandClock
    ) -> None:
        def append_all(handle: Store, run: str) -> None:
            try:
                for sequence in range(40):
                    write(handle, append(run, sequence), append(f"{run} too", sequence))
            finally:
                ended.append(run)

        def follow_all(handle: Store, total: int) -> list[tuple[str, Row]]:
            seen: list[tuple[str, Row]] = []
            page, cursor = handle.follow("", 7)
            all_ended = False
            while len(seen) < total and (page or not all_ended):
                seen += page
                all_ended = len(ended) == THREADS
                page, cursor = handle.follow(cursor, 7)
            return seen

        ended: list[str] = []
        reader = self.second_handle(store, clock)
        calls: list[tuple[Any, ...]] = [
            (append_all, handle, f"r{n}") for n, handle in enumerate([store, other] * 2)
        ]
        seen = at_once(lambda call, *rest: call(*rest), [*calls, (follow_all, reader, 2 * 40 * THREADS)])[-1]
        reader.close()
        assert seen == follow_to_the_end(store)
        for run in {run for run, _ in seen}:
            assert [event.sequence for name, event in seen if name == run] == list(range(1, 41))

    def test_letters_sent_at_once_are_all_kept_under_numbers_without_holes(
        self, store: Store, other: Store
    ) -> None:
        def send_all(handle: Store, name: str) -> None:
            for n in range(20):
                write(handle, Change(run="r", letters=[letter(f"{name} {n}", key=f"{name} {n // 2}")]))

        write(store, puts(put("runs", "r")))
        at_once(send_all, ((handle, f"w{n}") for n, handle in enumerate([store, other] * 2)))
        assert [found.number for found in store.inbox("r")] == list(range(1, 10 * THREADS + 1))
        assert row(other, "runs", "r")["inbox"] == 10 * THREADS


def at_once(call: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The results of calls that run in threads beside each other, switched often; the first error is raised."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor() as pool:
            calls = [pool.submit(call, *args) for args in arguments]
            return [done.result(timeout=60) for done in calls]
    finally:
        sys.setswitchinterval(interval)
