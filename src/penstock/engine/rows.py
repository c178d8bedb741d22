"""Events as rows and back: kinds, steps and items in columns, the rest as JSON text that people can query.

A value over 64 KiB becomes a content-addressed blob; its place in the body holds `{"blob": "<sha256>"}`. So does a user's own
value of just that form, which could not be told from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from penstock.errors import StoreCorrupt
from penstock.model import events as e
from penstock.model.changes import Put, Row
from penstock.model.failure import Failure
from penstock.ports import Codec

BLOB_BYTES = 64 * 1024
_REFERENCE = len('{"blob":""}') + 64

_json = msgspec.json.Encoder()
_plain = msgspec.json.Decoder(dict[str, msgspec.Raw])

ReadBlob = Callable[[str], bytes]


def row_of(sequence: int, at: float, event: e.Event, codec: Codec, blobs: list[Put]) -> Row:
    """The row of an event; blobs it needs are appended to `blobs`."""
    kind = type(event)
    if kind is e.StepDone:
        body = f'{{"value":{stored(event.text or codec.encode(event.value), blobs)}}}'  # type: ignore[union-attr]
        return Row(sequence, at, "step_done", event.step, event.item, body)  # type: ignore[union-attr]
    if kind is e.StepStarted:
        return Row(sequence, at, "step_started", event.step, event.item, f'{{"attempt":{event.attempt}}}')  # type: ignore[union-attr]
    step = getattr(event, "step", None)
    return Row(sequence, at, e.KIND_OF[kind], step, getattr(event, "item", None), _body(event, codec, blobs))


_COLUMNS = frozenset({"step", "item", "text"})
_VALUES = frozenset({"value", "input", "data"})


@cache
def _names(kind: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The plain fields of a kind of event, and those that hold a user's value."""
    fields = [name for name in kind.__struct_fields__ if name not in _COLUMNS]  # type: ignore[attr-defined]
    return tuple(n for n in fields if n not in _VALUES), tuple(n for n in fields if n in _VALUES)


def _body(event: e.Event, codec: Codec, blobs: list[Put]) -> str:
    """The fields that are not None, values last."""
    plain, values = _names(type(event))
    fields = {name: field for name in plain if (field := getattr(event, name)) is not None}
    error = fields.get("error")
    if isinstance(error, Failure):
        fields["error"] = error.plain()
    parts = [_json.encode(fields).decode()[1:-1]] if fields else []
    text = getattr(event, "text", None)
    for name in values:
        value = getattr(event, name)
        if value is not None:
            parts.append(f'"{name}":{stored(text or codec.encode(value), blobs)}')
    return "{" + ",".join(parts) + "}"


def stored(text: str, blobs: list[Put]) -> str:
    """A value's text as it stands in a body: a large one becomes a blob, which is appended to `blobs`."""
    if len(text) <= BLOB_BYTES and not (len(text) == _REFERENCE and text.startswith('{"blob":"')):
        return text
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()
    blobs.append(Put("blobs", digest, {"data": data}))
    return f'{{"blob":"{digest}"}}'


def event_of(row: Row, codec: Codec, read_blob: ReadBlob) -> e.Event:
    """The event of a row, its values decoded. The two most frequent kinds, as `row_of` writes them, take a short way."""
    kind, body = row.kind, row.body
    if kind == "step_done" and body.startswith('{"value":') and not body.startswith('{"value":{"blob":"'):
        return e.StepDone(row.step or "", row.item, codec.decode(body[9:-1]))
    if kind == "step_started" and body == '{"attempt":1}':
        return e.StepStarted(row.step or "", row.item, 1)
    return _event_of(row, codec, read_blob)


def _event_of(row: Row, codec: Codec, read_blob: ReadBlob) -> e.Event:
    cls = e.KINDS.get(row.kind)
    if cls is None:
        raise StoreCorrupt(
            f"event {row.sequence} is of kind {row.kind!r}, which this version of Penstock does not know"
        )
    try:
        raw = _plain.decode(row.body)
        fields = {
            name: _read(text, codec, read_blob) if name in _VALUES else _as(name, text)
            for name, text in raw.items()
        }
    except msgspec.DecodeError as error:
        raise StoreCorrupt(
            f"event {row.sequence} ({row.kind}) has a body that is no JSON: {error}"
        ) from error
    return _made(cls, row, fields)


def _made(cls: type[Any], row: Row, fields: dict[str, Any]) -> e.Event:
    names = cls.__struct_fields__
    known = {name: value for name, value in fields.items() if name in names}
    if "step" in names:
        known["step"] = row.step
    if "item" in names:
        known["item"] = row.item
    for name in _VALUES & set(names):
        known.setdefault(name, None)
    try:
        made: e.Event = cls(**known)
    except TypeError as error:
        raise StoreCorrupt(f"event {row.sequence} ({row.kind}) is not whole: {error}") from error
    return made


def _as(name: str, text: msgspec.Raw) -> Any:
    return msgspec.json.decode(text, type=Failure if name == "error" else Any)


def _read(text: msgspec.Raw, codec: Codec, read_blob: ReadBlob) -> Any:
    data = bytes(text)
    if len(data) == _REFERENCE and data.startswith(b'{"blob":"'):
        data = read_blob(data[9:-2].decode())
    return codec.decode(data)
