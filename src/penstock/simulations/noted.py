"""What the log of an execution's run tells: its messages, its newest figures, how it ended.

It is read by pages, and only what is needed is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.engine.rows import event_of
from penstock.model import events as e
from penstock.model.changes import Row
from penstock.model.published import PUBLISHED, published_in
from penstock.simulations.messages import MEASURED

if TYPE_CHECKING:
    from penstock.app import Engine

PAGE = 500


class Ended(NamedTuple):
    """The figures that were noted last, and the log's last event."""

    figures: dict[str, Any] | None
    last: e.Event | None


def ended(engine: Engine, run_id: str) -> Ended:
    """What was measured last, and the last event. Only these two are decoded."""
    figures: Row | None = None
    last: Row | None = None
    for row in _rows(engine, run_id):
        last = row
        if _is_note(row, MEASURED):
            figures = row
    noted = None if figures is None else _decoded(engine, figures)
    return Ended(
        noted.data["metrics"] if isinstance(noted, e.Noted) else None,
        None if last is None else _decoded(engine, last),
    )


def messages(engine: Engine, run_id: str) -> Iterator[dict[str, Any]]:
    """What a run has published so far, in order, of all its attempts."""
    for row in _rows(engine, run_id):
        if _is_note(row, PUBLISHED):
            yield from (dict(each["message"]) for each in published_in(_decoded(engine, row)))


def _rows(engine: Engine, run_id: str) -> Iterator[Row]:
    store, after = engine.durable_store(), 0
    while rows := store.read(run_id, after, PAGE):
        yield from rows
        after = rows[-1].sequence
        if len(rows) < PAGE:
            return


def _is_note(row: Row, topic: str) -> bool:
    """Whether it notes something of that topic, which is the first field of its body."""
    return row.kind == "noted" and row.body.startswith(f'{{"topic":"{topic}"')


def _decoded(engine: Engine, row: Row) -> e.Event:
    def blob(digest: str) -> bytes:
        data: bytes = engine.durable_store().get("blobs", [digest])[digest]["data"]
        return data

    return event_of(row, engine.codec, blob)
