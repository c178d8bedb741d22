"""Rows: what a put writes and leaves alone, defaults and pseudo columns, `get` and `find`, blobs."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import RunNotFound
from penstock.model.changes import Put
from penstock.ports import Store
from penstock.testing.store_suite.harness import HandClock, StorePart, keys, put, puts, row, write

CLAIM_COLUMNS: dict[str, Any] = {
    "state": "idle", "queue": "default", "rank": 0, "due": None, "owner": None, "epoch": 0, "inbox": 0,
    "gate": None, "data": None,
}  # fmt: skip
TABLES: dict[str, dict[str, Any]] = {
    "runs": {"workflow": None, "status": "pending", "tags": None, **CLAIM_COLUMNS},
    "queued": {"run": None, "step": None, **CLAIM_COLUMNS},
    "documents": {"kind": None, "version": None, "data": None},
    "blobs": {"data": b""},
}
"""Table -> column -> what a row holds there when its first put does not say (a blob's data is always said)."""

FULL: dict[str, dict[str, Any]] = {
    "runs": {
        "workflow": "census", "status": "paused", "state": "leased", "queue": "big", "rank": -7, "due": 12.5,
        "owner": "me", "epoch": 3, "gate": "g", "tags": '{"a":"b"}', "data": '{"x":1}', "created": 1.0,
        "updated": 2.0,
    },
    "queued": {
        "run": "r", "step": "outer/n1", "state": "delayed", "queue": "big", "rank": 2**40, "due": 12.5,
        "owner": "me", "epoch": 3, "inbox": 2, "gate": "g", "data": "[]", "created": 1.0, "updated": 2.0,
    },
    "documents": {"kind": "note", "version": 4, "data": '"v"', "created": 1.0, "updated": 2.0},
    "blobs": {"data": bytes(range(256)), "created": 1.0},
}  # fmt: skip


class RowsPart(StorePart):
    """What rows promise, through one handle."""

    # ── put and get ──

    @pytest.mark.parametrize("table", TABLES)
    def test_a_new_row_holds_defaults_and_the_time_on_the_stores_clock(
        self, store: Store, table: str
    ) -> None:
        write(store, puts(Put(table, "x", {"data": b""} if table == "blobs" else {})))
        found = row(store, table, "x")
        assert found.pop("created") == store.now()
        assert found.pop("updated", store.now()) == store.now()
        assert found == {"id": "x", **TABLES[table]}

    @pytest.mark.parametrize("table", FULL)
    def test_every_column_comes_back_as_it_was_put(self, store: Store, table: str) -> None:
        write(store, puts(Put(table, "x", FULL[table])))
        found = row(store, table, "x")
        assert {name: found[name] for name in FULL[table]} == FULL[table]

    def test_a_put_changes_only_the_columns_it_names(self, store: Store) -> None:
        write(store, puts(Put("queued", "q", FULL["queued"])))
        write(store, puts(put("queued", "q", data="new", due=None)))
        assert row(store, "queued", "q") == {
            "id": "q", **FULL["queued"], "data": "new", "due": None, "updated": store.now(),
        }  # fmt: skip

    def test_created_stays_and_updated_moves_with_each_put(self, store: Store, clock: HandClock) -> None:
        first = store.now()
        write(store, puts(put("runs", "r")))
        clock.advance(10)
        write(store, puts(put("runs", "r", data="x")))
        found = row(store, "runs", "r")
        assert (found["created"], found["updated"]) == (first, first + 10)

    def test_a_put_of_none_deletes_the_row_and_may_find_none(self, store: Store) -> None:
        write(store, puts(put("runs", "r", data="old")))
        write(store, puts(Put("runs", "r", None), Put("runs", "never", None)))
        assert store.get("runs", ["r", "never"]) == {}

    def test_a_row_put_again_after_its_deletion_remembers_nothing(self, store: Store) -> None:
        write(store, puts(put("queued", "q", data="old", epoch=4)))
        write(store, puts(Put("queued", "q", None), put("queued", "q")))
        assert (row(store, "queued", "q")["data"], row(store, "queued", "q")["epoch"]) == (None, 0)

    def test_get_leaves_out_what_is_missing_and_takes_a_key_twice(self, store: Store) -> None:
        write(store, puts(put("runs", "a"), put("runs", "b")))
        found = store.get("runs", ["b", "nobody", "a", "b"])
        assert {key: found[key]["id"] for key in found} == {"a": "a", "b": "b"}
        assert store.get("runs", []) == {}

    def test_get_takes_any_number_of_keys(self, store: Store) -> None:
        write(store, puts(put("documents", "d39999")))
        assert list(store.get("documents", (f"d{n}" for n in range(40_000)))) == ["d39999"]

    def test_a_row_that_was_read_is_the_readers_own(self, store: Store) -> None:
        write(store, puts(put("runs", "r", data="x")))
        row(store, "runs", "r")["data"] = "spoiled"
        assert row(store, "runs", "r")["data"] == "x"

    @pytest.mark.parametrize(
        "text", ["", "æøå 🦀 \u202e 中文", "'; DROP TABLE runs; --", 'a\nb\tc\\ "q" %_', "0012"]
    )
    def test_any_text_comes_back_as_it_was(self, store: Store, text: str) -> None:
        write(store, puts(put("runs", f"id {text}", data=text, gate=text, workflow=text)))
        found = row(store, "runs", f"id {text}")
        assert (found["data"], found["gate"], found["workflow"]) == (text, text, text)

    def test_big_values_come_back_as_they_were(self, store: Store) -> None:
        text, data = "é" * 2_000_000, bytes(range(256)) * 16_384
        write(store, puts(put("runs", "r", data=text), put("blobs", "b", data=data)))
        assert row(store, "runs", "r")["data"] == text
        assert row(store, "blobs", "b")["data"] == data

    def test_a_blob_is_bytes_and_may_be_put_again(self, store: Store) -> None:
        write(store, puts(put("blobs", "b", data=b"\x00\xff")), puts(put("blobs", "b", data=b"\x00\xff")))
        assert row(store, "blobs", "b")["data"] == b"\x00\xff"

    @pytest.mark.parametrize("table", ["nowhere", "events", "letters"])
    def test_reading_an_unknown_table_raises(self, store: Store, table: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the backend's
            store.get(table, ["x"])
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the backend's
            store.find(table)

    # ── what a put may leave to the store ──

    def test_due_in_is_counted_from_the_stores_clock(self, store: Store, clock: HandClock) -> None:
        clock.advance(3)
        write(store, puts(put("runs", "r", due_in=2.5), put("queued", "q", due_in=0)))
        assert row(store, "runs", "r")["due"] == store.now() + 2.5
        assert row(store, "queued", "q")["due"] == store.now()

    def test_a_due_of_none_clears_it(self, store: Store) -> None:
        write(store, puts(put("runs", "r", due_in=2)))
        write(store, puts(put("runs", "r", due=None)))
        assert row(store, "runs", "r")["due"] is None

    @pytest.mark.parametrize("table", ["runs", "queued"])
    @pytest.mark.parametrize("state", ["ready", "delayed"])
    def test_a_row_made_ready_or_delayed_loses_its_owner_unless_one_is_given(
        self, store: Store, table: str, state: str
    ) -> None:
        write(store, puts(*(put(table, key, state="leased", owner="me", due_in=5) for key in ("a", "b"))))
        write(store, puts(put(table, "a", state=state, due_in=5)))
        write(store, puts(put(table, "b", state=state, due_in=5, owner="you")))
        assert (row(store, table, "a")["owner"], row(store, table, "b")["owner"]) == (None, "you")

    @pytest.mark.parametrize("state", ["idle", "done", "leased"])
    def test_in_any_other_state_the_last_owner_stays_named(self, store: Store, state: str) -> None:
        write(store, puts(put("runs", "r", state="leased", owner="me", due_in=5)))
        write(store, puts(put("runs", "r", state=state)))
        assert row(store, "runs", "r")["owner"] == "me"

    def test_rank_minus_ranks_by_order_of_enqueueing_less_the_number_given(self, store: Store) -> None:
        for table, key in [("queued", "first"), ("runs", "second"), ("queued", "third")]:
            write(store, puts(put(table, key, rank_minus=0)))
        write(store, puts(put("queued", "urgent", rank_minus=1_000)))
        first, third, urgent = (row(store, "queued", key)["rank"] for key in ("first", "third", "urgent"))
        assert urgent < first < row(store, "runs", "second")["rank"] < third
        assert first - urgent <= 1_000

    def test_a_row_enqueued_again_goes_to_the_end(self, store: Store) -> None:
        for key in ("a", "b", "a"):
            write(store, puts(put("queued", key, rank_minus=0)))
        assert row(store, "queued", "b")["rank"] < row(store, "queued", "a")["rank"]

    # ── find ──

    def test_find_gives_rows_in_the_order_of_their_first_put(self, store: Store) -> None:
        write(store, puts(*(put("runs", key) for key in "cab")))
        write(store, puts(put("runs", "c", data="touched")))
        assert keys(store.find("runs")) == ["c", "a", "b"]
        assert keys(store.find("runs", newest_first=True)) == ["b", "a", "c"]

    def test_find_matches_every_column_asked_for(self, store: Store) -> None:
        write(
            store,
            puts(
                put("runs", "a", status="failed", workflow="w"),
                put("runs", "b", status="failed", workflow="v"),
            ),
            puts(put("runs", "c", status="running", workflow="w"), put("runs", "d", workflow=None)),
        )
        assert keys(store.find("runs", {"status": "failed"})) == ["a", "b"]
        assert keys(store.find("runs", {"status": "failed", "workflow": "w"})) == ["a"]
        assert keys(store.find("runs", {"workflow": None})) == ["d"]
        assert keys(store.find("runs", {"id": "c"})) == ["c"]

    def test_find_takes_a_prefix_by_letter_also_where_sql_has_wildcards(self, store: Store) -> None:
        ids = ["a_1", "ab1", "A_1", "a%1", "a_", "ä1", "[a]", "a*"]
        write(store, puts(*(put("documents", key, kind="k") for key in ids)))
        for prefix in ["a_", "a%", "ä", "A", "[", "a*", "a", ""]:
            assert keys(store.find("documents", prefix=prefix)) == [
                key for key in ids if key.startswith(prefix)
            ]
        assert keys(store.find("documents", {"kind": "other"}, prefix="a")) == []

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_after_the_last_row_show_every_row_once(self, store: Store, newest_first: bool) -> None:
        ids = [f"r{n * 7 % 10}" for n in range(10)]
        write(store, puts(*(put("runs", key) for key in ids)))
        seen: list[str] = []
        while page := store.find(
            "runs", after=seen[-1] if seen else None, limit=3, newest_first=newest_first
        ):
            seen += keys(page)
        assert seen == (ids[::-1] if newest_first else ids)

    def test_a_page_goes_on_after_a_row_that_no_longer_matches(self, store: Store) -> None:
        write(store, puts(*(put("runs", key, status="running") for key in "abc")))
        write(store, puts(put("runs", "b", status="failed")))
        assert keys(store.find("runs", {"status": "running"}, after="b")) == ["c"]

    def test_a_page_after_a_row_that_is_gone_raises_and_never_answers_shorter(self, store: Store) -> None:
        write(store, puts(*(put("runs", key) for key in "abc")), puts(Put("runs", "b", None)))
        with pytest.raises(RunNotFound):
            store.find("runs", after="b")

    def test_find_gives_a_hundred_rows_unless_told(self, store: Store) -> None:
        write(store, puts(*(put("blobs", f"b{n}", data=b"") for n in range(101))))
        assert len(store.find("blobs")) == 100
        assert len(store.find("blobs", limit=101)) == 101

    def test_find_by_an_unknown_column_raises(self, store: Store) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - the words are the backend's
            store.find("runs", {"colour": "red"})
