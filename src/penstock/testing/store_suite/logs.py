"""Logs: reading one run's events, following all of them, and captured output."""

from __future__ import annotations

from penstock.model.changes import Change, Row
from penstock.ports import Store
from penstock.testing.store_suite.harness import StorePart, append, event, events, write


class LogPart(StorePart):
    """What logs and captured output promise, through one handle."""

    # ── read ──

    def test_an_event_comes_back_as_it_was_written(self, store: Store) -> None:
        rows = [
            Row(1, 1_700_000_000.123456, "run_started", None, None, '{"input":"æ 🦀"}'),
            Row(2, 1_700_000_000.25, "step_done", "outer/n1/b2", 0, "{}"),
            Row(3, 1_700_000_001.0, "step_done", "map", 999_999, "x" * 300_000),
        ]
        write(store, Change(run="r", expect=0, events=rows))
        assert store.read("r") == rows

    def test_an_unknown_run_has_an_empty_log(self, store: Store) -> None:
        assert store.read("nobody") == []

    def test_reading_goes_on_after_a_sequence(self, store: Store) -> None:
        write(store, append("r", 0, 5))
        assert store.read("r", after=3) == events(4, 5)
        assert store.read("r", after=5) == []

    def test_a_page_holds_at_most_as_many_events_as_asked_for(self, store: Store) -> None:
        write(store, append("r", 0, 5))
        assert store.read("r", limit=2) == events(1, 2)
        assert store.read("r", after=2, limit=2) == events(3, 4)
        assert store.read("r", after=4, limit=2) == events(5, 5)

    def test_a_log_of_thousands_is_read_whole(self, store: Store) -> None:
        for start in range(0, 3_000, 1_000):
            write(store, append("r", start, 1_000))
        assert [found.sequence for found in store.read("r")] == list(range(1, 3_001))

    # ── follow ──

    def test_followers_see_all_runs_in_commit_order(self, store: Store) -> None:
        write(store, append("a", 0), append("b", 0, 2))
        write(store, append("a", 1))
        seen, _ = store.follow()
        assert seen == [("a", event(1)), ("b", event(1)), ("b", event(2)), ("a", event(2))]

    def test_a_follower_goes_on_at_its_cursor(self, store: Store) -> None:
        write(store, append("a", 0, 2))
        _, cursor = store.follow()
        nothing, cursor = store.follow(cursor)
        assert nothing == []
        write(store, append("b", 0))
        assert store.follow(cursor)[0] == [("b", event(1))]

    def test_a_follower_of_an_empty_store_misses_nothing(self, store: Store) -> None:
        seen, cursor = store.follow()
        assert seen == []
        write(store, append("a", 0))
        assert store.follow(cursor)[0] == [("a", event(1))]

    def test_following_page_by_page_shows_every_event_once(self, store: Store) -> None:
        for n in range(10):
            write(store, append("a", n), append("b", n))
        assert follow_to_the_end(store, limit=3) == store.follow()[0]
        assert len(store.follow()[0]) == 20

    def test_a_refused_change_is_never_followed(self, store: Store) -> None:
        store.commit([append("a", 0), append("a", 0), append("b", 4)])
        assert store.follow()[0] == [("a", event(1))]

    # ── captured output ──

    def test_lines_come_back_in_order_of_writing_with_growing_numbers(self, store: Store) -> None:
        store.write_logs(
            [("r", "s", None, 1, 5.0, "stdout", "one"), ("r", "m", 3, 2, 4.0, "stderr", "två\n")]
        )
        store.write_logs([("r", "s", None, 1, 6.0, "stdout", "three")])
        lines = store.read_logs("r")
        assert [tuple(line[1:]) for line in lines] == [
            ("s", None, 1, 5.0, "stdout", "one"),
            ("m", 3, 2, 4.0, "stderr", "två\n"),
            ("s", None, 1, 6.0, "stdout", "three"),
        ]
        assert lines[0][0] < lines[1][0] < lines[2][0]

    def test_lines_are_found_by_run_and_step(self, store: Store) -> None:
        for run, step in [("a", "s"), ("b", "s"), ("a", "t")]:
            store.write_logs([(run, step, None, 1, 5.0, "stdout", run + step)])
        assert [line[-1] for line in store.read_logs("a")] == ["as", "at"]
        assert [line[-1] for line in store.read_logs("a", "t")] == ["at"]
        assert store.read_logs("nobody") == []

    def test_output_is_read_page_by_page(self, store: Store) -> None:
        store.write_logs([("r", "s", None, 1, 5.0, "stdout", str(n)) for n in range(7)])
        seen: list[str] = []
        after = 0
        while page := store.read_logs("r", after=after, limit=3):
            seen += [line[-1] for line in page]
            after = page[-1][0]
        assert seen == [str(n) for n in range(7)]

    def test_writing_no_lines_writes_none(self, store: Store) -> None:
        store.write_logs([])
        assert store.read_logs("r") == []


def follow_to_the_end(store: Store, cursor: str = "", limit: int = 1_000) -> list[tuple[str, Row]]:
    """Everything after the cursor, gathered page by page."""
    seen: list[tuple[str, Row]] = []
    passed = {cursor}
    page, cursor = store.follow(cursor, limit)
    while page:
        assert cursor not in passed, f"following goes in circles at cursor {cursor}"
        passed.add(cursor)
        seen += page
        page, cursor = store.follow(cursor, limit)
    return seen
