"""Messages in a note: what is packed comes back as it was, in order, and old notes are read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.codecs import JsonCodec
from penstock.model import events as e
from penstock.model.published import PUBLISHED, packed, published_in

VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=2)
BODIES = st.dictionaries(st.sampled_from("abc"), VALUES | st.lists(VALUES, max_size=2), max_size=3)
SENT = st.builds(
    lambda to, body, promised: (
        {"destination": to, "message": body} | ({"promised": True} if promised else {})
    ),
    st.sampled_from(["x", "y"]),
    BODIES,
    st.booleans(),
)


def noted(*messages: dict[str, Any]) -> e.Noted:
    return e.Noted(PUBLISHED, "simulate", {"attempt": 1, "tables": packed(messages)})


def exact(messages: Any) -> str:
    """Text that tells 1 from 1.0 and True, and knows no order of fields."""
    return "\n".join(repr({**each, "message": sorted(each["message"].items())}) for each in messages)


@given(st.lists(SENT, max_size=8))
def test_messages_come_back_as_they_were_in_their_order(messages: list[dict[str, Any]]) -> None:
    event = noted(*messages)
    codec = JsonCodec()
    event.data = codec.decode(codec.encode(event.data))
    assert exact(published_in(event)) == exact(messages)


def test_what_all_have_in_common_stands_once() -> None:
    frames = [{"destination": "x", "message": {"kind": "frame", "number": n}} for n in range(3)]
    (table,) = packed(frames)
    assert (table["count"], table["same"], table["each"]) == (3, {"kind": "frame"}, {"number": [0, 1, 2]})


def test_messages_with_other_fields_or_another_way_to_go_begin_a_table() -> None:
    one, other = {"destination": "x", "message": {"a": 1}}, {"destination": "x", "message": {"b": 1}}
    assert [table["count"] for table in packed([one, one, other, {**one, "promised": True}, one])] == [
        2, 1, 1, 1,
    ]  # fmt: skip


def test_notes_of_old_hold_their_messages_one_by_one() -> None:
    sent = [{"destination": "x", "message": {"a": 1}, "promised": True}]
    assert published_in(e.Noted(PUBLISHED, "simulate", {"attempt": 1, "messages": sent})) == sent


def test_other_events_tell_of_none() -> None:
    assert published_in(e.Noted("measured", "simulate", {"tables": []})) == ()
    assert published_in(e.StepDone("a", None, 1)) == ()
