"""Commits: verdicts and their order, all or nothing, and what later changes of a batch see."""

from __future__ import annotations

import pytest

from penstock.model.changes import Change, Conflict, Duplicate, Guard, Mismatch, Ok, Put, Refused, Row
from penstock.ports import Store
from penstock.testing.store_suite.harness import (
    StorePart,
    absent,
    append,
    event,
    events,
    guard,
    kinds,
    letter,
    put,
    puts,
    row,
    send,
    write,
)


class CommitPart(StorePart):
    """What `commit` promises of one batch after another, through one handle."""

    # ── the log's sequence ──

    def test_an_accepted_change_is_ok_and_its_events_can_be_read(self, store: Store) -> None:
        write(store, append("r", 0, 3))
        assert store.read("r") == events(1, 3)

    def test_an_empty_batch_has_no_verdicts(self, store: Store) -> None:
        assert store.commit([]) == []

    @pytest.mark.parametrize("expect", [0, 1, 3])
    def test_a_wrong_expectation_is_a_conflict_that_names_the_last_sequence(
        self, store: Store, expect: int
    ) -> None:
        write(store, append("r", 0, 2))
        (verdict,) = store.commit([append("r", expect)])
        assert isinstance(verdict, Conflict)
        assert verdict.actual == 2
        assert store.read("r") == events(1, 2)

    def test_an_expectation_without_events_is_checked_all_the_same(self, store: Store) -> None:
        write(store, append("r", 0, 2))
        verdicts = store.commit([Change(run="r", expect=2), Change(run="r", expect=1)])
        assert kinds(verdicts) == [Ok, Conflict]

    def test_a_change_without_expectation_leaves_the_log_alone(self, store: Store) -> None:
        write(store, append("r", 0, 2), Change(run="r", puts=[put("runs", "r", status="paused")]))
        assert store.read("r") == events(1, 2)

    def test_one_batch_may_append_to_one_log_repeatedly(self, store: Store) -> None:
        write(store, append("r", 0), append("r", 1, 2), append("r", 3))
        assert store.read("r") == events(1, 4)

    def test_logs_of_different_runs_do_not_touch(self, store: Store) -> None:
        write(store, append("a", 0, 2), append("b", 0), append("a", 2))
        assert (store.read("a"), store.read("b")) == (events(1, 3), events(1, 1))

    def test_a_thousand_runs_fit_in_one_commit(self, store: Store) -> None:
        changes = [
            append(
                f"r{n}", 0, puts=[put("runs", f"r{n}", status="running")], guards=[absent("runs", f"r{n}")]
            )
            for n in range(1_000)
        ]
        write(store, *changes)
        assert len(store.find("runs", limit=2_000)) == 1_000

    # ── keys ──

    def test_the_same_key_and_digest_again_is_a_duplicate_that_writes_nothing(self, store: Store) -> None:
        change = Change(run="r", key="k", digest="d", letters=[letter()])
        assert kinds(store.commit([change])) == [Ok]
        assert kinds(store.commit([change])) == [Duplicate]
        assert len(store.inbox("r")) == 1

    def test_another_digest_under_a_known_key_is_a_mismatch_that_names_the_key(self, store: Store) -> None:
        write(store, Change(run="r", key="k", digest="d"))
        (verdict,) = store.commit([Change(run="r", key="k", digest="e", letters=[letter()])])
        assert isinstance(verdict, Mismatch)
        assert verdict.key == "k"
        assert store.inbox("r") == []

    def test_a_key_is_known_within_the_batch_that_brings_it(self, store: Store) -> None:
        first, again = Change(run="r", key="k", digest="d"), Change(run="r", key="k", digest="d")
        other = Change(run="r", key="k", digest="e")
        assert kinds(store.commit([first, again, other])) == [Ok, Duplicate, Mismatch]

    def test_keys_of_different_runs_do_not_meet(self, store: Store) -> None:
        write(store, Change(run="a", key="k", digest="d"), Change(run="b", key="k", digest="e"))

    def test_a_key_needs_no_run(self, store: Store) -> None:
        change = Change(key="k", digest="d", puts=[put("documents", "x", kind="note")])
        assert kinds(store.commit([change, change])) == [Ok, Duplicate]

    def test_the_key_is_judged_before_guards_and_sequence(self, store: Store) -> None:
        write(
            store, append("r", 0, key="k", digest="d", guards=[absent("runs", "r")], puts=[put("runs", "r")])
        )
        retried = append("r", 0, key="k", digest="d", guards=[absent("runs", "r")])
        changed = append("r", 0, key="k", digest="e", guards=[absent("runs", "r")])
        assert kinds(store.commit([retried, changed])) == [Duplicate, Mismatch]

    @pytest.mark.parametrize(
        "fault",
        [{"expect": 7}, {"guards": [Guard("runs", "nobody", {"epoch": 1})]}],
        ids=["sequence", "guard"],
    )
    def test_a_change_that_was_not_written_leaves_its_key_free(
        self, store: Store, fault: dict[str, int]
    ) -> None:
        store.commit([Change(run="r", key="k", digest="d", **fault)])  # type: ignore[arg-type] # any one fault
        assert kinds(store.commit([Change(run="r", key="k", digest="other")])) == [Ok]

    # ── guards ──

    def test_a_guard_that_holds_lets_the_change_pass(self, store: Store) -> None:
        write(store, puts(put("runs", "r", epoch=2, state="idle", owner=None, data="x")))
        held = guard("runs", "r", epoch=2, state="idle", owner=None, data="x")
        write(store, append("r", 0, guards=[held]))

    def test_a_row_that_is_not_as_stated_refuses_and_is_shown(self, store: Store) -> None:
        write(store, puts(put("runs", "r", epoch=2)))
        stale = guard("runs", "r", epoch=1)
        (verdict,) = store.commit([append("r", 0, guards=[stale])])
        assert isinstance(verdict, Refused)
        assert verdict.guard == stale
        assert verdict.actual is not None
        assert verdict.actual["epoch"] == 2

    def test_a_refusal_shows_the_row_as_it_was_then(self, store: Store) -> None:
        write(store, puts(put("runs", "r", epoch=2)))
        verdict, _ = store.commit([Change(guards=[absent("runs", "r")]), puts(put("runs", "r", epoch=3))])
        assert isinstance(verdict, Refused)
        assert (verdict.actual or {})["epoch"] == 2

    def test_a_guard_on_a_row_that_is_not_there_refuses_with_nothing_to_show(self, store: Store) -> None:
        (verdict,) = store.commit([append("r", 0, guards=[guard("queued", "q", epoch=1)])])
        assert isinstance(verdict, Refused)
        assert verdict.actual is None

    def test_a_guard_may_ask_that_a_row_be_absent(self, store: Store) -> None:
        start = Change(guards=[absent("runs", "r")], puts=[put("runs", "r", workflow="w")])
        assert kinds(store.commit([start])) == [Ok]
        assert kinds(store.commit([start])) == [Refused]

    def test_a_guard_without_columns_asks_only_that_the_row_be_there(self, store: Store) -> None:
        there = Change(guards=[Guard("documents", "d", {})])
        assert kinds(store.commit([there])) == [Refused]
        write(store, puts(put("documents", "d")), there)

    def test_a_guard_tells_none_from_zero_and_from_empty_text(self, store: Store) -> None:
        write(store, puts(put("runs", "zero", due=0.0, data=""), put("runs", "none", due=None, data=None)))
        wrong = [Change(guards=[guard("runs", "zero", **{name: None})]) for name in ("due", "data")]
        wrong += [
            Change(guards=[guard("runs", "none", due=0.0)]),
            Change(guards=[guard("runs", "none", data="")]),
        ]
        assert kinds(store.commit(wrong)) == [Refused] * 4

    def test_the_first_guard_that_fails_is_the_one_named(self, store: Store) -> None:
        write(store, puts(put("runs", "r", epoch=1)))
        fine, first, second = guard("runs", "r", epoch=1), guard("runs", "r", epoch=2), absent("runs", "r")
        (verdict,) = store.commit([Change(guards=[fine, first, second])])
        assert isinstance(verdict, Refused)
        assert verdict.guard == first

    def test_guards_are_judged_before_the_sequence(self, store: Store) -> None:
        assert kinds(store.commit([append("r", 5, guards=[guard("runs", "r", epoch=1)])])) == [Refused]

    # ── all or nothing ──

    def test_a_refused_change_leaves_nothing_and_does_not_hurt_its_neighbours(self, store: Store) -> None:
        write(store, send("bad", "old"), puts(put("runs", "bad", status="running")))
        bad = append(
            "bad", 0, guards=[guard("runs", "bad", epoch=9)], letters=[letter("new")], take=1,
            puts=[put("runs", "bad", status="failed"), put("documents", "d"), Put("blobs", "b", {"data": b"x"})],
        )  # fmt: skip
        assert kinds(store.commit([append("one", 0), bad, append("two", 0)])) == [Ok, Refused, Ok]
        assert (store.read("one"), store.read("two"), store.read("bad")) == (events(1, 1), events(1, 1), [])
        assert [found.name for found in store.inbox("bad")] == ["old"]
        assert row(store, "runs", "bad")["status"] == "running"
        assert store.get("documents", ["d"]) == {}
        assert store.get("blobs", ["b"]) == {}

    def test_a_conflict_costs_only_the_loser(self, store: Store) -> None:
        write(store, append("a", 0), append("b", 0))
        assert kinds(store.commit([append("a", 1), append("b", 0), append("a", 2)])) == [Ok, Conflict, Ok]
        assert (store.read("a"), store.read("b")) == (events(1, 3), events(1, 1))

    def test_one_change_may_touch_a_log_an_inbox_and_rows_of_every_table(self, store: Store) -> None:
        rows = [
            put("runs", "r"),
            put("queued", "q", run="r"),
            put("documents", "d"),
            put("blobs", "b", data=b""),
        ]
        write(store, append("r", 0, 2, puts=rows, letters=[letter()], key="k", digest="d"))
        found = [store.get(name, [key]) for name, key, _ in rows]
        assert [list(rows_of_table) for rows_of_table in found] == [["r"], ["q"], ["d"], ["b"]]
        assert len(store.read("r")) == 2

    # ── a later change of a batch sees what earlier ones wrote ──

    def test_rows_touched_twice_in_a_batch_are_as_last_written(self, store: Store) -> None:
        write(
            store,
            puts(put("runs", "a", status="running", data="1"), put("runs", "b", status="running")),
            puts(put("runs", "a", status="paused"), Put("runs", "b", None)),
            puts(put("runs", "a", data="2"), put("runs", "b", data="again")),
        )
        assert (row(store, "runs", "a")["status"], row(store, "runs", "a")["data"]) == ("paused", "2")
        assert (row(store, "runs", "b")["status"], row(store, "runs", "b")["data"]) == ("pending", "again")

    def test_a_row_touched_twice_in_one_change_is_as_last_written(self, store: Store) -> None:
        write(store, puts(put("runs", "a", data="1", gate="g"), put("runs", "a", data="2")))
        assert (row(store, "runs", "a")["data"], row(store, "runs", "a")["gate"]) == ("2", "g")

    def test_a_guard_sees_rows_written_and_deleted_earlier_in_the_batch(self, store: Store) -> None:
        verdicts = store.commit([
            puts(put("queued", "q", state="ready")),
            Change(guards=[absent("queued", "q")]),
            Change(guards=[guard("queued", "q", state="ready")], puts=[Put("queued", "q", None)]),
            Change(guards=[guard("queued", "q", state="ready")]),
            Change(guards=[absent("queued", "q")]),
        ])  # fmt: skip
        assert kinds(verdicts) == [Ok, Refused, Ok, Refused, Ok]

    def test_a_guard_sees_the_defaults_of_a_row_inserted_earlier_in_the_batch(self, store: Store) -> None:
        defaults = guard("runs", "r", status="pending", state="idle", queue="default", epoch=0, owner=None)
        write(store, puts(put("runs", "r", workflow="w")), Change(guards=[defaults]))

    def test_a_guard_sees_the_owner_that_a_new_state_cleared_earlier_in_the_batch(self, store: Store) -> None:
        write(store, puts(put("runs", "r", state="leased", owner="me", due_in=5)))
        write(store, puts(put("runs", "r", state="ready")), Change(guards=[guard("runs", "r", owner=None)]))

    def test_a_guard_sees_a_due_time_given_as_seconds_earlier_in_the_batch(self, store: Store) -> None:
        due = store.now() + 5
        write(store, puts(put("runs", "r", due_in=5)), Change(guards=[guard("runs", "r", due=due)]))

    def test_a_letter_earlier_in_the_batch_refuses_the_release_that_did_not_see_it(
        self, store: Store
    ) -> None:
        write(store, puts(put("runs", "r", state="leased", epoch=1, owner="me", due_in=5)))
        release = Change(guards=[guard("runs", "r", epoch=1, inbox=0)], puts=[put("runs", "r", state="idle")])
        assert kinds(store.commit([send("r", "go"), release])) == [Ok, Refused]

    def test_nothing_of_a_refused_change_is_seen_later_in_the_batch(self, store: Store) -> None:
        refused = append("r", 0, guards=[absent("runs", "x")], puts=[put("runs", "r")], key="k", digest="d")
        write(store, puts(put("runs", "x")))
        verdicts = store.commit([refused, append("r", 0, guards=[absent("runs", "r")], key="k", digest="e")])
        assert kinds(verdicts) == [Refused, Ok]

    # ── bugs of the caller ──

    @pytest.mark.parametrize(
        "bug",
        [
            Put("nowhere", "x", {}),
            Put("runs", "x", {"colour": "red"}),
            Put("runs", "x", {"id": "y"}),
            Put("documents", "x", {"due_in": 5}),
            Put("runs", "x", {"data": {"not": "text"}}),
        ],
        ids=["table", "column", "id", "pseudo column", "value"],
    )
    def test_a_put_that_no_table_can_hold_raises_and_nothing_of_the_batch_is_written(
        self, store: Store, bug: Put
    ) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the backend's
            store.commit([append("r", 0), puts(bug)])
        assert store.read("r") == []

    @pytest.mark.parametrize("bug", [Guard("nowhere", "x", None), Guard("runs", "x", {"colour": "red"})])
    def test_a_guard_on_an_unknown_table_or_column_raises(self, store: Store, bug: Guard) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the backend's
            store.commit([append("r", 0), Change(guards=[bug])])
        assert store.read("r") == []

    @pytest.mark.parametrize(
        ("expect", "rows"),
        [(0, [event(2)]), (0, [event(1), event(3)]), (3, [event(1)]), (None, [event(1)])],
        ids=["a hole first", "a hole later", "not after expect", "no expectation"],
    )
    def test_events_that_do_not_go_on_at_the_expected_sequence_raise(
        self, store: Store, expect: int | None, rows: list[Row]
    ) -> None:
        with pytest.raises(AssertionError):
            store.commit([append("fine", 0), Change(run="r", expect=expect, events=rows)])
        assert (store.read("r"), store.read("fine")) == ([], [])
