"""Messages that a step publishes while it goes on: notes of one topic in its run's log. Pure.

A note holds a batch, as tables: messages in a row that have the same fields and the same way to go share one. What is the same
text in all of them stands once, what differs in columns. There may be a million messages, and most differ little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from penstock.model import events as e

PUBLISHED: Final = "published"
"""The topic. Such a note's data are `{"attempt": 1, "tables": [...]}`, in logs of old `{"attempt": 1, "messages": [...]}`.

A message is `{"destination": "orders", "message": {...}}`, with `"promised": True` if none may be lost. A table is
`{"destination": "orders", "promised": False, "count": 2, "same": {"kind": "made"}, "each": {"number": [1, 2]}}`.
"""

Message = Mapping[str, Any]
Table = dict[str, Any]


def published_in(event: e.Event) -> Sequence[Message]:
    """The messages that an event tells of, in order."""
    if not is_published(event):
        return ()
    data: Mapping[str, Any] = event.data  # type: ignore[union-attr]  # it is Noted
    if "tables" in data:
        return [message for table in data["tables"] for message in unpacked(table)]
    found: Sequence[Message] = data["messages"]
    return found


def is_published(event: e.Event) -> bool:
    """Whether an event tells of messages."""
    return isinstance(event, e.Noted) and event.topic == PUBLISHED


def packed(messages: Iterable[Message]) -> list[Table]:
    """Messages as tables, in order."""
    return [_table(key, [each["message"] for each in row]) for key, row in groupby(messages, _alike)]


def _alike(message: Message) -> tuple[Any, ...]:
    return (message["destination"], bool(message.get("promised")), tuple(message["message"]))


def _table(key: tuple[Any, ...], rows: list[Mapping[str, Any]]) -> Table:
    destination, promised, names = key
    columns = zip(*[row.values() for row in rows], strict=True)
    same: dict[str, Any] = {}
    each: dict[str, Any] = {}
    for name, column in zip(names, columns, strict=True):
        if _is_one_text(column):
            same[name] = column[0]
        else:
            each[name] = list(column)
    return {"destination": destination, "promised": promised, "count": len(rows), "same": same, "each": each}


def _is_one_text(column: tuple[Any, ...]) -> bool:
    """Texts only: of numbers 1, 1.0 and True are equal and not the same."""
    first = column[0]
    return type(first) is str and column.count(first) == len(column) and set(map(type, column)) == {str}


def unpacked(table: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a table, in order."""
    how: dict[str, Any] = {"promised": True} if table["promised"] else {}
    destination, same, names = table["destination"], table["same"], list(table["each"])
    columns = list(table["each"].values())
    for number in range(table["count"]):
        message = same | {name: column[number] for name, column in zip(names, columns, strict=True)}
        yield {"destination": destination, "message": message, **how}
