"""Events as rows and back: every kind, every field, values of any size, and rows of other versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.codecs import JsonCodec
from penstock.engine.rows import BLOB_BYTES, event_of, row_of
from penstock.errors import CodecError, StoreCorrupt
from penstock.model import events as e
from penstock.model.changes import Put, Row
from penstock.model.failure import Failure


@dataclass
class Point:
    x: int
    y: tuple[int, ...] = ()


CODEC = JsonCodec(types=[Point])
FAILURE = Failure(
    "app.Broken", "no", "timeout", ("OSError", "Exception"), "Traceback …", 2.5, True, "load", None
)

EVERY_KIND: list[e.Event] = [
    e.RunStarted(
        "etl", "v1", {"x": (1, 2)}, 3, 99.5, {"file": "a.py", "hash": "ab"}, {"team": "x"}, "parent"
    ),
    e.Owned(4, "me"),
    e.StepStarted("outer/load", 7, 2),
    e.StepDone("load", 3, Point(1, (2, 3))),
    e.StepFailed("load", 3, 2, FAILURE, 120.25),
    e.StepSkipped("mail", "nobody asked"),
    e.StepCancelled("load", 0),
    e.StepReused("load", {1, 2}, "0123456789abcdef"),
    e.Opened("sub", "0123456789abcdef", ["Do x", "End"]),
    e.Signalled("approve", Point(0), "k1"),
    e.Noted("deadline", "load", [1, None]),
    e.Paused("lunch"),
    e.Resumed(),
    e.CancelAsked("enough"),
    e.RunReopened([3, 9], 200.0),
    e.RunDone(b"bytes"),
    e.RunFailed(FAILURE, [3, 9]),
    e.RunCancelled("enough"),
]

SPARE: list[e.Event] = [
    e.RunStarted("etl", "", None),
    e.Owned(1),
    e.StepStarted("load"),
    e.StepDone("load", None, None),
    e.StepFailed("load", None, 1, Failure("E", "")),
    e.StepSkipped("mail"),
    e.StepCancelled("load"),
    e.StepReused("load", None, "r"),
    e.Opened("sub", "d"),
    e.Signalled("go", None),
    e.Noted("quiet"),
    e.Paused(),
    e.CancelAsked(),
    e.RunReopened([]),
    e.RunDone(None),
    e.RunFailed(Failure("E", "")),
    e.RunCancelled(),
]


def there_and_back(event: e.Event, codec: JsonCodec = CODEC) -> e.Event:
    blobs: list[Put] = []
    row = row_of(5, 1.5, event, codec, blobs)
    kept = {put.key: put.columns["data"] for put in blobs if put.columns is not None}
    return event_of(row, codec, kept.__getitem__)


def no_blob(digest: str) -> bytes:
    raise AssertionError(f"nobody wrote a blob {digest}")


def test_every_kind_is_there() -> None:
    assert [type(event) for event in EVERY_KIND] == list(e.KINDS.values())


@pytest.mark.parametrize("event", [*EVERY_KIND, *SPARE], ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_went_in(event: e.Event) -> None:
    assert there_and_back(event) == event


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: type(event).__name__)
def test_columns_hold_what_people_query_and_the_body_is_json(event: e.Event) -> None:
    row = row_of(5, 1.5, event, CODEC, [])
    assert (row.sequence, row.at, row.kind) == (5, 1.5, e.KIND_OF[type(event)])
    assert (row.step, row.item) == (getattr(event, "step", None), getattr(event, "item", None))
    assert not {"step", "item", "text"} & json.loads(row.body).keys()


def test_kinds_are_words_in_snake_case() -> None:
    assert list(e.KINDS)[:4] == ["run_started", "owned", "step_started", "step_done"]


def test_a_value_that_was_encoded_before_is_not_encoded_again() -> None:
    class Counting(JsonCodec):
        def encode(self, value: Any) -> str:
            raise AssertionError("encoded again")

    for event in (e.StepDone("a", None, 1, "1"), e.RunDone(2, "2")):
        row_of(1, 0.0, event, Counting(), [])


def test_the_live_exception_is_never_stored() -> None:
    live = Failure("ValueError", "x", exception=ValueError("x"))
    back = there_and_back(e.StepFailed("a", None, 1, live))
    assert isinstance(back, e.StepFailed)
    assert back.error.exception is None


def test_a_value_that_cannot_be_stored_is_refused_by_name() -> None:
    with pytest.raises(CodecError, match="object"):
        row_of(1, 0.0, e.Noted("x", None, object()), CODEC, [])


# ── blobs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "event",
    [
        e.StepDone("a", None, "x" * BLOB_BYTES),
        e.RunDone("x" * BLOB_BYTES),
        e.RunStarted("w", "", {"x": "y" * BLOB_BYTES}),
        e.Signalled("go", ["ü" * BLOB_BYTES]),
        e.Noted("n", None, list(range(30_000))),
        e.StepReused("a", (Point(1),) * 9_000, "r"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_large_value_becomes_a_blob_and_comes_back(event: e.Event) -> None:
    blobs: list[Put] = []
    row = row_of(1, 0.0, event, CODEC, blobs)
    assert (len(blobs), blobs[0].table) == (1, "blobs")
    assert len(row.body) < 500
    assert there_and_back(event) == event


def test_a_value_just_small_enough_stays_in_its_row() -> None:
    blobs: list[Put] = []
    row_of(1, 0.0, e.StepDone("a", None, "x" * (BLOB_BYTES - 2)), CODEC, blobs)
    assert blobs == []


def test_the_same_large_value_is_the_same_blob() -> None:
    blobs: list[Put] = []
    for step in ("a", "b"):
        row_of(1, 0.0, e.StepDone(step, None, "x" * 99_999), CODEC, blobs)
    assert blobs[0] == blobs[1]


@pytest.mark.parametrize("kind", [e.StepDone, e.StepReused, e.RunDone])
def test_a_user_s_dict_that_looks_like_a_blob_is_a_dict(kind: type) -> None:
    value = {"blob": "a" * 64}
    event = {
        e.StepDone: e.StepDone("a", None, value),
        e.StepReused: e.StepReused("a", value, "r"),
        e.RunDone: e.RunDone(value),
    }[kind]
    assert there_and_back(event) == event


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN, st.sampled_from(["blob", "value", "$", "x"]))
def test_any_plain_value_comes_back(value: Any, key: str) -> None:
    for event in (e.StepDone("a", 0, value), e.RunDone({key: value}), e.Noted("n", None, value)):
        assert there_and_back(event) == event


# ── rows of other versions ──────────────────────────────────────────────────────────────────────────────────────────


def row(kind: str, body: str, step: str | None = None, item: int | None = None) -> Row:
    return Row(7, 1.0, kind, step, item, body)


def test_a_row_from_before_a_field_was_added_gets_its_default() -> None:
    old = row("run_started", '{"workflow":"etl","version":"v1","input":{"x":1}}')
    assert event_of(old, CODEC, no_blob) == e.RunStarted("etl", "v1", {"x": 1})
    assert event_of(row("run_reopened", '{"forgiven":[1]}'), CODEC, no_blob) == e.RunReopened([1])
    assert event_of(row("opened", '{"digest":"d"}', "sub"), CODEC, no_blob) == e.Opened("sub", "d", [])


def test_a_field_of_a_later_version_is_passed_over() -> None:
    later = row("paused", '{"reason":"x","until":12}')
    assert event_of(later, CODEC, no_blob) == e.Paused("x")


def test_a_failure_of_a_later_version_is_read_without_what_it_added() -> None:
    later = row("step_failed", '{"attempt":1,"error":{"type":"E","message":"m","colour":"red"}}', "a")
    assert event_of(later, CODEC, no_blob) == e.StepFailed("a", None, 1, Failure("E", "m"))


def test_a_body_laid_out_by_another_hand_is_read_too() -> None:
    by_hand = row("step_done", '{ "value" : [1, 2] }', "a")
    assert event_of(by_hand, CODEC, no_blob) == e.StepDone("a", None, [1, 2])
    assert event_of(row("step_started", '{"attempt":3}', "a"), CODEC, no_blob) == e.StepStarted("a", None, 3)


def test_a_kind_nobody_knows_is_named() -> None:
    with pytest.raises(StoreCorrupt, match=r"event 7 is of kind 'step_dreamt', which this version"):
        event_of(row("step_dreamt", "{}", "a"), CODEC, no_blob)


@pytest.mark.parametrize("body", ["", "not json", "[1]", '{"reason":'])
def test_a_damaged_body_is_named(body: str) -> None:
    with pytest.raises(StoreCorrupt, match=r"event 7 \(paused\) has a body that"):
        event_of(row("paused", body), CODEC, no_blob)


def test_a_row_that_lacks_what_its_kind_must_have_is_named() -> None:
    with pytest.raises(StoreCorrupt, match=r"event 7 \(run_started\) .*workflow"):
        event_of(row("run_started", "{}"), CODEC, no_blob)
