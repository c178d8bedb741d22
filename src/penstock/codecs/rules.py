"""How each type of the standard library is written: one Rule a type, found by type or by tag."""

from __future__ import annotations

import binascii
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from types import NoneType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from penstock.model.failure import Failure

MARK, DATA = "$", "v"
DEEP, AT = "deep", "at"


class Rule(NamedTuple):
    """`encode` gives parts, which are written as values themselves; `decode` gets those parts back.

    `shape` is the type the parts must have (object: any). Errors that either raises become CodecErrors.
    """

    tag: str
    shape: type
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    unordered: bool = False


def looks_tagged(tree: dict[Any, Any]) -> bool:
    """Whether a dict has the very shape of a tagged value."""
    return len(tree) == 2 and DATA in tree and type(tree.get(MARK)) is str


def to_base64(data: Any) -> str:
    """Bytes as text."""
    return binascii.b2a_base64(data, newline=False).decode()


def from_base64(text: str) -> bytes:
    """See to_base64."""
    return binascii.a2b_base64(text, strict_mode=True)


def _pairs(mapping: dict[Any, Any]) -> list[list[Any]]:
    return [[key, value] for key, value in mapping.items()]


def _whole_number(text: str) -> int:
    return int(text, 0)


def _number_text(number: int) -> str:
    # Python refuses decimal text of thousands of digits; hexadecimal has no such limit.
    return str(number) if number.bit_length() <= 2000 else hex(number)


def _moment_parts(moment: datetime | time) -> str | list[Any]:
    """ISO text; with the zone and the fold beside it where the text alone would lose them."""
    zone: Any = moment.tzinfo
    if (zone is None or _offset_says_all(zone)) and not moment.fold:
        return moment.isoformat()
    return [moment.isoformat(), zone, moment.fold]


def _offset_says_all(zone: Any) -> bool:
    """An offset of less than a second is written well and read back as none at all (CPython's fromisoformat)."""
    if type(zone) is not timezone or len(_zone_parts(zone)) != 1:
        return False
    return not timedelta(0) < abs(zone.utcoffset(None)) < timedelta(seconds=1)


def _moment(kind: type[datetime] | type[time], parts: str | list[Any]) -> Any:
    if isinstance(parts, str):
        return kind.fromisoformat(parts)
    text, zone, fold = parts
    # The wall time and the zone's key are the value; the offset is there for the reader.
    return kind.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def _zone_parts(zone: Any) -> list[Any]:
    return list(zone.__getinitargs__())


def _zone_key(zone: Any) -> str:
    if not zone.key:
        raise ValueError("a ZoneInfo made from a file has no key: make it as ZoneInfo('Region/City')")
    return str(zone.key)


def _zone(key: str) -> Any:
    return import_module("zoneinfo").ZoneInfo(key)


def _path_maker(name: str) -> Callable[[str], Any]:
    def path(text: str) -> Any:
        return getattr(import_module("pathlib"), name)(text)

    return path


_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}

LOOSE_STR = Rule(
    "str",
    str,
    lambda text: to_base64(text.encode("utf-8", "surrogatepass")),
    lambda data: from_base64(data).decode("utf-8", "surrogatepass"),
)

BY_TYPE: dict[type, Rule] = {
    str: LOOSE_STR,
    int: Rule("int", str, _number_text, _whole_number),
    float: Rule("float", str, repr, _NOT_FINITE.__getitem__),
    complex: Rule("complex", list, lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    dict: Rule("dict", list, _pairs, dict),
    tuple: Rule("tuple", list, list, tuple),
    set: Rule("set", list, list, set, unordered=True),
    frozenset: Rule("frozenset", list, list, frozenset, unordered=True),
    bytes: Rule("bytes", str, to_base64, from_base64),
    bytearray: Rule("bytearray", str, to_base64, lambda text: bytearray(from_base64(text))),
    range: Rule("range", list, lambda r: [r.start, r.stop, r.step], lambda parts: range(*parts)),
    deque: Rule("deque", list, lambda d: [list(d), d.maxlen], lambda parts: deque(*parts)),
    OrderedDict: Rule("OrderedDict", list, _pairs, OrderedDict),
    Counter: Rule("Counter", list, _pairs, lambda pairs: Counter(dict(pairs))),
    datetime: Rule("datetime", object, _moment_parts, lambda parts: _moment(datetime, parts)),
    date: Rule("date", str, date.isoformat, date.fromisoformat),
    time: Rule("time", object, _moment_parts, lambda parts: _moment(time, parts)),
    timedelta: Rule(
        "timedelta", list, lambda d: [d.days, d.seconds, d.microseconds], lambda p: timedelta(*p)
    ),
    timezone: Rule("timezone", list, _zone_parts, lambda parts: timezone(*parts)),
    Decimal: Rule("Decimal", str, str, Decimal),
    UUID: Rule("UUID", str, str, UUID),
    Failure: Rule(
        "Failure", dict, Failure.plain, lambda fields: Failure(**fields)
    ),  # of items, in a map's results
    type(msgspec.UNSET): Rule("msgspec.UNSET", NoneType, lambda _: None, lambda _: msgspec.UNSET),
}

_PATH = Rule("Path", str, str, _path_maker("Path"))

BY_NAME: dict[str, Rule] = {
    "zoneinfo.ZoneInfo": Rule("ZoneInfo", str, _zone_key, _zone),
    "pathlib.PosixPath": _PATH,
    "pathlib.WindowsPath": _PATH,
    "pathlib.PurePosixPath": Rule("PurePosixPath", str, str, _path_maker("PurePosixPath")),
    "pathlib.PureWindowsPath": Rule("PureWindowsPath", str, str, _path_maker("PureWindowsPath")),
}
"""Types whose modules are imported only when such a value is met, by `root module.name`."""

BY_TAG: dict[str, Rule] = {rule.tag: rule for rule in (*BY_TYPE.values(), *BY_NAME.values())}


def standard_rule(kind: type) -> Rule | None:
    """The rule of a standard library type, or None."""
    return BY_TYPE.get(kind) or BY_NAME.get(f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}")
