"""The care of a store: closing, health, check, backup, prune."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import StoreClosed
from penstock.model.changes import Change, Duplicate, Mismatch, Row
from penstock.ports import Store
from penstock.testing.store_suite.harness import (
    HandClock,
    StorePart,
    append,
    event,
    events,
    kinds,
    letter,
    put,
    puts,
    row,
    send,
    write,
)

CALLS: dict[str, Callable[[Store], Any]] = {
    "commit": lambda store: store.commit([append("r", 0)]),
    "read": lambda store: store.read("r"),
    "follow": lambda store: store.follow(),
    "inbox": lambda store: store.inbox("r"),
    "get": lambda store: store.get("runs", ["r"]),
    "find": lambda store: store.find("runs"),
    "claim": lambda store: store.claim("runs", "me", ttl=5),
    "extend": lambda store: store.extend("runs", [("r", 1)], 5),
    "next_due": lambda store: store.next_due("runs"),
    "write_logs": lambda store: store.write_logs([("r", "s", None, 1, 5.0, "stdout", "x")]),
    "read_logs": lambda store: store.read_logs("r"),
    "watch": lambda store: store.watch(["a"]),
    "ring": lambda store: store.ring(["a"]),
    "check": lambda store: store.check(),
    "health": lambda store: store.health(),
    "prune": lambda store: store.prune(["r"]),
}


def finish(store: Store, run: str, *blobs: str) -> None:
    """A finished run whose first event names these blobs."""
    named = Row(1, 1.0, "run_started", None, None, f'{{"blobs":"{" ".join(blobs)}"}}')
    write(
        store,
        Change(run=run, expect=0, events=[named], puts=[put("runs", run, status="completed", state="done")]),
    )


class CarePart(StorePart):
    """What people and cleaners are promised."""

    # ── closing ──

    @pytest.mark.parametrize("call", CALLS)
    def test_a_closed_store_says_so_whatever_it_is_asked(self, store: Store, call: str) -> None:
        store.close()
        with pytest.raises(StoreClosed):
            CALLS[call](store)

    def test_a_store_may_be_closed_twice(self, store: Store) -> None:
        store.close()
        store.close()

    def test_a_store_has_an_address(self, store: Store) -> None:
        scheme, colon, _ = store.url.partition(":")
        assert scheme
        assert colon

    # ── check and health ──

    def test_nothing_is_wrong_with_a_sound_store(self, store: Store, clock: HandClock) -> None:
        assert store.check() == []
        write(store, append("r", 0, 3, puts=[put("runs", "r", state="ready")], key="k", digest="d"))
        write(
            store, puts(put("queued", "q", state="ready"), put("blobs", "b", data=b"x")), send("r", "a", "b")
        )
        write(store, Change(run="r", take=1), send("later", "x"))
        store.claim("runs", "me", ttl=5)
        clock.advance(60)
        assert store.check() == []
        finish(store, "old")
        store.prune(["old"])
        assert store.check() == []

    def test_health_tells_figures_and_counts_the_rows_of_each_table(self, store: Store) -> None:
        write(store, append("r", 0, 3, puts=[put("runs", "r"), put("documents", "d")], letters=[letter()]))
        store.write_logs([("r", "s", None, 1, 5.0, "stdout", "x")])
        write(store, append("s", 0))
        health = store.health()
        assert {"size", "wal_size", "schema_version", "durability", "counts", "clock_jump"} <= health.keys()
        assert (health["statuses"], health["newest_event_at"]) == ({"pending": 1}, store.read("s")[-1].at)
        assert health["counts"] == {
            "runs": 1, "queued": 0, "documents": 1, "blobs": 0, "events": 4, "letters": 1, "logs": 1,
        }  # fmt: skip

    # ── backup ──

    def test_a_backup_is_a_sound_copy_as_of_its_moment(
        self, store: Store, clock: HandClock, tmp_path: Path
    ) -> None:
        if not self.supports_backup:
            pytest.skip("this store cannot be copied to a file")
        write(
            store,
            append("r", 0, 3, puts=[put("runs", "r", data="x")], letters=[letter()], key="k", digest="d"),
        )
        path = tmp_path / "copies" / "copy"
        path.parent.mkdir()
        store.backup(str(path))
        write(store, append("r", 3))
        copy = self.open_backup(path, clock)
        assert copy.check() == []
        assert copy.read("r") == events(1, 3)
        assert (row(copy, "runs", "r")["data"], len(copy.inbox("r"))) == ("x", 1)
        write(copy, append("r", 3), append("r", 4))
        copy.close()
        assert store.read("r") == events(1, 4)

    # ── prune ──

    def test_pruning_removes_finished_runs_with_all_that_is_theirs(self, store: Store) -> None:
        finish(store, "old")
        write(store, send("old", "late"), puts(put("queued", "q", run="old"), put("queued", "p", run="r")))
        store.write_logs([("old", "s", None, 1, 5.0, "stdout", "x")])
        write(store, append("r", 0, puts=[put("runs", "r", status="running")]))
        assert store.prune(["old"]) == 1
        assert store.get("runs", ["old", "r"]).keys() == {"r"}
        assert store.get("queued", ["q", "p"]).keys() == {"p"}
        assert (store.read("old"), store.inbox("old"), store.read_logs("old")) == ([], [], [])
        assert store.follow()[0] == [("r", event(1))]

    @pytest.mark.parametrize("status", ["pending", "running", "paused"])
    def test_pruning_leaves_live_runs_and_unknown_ones_alone(self, store: Store, status: str) -> None:
        write(store, append("r", 0, 2, puts=[put("runs", "r", status=status)]), send("r", "go"))
        assert store.prune(["r", "nobody"]) == 0
        assert store.read("r") == events(1, 2)
        assert len(store.inbox("r")) == 1

    def test_every_finished_status_can_be_pruned(self, store: Store) -> None:
        for status in ("completed", "failed", "cancelled"):
            write(store, puts(put("runs", status, status=status)))
        assert store.prune(["completed", "failed", "cancelled", "failed"]) == 3
        assert store.find("runs") == []

    def test_keys_of_changes_survive_pruning(self, store: Store) -> None:
        start = append("r", 0, puts=[put("runs", "r", status="completed")], key="k", digest="d")
        write(store, start)
        store.prune(["r"])
        assert kinds(store.commit([start, Change(run="r", key="k", digest="e")])) == [Duplicate, Mismatch]
        assert store.read("r") == []

    def test_blobs_go_with_the_last_that_named_them(self, store: Store) -> None:
        write(store, puts(*(put("blobs", f"sha256-{name}", data=b"x") for name in ("mine", "ours"))))
        finish(store, "a", "sha256-mine", "sha256-ours")
        finish(store, "b", "sha256-ours")
        store.prune(["a"])
        assert store.get("blobs", ["sha256-mine", "sha256-ours"]).keys() == {"sha256-ours"}
        store.prune(["b"])
        assert store.get("blobs", ["sha256-ours"]) == {}

    def test_documents_go_with_the_blobs_that_they_were_the_last_to_name(self, store: Store) -> None:
        names = [f"sha256-{name}" for name in ("mine", "ours", "shared")]
        write(store, puts(*(put("blobs", name, data=b"x") for name in names)))
        finish(store, "old", names[1])
        finish(store, "kept", names[2])
        said = '{"blobs":["sha256-mine","sha256-ours","sha256-shared"]}'
        write(store, puts(put("documents", "gone", data=said), put("documents", "stays", data="{}")))
        assert store.prune([], ["gone", "unknown"]) == 0
        assert store.get("documents", ["gone", "stays"]).keys() == {"stays"}
        assert store.get("blobs", names).keys() == {"sha256-ours", "sha256-shared"}
        write(store, puts(put("documents", "gone", data=said)))
        assert store.prune(["old"], ["gone"]) == 1
        assert store.get("blobs", names).keys() == {"sha256-shared"}

    @pytest.mark.parametrize("table", ["runs", "queued", "documents"])
    def test_blobs_named_in_rows_or_letters_are_kept(self, store: Store, table: str) -> None:
        write(store, puts(put("blobs", "sha256-row", data=b"x"), put("blobs", "sha256-mail", data=b"x")))
        write(store, puts(put(table, "keeper", data='{"blob":"sha256-row"}')))
        write(store, Change(run="live", letters=[letter()._replace(body='"sha256-mail"')]))
        finish(store, "old", "sha256-row", "sha256-mail")
        store.prune(["old"])
        assert store.get("blobs", ["sha256-row", "sha256-mail"]).keys() == {"sha256-row", "sha256-mail"}

    def test_a_blob_that_nobody_has_named_yet_is_kept(self, store: Store) -> None:
        write(store, puts(put("blobs", "sha256-new", data=b"x")))
        finish(store, "old")
        store.prune(["old"])
        assert store.get("blobs", ["sha256-new"]).keys() == {"sha256-new"}
