"""The plain tree that msgspec read -> value. Only rules it is given run; the rest stays inert as Unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.codecs.refusal import Refusal
from penstock.codecs.rules import AT, DATA, DEEP, MARK, Rule, looks_tagged
from penstock.codecs.unknown import Unknown
from penstock.errors import CodecError

_NESTED = frozenset({dict, list})


class Lifting:
    """One decoding: `value(tree)`, once."""

    __slots__ = ("_lifted", "_raw", "_rule_for")

    def __init__(self, rule_for: Callable[[str], Rule | None]) -> None:
        self._rule_for = rule_for
        self._lifted: dict[int, Any] = {}
        self._raw: dict[int, Any] = {}

    def value(self, tree: Any) -> Any:
        if type(tree) is dict and looks_tagged(tree) and tree[MARK] == DEEP:
            return self._deep(tree[DATA])
        return self._lift(tree)

    def _deep(self, chunks: Any) -> Any:
        """A chunk refers only to later ones, so from the last to the first none waits for another."""
        if type(chunks) is not list or not chunks:
            raise CodecError("deep: a list of chunks is expected")
        for index in range(len(chunks) - 1, -1, -1):
            self._raw[index] = self._inline(chunks[index])
            self._lifted[index] = self._lift(chunks[index])
        return self._lifted[0]

    def _lift(self, node: Any) -> Any:
        kind = type(node)
        if kind is list:
            return [self._lift(item) if type(item) in _NESTED else item for item in node]
        if kind is not dict:
            return node
        if looks_tagged(node):
            return self._tagged(node[MARK], node[DATA])
        return {key: self._lift(item) if type(item) in _NESTED else item for key, item in node.items()}

    def _tagged(self, tag: str, data: Any) -> Any:
        if tag == AT:
            return _take(self._lifted, data)
        rule = self._rule_for(tag)
        if rule is None:
            return Unknown(tag, self._inline(data))
        try:
            return _decoded(rule, self._lift(data))
        except ImportError:  # a value of a library that is not installed here
            return Unknown(tag, self._inline(data))

    def _inline(self, node: Any) -> Any:
        """The same plain tree with the chunks it refers to put in their places."""
        if not self._raw:
            return node
        if type(node) is list:
            return [self._inline(item) for item in node]
        if type(node) is not dict:
            return node
        if looks_tagged(node) and node[MARK] == AT:
            return self._raw.get(node[DATA]) if type(node[DATA]) is int else None
        return {key: self._inline(item) for key, item in node.items()}


def _take(lifted: dict[int, Any], index: Any) -> Any:
    """Each chunk is referred to once: more often would be a text made to explode."""
    if type(index) is not int or index not in lifted:
        raise CodecError(f"at: there is no chunk {index!r} to take here")
    return lifted.pop(index)


def _decoded(rule: Rule, data: Any) -> Any:
    if rule.shape is not object and type(data) is not rule.shape:
        raise CodecError(
            f"{rule.tag}: data of type {rule.shape.__name__} is expected, not {type(data).__name__}"
        )
    try:
        return rule.decode(data)
    except ImportError:
        raise
    except Refusal as refusal:
        raise CodecError(f"{rule.tag}: {refusal}") from None
    except Exception as error:
        raise CodecError(
            f"{rule.tag}: the stored data does not fit: {type(error).__name__}: {error}"
        ) from error
