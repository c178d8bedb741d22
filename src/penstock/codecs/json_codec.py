"""JsonCodec: the codec's front, its list of classes, and the fast paths for plain values."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType, NoneType
from typing import Any

import msgspec

from penstock.codecs.classes import class_rule, tag_of
from penstock.codecs.lift import Lifting
from penstock.codecs.lower import Lowering
from penstock.codecs.rules import BY_TAG, MARK, Rule, standard_rule
from penstock.errors import CodecError

_write = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder().decode

_FREE = frozenset({str, bool, NoneType})
_PLAIN = frozenset({*_FREE, int, float, list, dict})
_FAST_LEVELS = 20

_LIBRARIES = {
    "numpy": "penstock.codecs.arrays",
    "pandas": "penstock.codecs.frames",
    "polars": "penstock.codecs.polars_frames",
}
"""Root module of a foreign value -> ours that has its rules; both are imported when such a value is met."""


class JsonCodec:
    """Values <-> JSON text, exactly.

    `types` are annotations to learn. `allow` names tags that may become values if their class is already imported:
    `"module:QualName"`, or `"module:*"` for all of one module's dataclasses, attrs, msgspec and pydantic classes,
    enums and named tuples. A shared reference becomes a copy. Restored instances get their recorded state without
    `__init__` or validators (msgspec Structs: with `__post_init__`, then the recorded fields).
    """

    def __init__(self, *, types: Iterable[Any] = (), allow: Iterable[str] = ()) -> None:
        self._by_type: dict[type, Rule] = {}
        self._by_tag: dict[str, Rule] = dict(BY_TAG)
        self._allow: set[str] = set()
        for tag in allow:
            self.allow(tag)
        for annotation in types:
            self.learn(annotation)

    def allow(self, tag: str) -> None:
        """Lets values of this tag come back as themselves: `"module:QualName"` or `"module:*"`."""
        self._allow.add(_checked_tag(tag))

    def register(
        self,
        cls: type,
        *,
        tag: str | None = None,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any],
    ) -> None:
        """Writes instances of exactly `cls` as `encode` says and reads them back with `decode`.

        `encode` returns anything that can be stored, bytes included, and `decode` gets just that. Where nothing
        better will do, `register(Foo, encode=pickle.dumps, decode=pickle.loads)` is yours to write: whoever can write
        to the store can then run code here.
        """
        if cls in _PLAIN:
            raise CodecError(
                f"{cls.__name__} is plain JSON and always written so: wrap it in a class of yours"
            )
        rule = Rule(_checked_tag(tag or tag_of(cls)), object, encode, decode)
        self._by_type[cls] = self._by_tag[rule.tag] = rule

    def learn(self, annotation: Any) -> None:
        """Lets every class within this type annotation, and within the fields of those, come back as itself."""
        from penstock.codecs.annotations import rules_in

        for cls, rule in rules_in(annotation).items():
            rule = self._by_type.get(cls, rule)
            self._by_type[cls] = self._by_tag[rule.tag] = rule

    def encode(self, value: Any) -> str:
        """JSON text of a value; CodecError with the path, the type and the remedy where there can be none."""
        kind = type(value)
        if kind in _FREE or (
            _is_plain_dict(value, _FAST_LEVELS) if kind is dict else _are_plain((value,), _FAST_LEVELS)
        ):
            try:
                return _write(value).decode()
            except (UnicodeEncodeError, RecursionError):
                pass  # lone surrogates, or a nearly full stack: the walk knows what to do
        return Lowering(self._rule_of).text(value)

    def decode(self, text: str | bytes) -> Any:
        """The value of a text; CodecError if it is no JSON or does not fit the classes it names."""
        try:
            tree = _read(text)
            if isinstance(text, str):
                plain = "$" not in text or '"$"' not in text  # one character is sought far quicker than three
            else:
                plain = b'"$"' not in text
            return tree if plain else Lifting(self._rule_for).value(tree)
        except RecursionError:
            raise CodecError("the text is nested too deeply to be read") from None
        except (msgspec.DecodeError, ValueError) as error:
            raise CodecError(f"not a text that can be read: {error}: {_start(text)}") from error

    def _rule_of(self, kind: type) -> Rule | None:
        rule = self._by_type.get(kind)
        if rule is None:
            rule = standard_rule(kind) or _library_rule(kind) or class_rule(kind)
            if rule is not None:
                self._by_type[kind] = rule
        return rule

    def _rule_for(self, tag: str) -> Rule | None:
        return self._by_tag.get(tag) or self._allowed_rule(tag) or _library_rule_for(tag)

    def _allowed_rule(self, tag: str) -> Rule | None:
        module, colon, name = tag.partition(":")
        if not colon or (tag not in self._allow and f"{module}:*" not in self._allow):
            return None
        cls = _imported_class(sys.modules.get(module), name)
        if cls is None or tag_of(cls) != tag:
            return None
        return self._by_type.get(cls) or class_rule(cls)


def _is_plain_dict(value: dict[Any, Any], levels: int) -> bool:
    if MARK in value:
        return False
    for key in value:
        if type(key) is not str:
            return False
    return _are_plain(value.values(), levels)


def _are_plain(items: Iterable[Any], levels: int) -> bool:
    """Whether msgspec alone writes these exactly, seen at a glance: False may also mean "look closer"."""
    for item in items:
        kind = type(item)
        if kind in _FREE:
            continue
        if kind is int:
            if item.bit_length() >= 64:  # quicker than two comparisons
                return False
        elif kind is float:
            if item - item != 0.0:  # not finite
                return False
        elif not levels:
            return False
        elif kind is dict:
            if not _is_plain_dict(item, levels - 1):
                return False
        elif kind is not list or not _are_plain(item, levels - 1):
            return False
    return True


def _checked_tag(tag: str) -> str:
    if re.fullmatch(r"[^:]+:[^:]+", tag):
        return tag
    raise CodecError(f"the tag {tag!r} must look like 'module:Name' (to allow a whole module: 'module:*')")


def _imported_class(module: ModuleType | None, name: str) -> type | None:
    """A class by its qualified name, without running any module's or class's own attribute lookup."""
    found: Any = module
    for part in name.split("."):
        if not isinstance(found, (ModuleType, type)):
            return None
        found = vars(found).get(part)
    return found if isinstance(found, type) else None


def _library_rule(kind: type) -> Rule | None:
    home = _LIBRARIES.get(kind.__module__.partition(".")[0])
    rule: Rule | None = import_module(home).rule_of(kind) if home else None
    return rule


def _library_rule_for(tag: str) -> Rule | None:
    home = _LIBRARIES.get(tag.partition(".")[0]) if ":" not in tag else None
    rule: Rule | None = import_module(home).RULES.get(tag) if home else None
    return rule


def _start(text: str | bytes) -> str:
    shown = repr(text[:80])
    return shown if len(text) <= 80 else f"{shown}..."
