"""Inboxes: numbers, order, keys, taking."""

from __future__ import annotations

from penstock.model.changes import Change, Put
from penstock.ports import Store
from penstock.testing.store_suite.harness import StorePart, append, letter, put, puts, row, send, write


def names(store: Store, run: str = "r", after: int = 0) -> list[tuple[int, str]]:
    return [(found.number, found.name) for found in store.inbox(run, after)]


class LettersPart(StorePart):
    """What inboxes promise, through one handle."""

    def test_a_letter_comes_back_as_it_was_sent_with_its_number(self, store: Store) -> None:
        sent = letter("æ", key="k")
        write(store, Change(run="r", letters=[sent]))
        assert store.inbox("r") == [sent._replace(number=1)]

    def test_letters_are_numbered_from_one_in_order_of_arrival(self, store: Store) -> None:
        write(store, send("r", "a", "b"), send("other", "x"), send("r", "c"))
        assert names(store) == [(1, "a"), (2, "b"), (3, "c")]
        assert names(store, "other") == [(1, "x")]

    def test_letters_after_a_number_are_those_with_greater_ones(self, store: Store) -> None:
        write(store, send("r", "a", "b", "c"))
        assert names(store, after=1) == [(2, "b"), (3, "c")]
        assert names(store, after=3) == []

    def test_an_unknown_runs_inbox_is_empty(self, store: Store) -> None:
        assert store.inbox("nobody") == []

    def test_a_letter_to_a_run_without_a_row_waits_for_it(self, store: Store) -> None:
        write(store, send("r", "a", "b"))
        assert names(store) == [(1, "a"), (2, "b")]
        write(store, puts(put("runs", "r")))
        assert row(store, "runs", "r")["inbox"] == 2

    def test_the_runs_row_tells_the_number_of_its_newest_letter(self, store: Store) -> None:
        write(store, puts(put("runs", "r")), send("r", "a", "b"))
        assert row(store, "runs", "r")["inbox"] == 2
        write(store, Change(run="r", take=2))
        assert row(store, "runs", "r")["inbox"] == 2

    def test_a_row_and_its_first_letter_may_come_in_one_change(self, store: Store) -> None:
        write(store, Change(run="r", puts=[put("runs", "r")], letters=[letter()]))
        assert row(store, "runs", "r")["inbox"] == 1

    def test_a_key_seen_before_is_written_once(self, store: Store) -> None:
        write(store, Change(run="r", letters=[letter("a", key="k"), letter("again", key="k")]))
        write(store, Change(run="r", letters=[letter("later", key="k"), letter("b")]))
        assert names(store) == [(1, "a"), (2, "b")]

    def test_a_letter_whose_namesake_was_taken_is_not_written_again(self, store: Store) -> None:
        write(store, puts(put("runs", "r")), Change(run="r", letters=[letter("a", key="k")]))
        write(store, Change(run="r", take=1))
        write(store, Change(run="r", letters=[letter("a", key="k")]))
        assert store.inbox("r") == []
        assert row(store, "runs", "r")["inbox"] == 1

    def test_letter_keys_of_different_runs_do_not_meet_nor_do_keys_of_changes(self, store: Store) -> None:
        write(store, Change(run="a", key="k", digest="d", letters=[letter(key="k")]))
        write(store, Change(run="b", letters=[letter(key="k")]))
        assert (len(store.inbox("a")), len(store.inbox("b"))) == (1, 1)

    def test_taking_removes_letters_up_to_a_number(self, store: Store) -> None:
        write(store, send("r", "a", "b", "c"), send("other", "x"))
        write(store, append("r", 0, take=2))
        assert names(store) == [(3, "c")]
        assert names(store, "other") == [(1, "x")]

    def test_taking_from_an_empty_inbox_takes_nothing(self, store: Store) -> None:
        write(store, Change(run="r", take=5), send("r", "a"))
        assert names(store) == [(1, "a")]

    def test_numbers_are_not_used_again_when_letters_were_taken(self, store: Store) -> None:
        write(store, send("r", "a", "b"), Change(run="r", take=2), send("r", "c"))
        assert names(store) == [(3, "c")]

    def test_numbers_are_not_used_again_when_the_row_was_deleted(self, store: Store) -> None:
        write(store, puts(put("runs", "r")), send("r", "a"), Change(run="r", take=1))
        write(store, puts(Put("runs", "r", None)), puts(put("runs", "r")), send("r", "b"))
        assert names(store) == [(2, "b")]
        assert row(store, "runs", "r")["inbox"] == 2
