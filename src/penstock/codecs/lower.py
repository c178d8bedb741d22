"""Value -> the plain tree that msgspec writes. Walks every part, knows the path to each, survives depth and cycles."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from types import NoneType
from typing import Any

import msgspec

from penstock.codecs.refusal import Refusal, reason
from penstock.codecs.rules import AT, DATA, DEEP, MARK, Rule, looks_tagged
from penstock.codecs.unknown import Unknown
from penstock.errors import CodecError

CHUNK_LEVELS = 64
"""Levels of one chunk of text: few enough for any parser and any stack."""
MOST_LEVELS = 10_000
"""Levels of a whole value; a registered encoder that wraps for ever ends here."""

_SMALLEST_INT, _INT_BOUND = -(2**63), 2**64
_FREE = frozenset({NoneType, bool})
_PARTS = None  # the step from a value to the parts its rule made of it: not part of a path

Step = int | str | None
Trail = tuple[Any, Step, Any] | None  # (trail of the parent, step from it, the value itself)

_write = msgspec.json.Encoder().encode


def write(tree: Any) -> str:
    """A plain tree as JSON text."""
    return _write(tree).decode()


class Lowering:
    """One encoding: `text(value)`, once."""

    __slots__ = ("_rule_of", "_waiting")

    def __init__(self, rule_of: Callable[[type], Rule | None]) -> None:
        self._rule_of = rule_of
        self._waiting: list[tuple[Any, Trail, Step, bool]] = []

    def text(self, value: Any) -> str:
        try:
            root = self._lower(value, None, _PARTS, 0, False)
            return write({MARK: DEEP, DATA: self._chunks(root)} if self._waiting else root)
        except RecursionError:
            raise CodecError(
                "$: too little stack is left to encode this value: call from less deep"
            ) from None

    def _chunks(self, root: Any) -> list[Any]:
        chunks = [root]
        for value, trail, step, raw in self._waiting:  # which grows meanwhile
            chunks.append(self._lower(value, trail, step, 0, raw))
        return chunks

    def _lower(self, value: Any, trail: Trail, step: Step, depth: int, raw: bool) -> Any:
        """`raw` is inside an Unknown: plain JSON already, tags are left as they are."""
        kind = type(value)
        if kind in _FREE:
            return value
        if kind is str:
            if value.isascii() or _is_unicode(value):
                return value
        elif kind is int:
            if raw or _SMALLEST_INT <= value < _INT_BOUND:
                return value
        elif kind is float and isfinite(value):
            return value
        if depth >= CHUNK_LEVELS:
            return self._postpone(value, trail, step, raw)
        here = (trail, step, value)
        if kind is list:
            return self._list(value, here, depth + 1, raw)
        if kind is dict and _is_plain(value, raw):
            return self._dict(value, here, depth + 1, raw)
        if raw:
            raise CodecError(f"{path(here)}: the data of an Unknown is plain JSON, not {kind.__name__}")
        if kind is Unknown:
            return {MARK: value.tag, DATA: self._lower(value.data, here, _PARTS, depth + 1, True)}
        return self._by_rule(value, here, depth + 1)

    def _list(self, items: list[Any], here: Trail, depth: int, raw: bool) -> list[Any]:
        lowered = []
        for index, item in enumerate(items):
            kind = type(item)
            free = kind in _FREE or (kind is str and item.isascii())  # most are, and a call costs
            lowered.append(item if free else self._lower(item, here, index, depth, raw))
        return lowered

    def _dict(self, items: dict[str, Any], here: Trail, depth: int, raw: bool) -> dict[str, Any]:
        lowered = {}
        for key, item in items.items():
            kind = type(item)
            free = kind in _FREE or (kind is str and item.isascii())
            lowered[key] = item if free else self._lower(item, here, key, depth, raw)
        return lowered

    def _by_rule(self, value: Any, here: Trail, depth: int) -> dict[str, Any]:
        rule = self._rule_of(type(value))
        if rule is None:
            raise CodecError(f"{path(here)}: {reason(value)}")
        data = self._lower(_parts(rule, value, here), here, _PARTS, depth, False)
        if rule.unordered and type(data) is list:
            data.sort(key=_write)
        return {MARK: rule.tag, DATA: data}

    def _postpone(self, value: Any, trail: Trail, step: Step, raw: bool) -> dict[str, Any]:
        _check_line(value, trail, step)
        self._waiting.append((value, trail, step, raw))
        return {MARK: AT, DATA: len(self._waiting)}


def _parts(rule: Rule, value: Any, here: Trail) -> Any:
    try:
        return rule.encode(value)
    except Refusal as refusal:
        raise CodecError(f"{path(here)}: {refusal}") from None
    except Exception as error:
        raise CodecError(
            f"{path(here)}: encoding as {rule.tag} failed: {type(error).__name__}: {error}"
        ) from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_plain(items: dict[Any, Any], raw: bool) -> bool:
    """Whether a dict can stand in the text as itself."""
    for key in items:
        if type(key) is not str or not (key.isascii() or _is_unicode(key)):
            return False
    return raw or not looks_tagged(items)


def _check_line(value: Any, trail: Trail, step: Step) -> None:
    """Refuses a value that contains itself, or that is nested without end."""
    seen, levels, node = {id(value)}, 0, trail
    while node is not None:
        levels += 1
        if id(node[2]) in seen:
            raise CodecError(
                f"{path(_cycle_end(trail))}: the value contains itself: store ids instead of references"
            )
        seen.add(id(node[2]))
        node = node[0]
    if levels > MOST_LEVELS:
        raise CodecError(f"{path((trail, step, value))}: nested deeper than {MOST_LEVELS} levels: flatten it")


def _cycle_end(trail: Trail) -> Trail:
    """The trail up to the first value that has been met before on it."""
    line = []
    while trail is not None:
        line.append(trail)
        trail = trail[0]
    seen = set()
    for node in reversed(line):
        if id(node[2]) in seen:
            return node
        seen.add(id(node[2]))
    return line[0]


def path(trail: Trail) -> str:
    """`$.rows[3].conn` for the value at the end of a trail; long ones are shortened in the middle."""
    steps = []
    while trail is not None:
        steps.append(trail)
        trail = trail[0]
    text = "$" + "".join(_step_text(node) for node in reversed(steps))
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-200:]}"


def _step_text(node: tuple[Any, Step, Any]) -> str:
    parent, step, value = node
    if step is _PARTS:
        return ""
    if _is_pair(parent):  # the two steps through the pairs of a dict show as one, with its key
        return ""
    if _is_pair(node):
        return f"[{_short(value[0])}]"
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if re.fullmatch(r"[^\W\d]\w*", step) else f"[{_short(step)}]"


def _is_pair(node: Any) -> bool:
    """Whether this is one [key, value] of the pairs a dict was written as."""
    parts = node and node[0]
    if not parts or parts[1] is not _PARTS or not parts[0]:
        return False
    return isinstance(parts[0][2], dict) and isinstance(parts[2], list) and isinstance(node[1], int)


def _short(key: Any) -> str:
    try:
        text = repr(key)
    except Exception:  # another's __repr__, or an int of thousands of digits
        text = f"a {type(key).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
