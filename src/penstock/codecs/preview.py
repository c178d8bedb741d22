"""One line about a value, for terminals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.codecs.lower import write
from penstock.codecs.rules import DATA, MARK, looks_tagged
from penstock.errors import CodecError

_MOST_TEXT = 1_000_000  # beyond this the start of the text is shown, unread
_BRACKETS = {"tuple": "()", "set": "{}", "frozenset": "{}", "deque": "[]"}


def preview(text_or_value: Any, limit: int = 80) -> str:
    """A value at a glance in at most `limit` characters, much as Python would show it.

    A str is taken for encoded text; one that is no JSON is shown as it is. Nothing is decoded to classes.
    """
    if not isinstance(text_or_value, str):
        text_or_value = _text_of(text_or_value)
    if len(text_or_value) > _MOST_TEXT:
        return _clipped(iter([text_or_value[: limit + 1]]), limit)
    try:
        tree = msgspec.json.decode(text_or_value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _clipped(iter([text_or_value[: limit + 1]]), limit)
    return _clipped(_pieces(tree), limit)


def _text_of(value: Any) -> str:
    from penstock.codecs.json_codec import JsonCodec

    try:
        return JsonCodec().encode(value)
    except CodecError:
        return write(f"<{type(value).__qualname__}>")


def _clipped(pieces: Iterator[str], limit: int) -> str:
    """The pieces in one line, no more of them made than are shown."""
    shown = ""
    for piece in pieces:
        shown += "".join(char if char.isprintable() else "\ufffd" for char in piece[: limit + 1])
        if len(shown) > limit:
            return shown[: max(limit - 1, 0)] + "…"
    return shown


def _pieces(tree: Any) -> Iterator[str]:
    if type(tree) is list:
        yield from _enclosed("[]", map(_pieces, tree))
    elif type(tree) is not dict:
        yield repr(tree[:1000] if type(tree) is str else tree)
    elif looks_tagged(tree):
        yield from _tagged(tree[MARK], tree[DATA])
    else:
        yield from _enclosed("{}", (_pair(repr(key) + ": ", item) for key, item in tree.items()))


def _tagged(tag: str, data: Any) -> Iterator[str]:
    name = tag.rpartition(":")[2].rpartition(".")[2]
    if tag == "deep" and isinstance(data, list) and data:
        yield from _pieces(data[0])
    elif tag == "at":
        yield "…"
    elif tag in _BRACKETS and isinstance(data, list):
        yield from _enclosed(_BRACKETS[tag], map(_pieces, data))
    elif tag == "numpy.ndarray" and isinstance(data, dict):
        yield f"ndarray({data.get('dtype')}, {data.get('shape')})"
    elif isinstance(data, dict) and not looks_tagged(data):
        yield name
        yield from _enclosed("()", (_pair(f"{key}=", item) for key, item in data.items()))
    else:
        yield name
        yield from _enclosed("()", iter([_pieces(data)]))


def _pair(start: str, item: Any) -> Iterator[str]:
    yield start
    yield from _pieces(item)


def _enclosed(brackets: str, items: Iterator[Iterator[str]]) -> Iterator[str]:
    yield brackets[0]
    for number, item in enumerate(items):
        if number:
            yield ", "
        yield from item
    yield brackets[1]
