"""What is said of a value that cannot be stored: where it is, what it is, what to do instead."""

from __future__ import annotations

import io
import types
from collections.abc import Iterator
from typing import Any

from penstock.model.texts import class_name

_OPENED = "create it inside the step that uses it, and pass what is needed to make it"
_LIVE_MODULES = frozenset(
    "_asyncio _io _socket _thread asyncio concurrent multiprocessing queue select selectors socket sqlite3 ssl "
    "subprocess threading weakref aiohttp boto3 botocore httpx psycopg psycopg2 redis requests sqlalchemy".split()
)
_BY_KIND: tuple[tuple[tuple[type, ...], str], ...] = (
    ((io.IOBase,), "read it and pass what was read, or pass its path"),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.MethodType),
        "code is no value; pass a name and look it up",
    ),
    ((types.CoroutineType,), "await it first"),
    ((types.AsyncGeneratorType,), "collect it first, [x async for x in it]"),
    ((types.ModuleType,), "import it inside the step"),
    ((type,), "a class is code; pass its name and look it up"),
    ((BaseException,), "raise it, or pass str(error)"),
    ((memoryview,), "pass bytes(value)"),
    ((Iterator,), "collect it first, list(value)"),
)
_BASES = (str, bytes, bytearray, int, float, complex, dict, list, tuple, set, frozenset)


class Refusal(Exception):
    """A rule says why it cannot write or read a value; the codec adds the path and raises CodecError."""


def reason(value: Any) -> str:
    """Why this value is refused, and the remedy."""
    return f"a value of type {class_name(type(value))} cannot be stored: {_remedy(value)}"


def _remedy(value: Any) -> str:
    kind = type(value)
    for kinds, remedy in _BY_KIND:
        if isinstance(value, kinds):
            return remedy
    if kind.__module__.partition(".")[0] in _LIVE_MODULES:
        return _OPENED
    if hasattr(kind, "__array_interface__"):
        return "pass numpy.asarray(value)"
    if hasattr(kind, "utcoffset"):
        return "use datetime with zoneinfo.ZoneInfo or datetime.timezone"
    return _convert(kind)


def _convert(kind: type) -> str:
    name = kind.__name__
    register = f"register it, codec.register({name}, encode=..., decode=...)"
    base = next((base for base in _BASES if issubclass(kind, base)), None)
    if base is None:
        return f"make {name} a dataclass, or {register}"
    return f"it would come back as a plain {base.__name__}; pass {base.__name__}(value), or {register}"
