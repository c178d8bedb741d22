"""A store as one JSON document: the states of tasks first, for people, then the port's tables, one row a line.

Columns that hold what a new row has anyway are left out, and so is what is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from penstock.errors import StoreTooNew
from penstock.model.changes import Letter, Row
from penstock.stores.json_file import states
from penstock.stores.json_file.replica import Replica
from penstock.stores.json_file.texts import column, encoded, plain, text_of
from penstock.stores.memory_disk import TABLES, Inbox, Record

SCHEMA: Final = 1
_COUNTERS: Final = ("position", "lines", "enqueued")


def written(disk: Replica, mark: str) -> bytes:
    """The document. Its mark stands at its end, where it is found without reading the rest."""
    return encoded(
        "{\n" + ",\n".join([*_sections(disk), _line("schema", SCHEMA), _line("journal", mark)]) + "\n}\n"
    )


def _sections(disk: Replica) -> Iterator[str]:
    shown, whole = states.shown(disk.tables["documents"], disk.newest())
    yield _block("tasks", "{}", (_line(name, state) for name, state in shown.items()))
    for name, rows in disk.tables.items():
        lines = _documents(rows, whole) if name == "documents" else _rows(name, rows)
        yield from _filled(name, "{}", lines)
    yield from _filled("events", "[]", (text_of([place, run, *row]) for place, run, row in disk.stream))
    yield from _filled("inboxes", "{}", (_line(run, _inbox(inbox)) for run, inbox in disk.inboxes.items()))
    yield from _filled("keys", "[]", (text_of([*key, digest]) for key, digest in disk.keys.items()))
    yield from _filled("output", "[]", (text_of([number, *line]) for number, line in disk.output))
    yield _line("counters", {name: getattr(disk, name) for name in _COUNTERS})


def _filled(name: str, brackets: str, lines: Iterable[str]) -> Iterator[str]:
    if found := list(lines):
        yield _block(name, brackets, found)


def _block(name: str, brackets: str, lines: Iterable[str]) -> str:
    inner = ",\n".join(f" {line}" for line in lines)
    return (
        f"{text_of(name)}: {brackets[0]}\n{inner}\n{brackets[1]}" if inner else f"{text_of(name)}: {brackets}"
    )


def _line(name: str, value: Any) -> str:
    return f"{text_of(name)}: {text_of(value)}"


def _plain(table: str, row: Record) -> dict[str, Any]:
    usual = TABLES[table]
    return {name: plain(value) for name, value in row.items() if name != "id" and value != usual[name]}


def _rows(table: str, rows: Mapping[str, Record]) -> Iterator[str]:
    return (_line(key, _plain(table, row)) for key, row in rows.items())


def _documents(rows: Mapping[str, Record], whole: frozenset[str]) -> Iterator[str]:
    """Those that are no states shown whole, each with its place among all of them."""
    for place, (key, row) in enumerate(rows.items()):
        if key not in whole:
            yield _line(key, {"place": place, **_plain("documents", row)})


def _inbox(inbox: Inbox) -> dict[str, Any]:
    return {"newest": inbox.newest, "keys": sorted(inbox.keys), "letters": inbox.letters}


def read(document: Mapping[str, Any], disk: Replica) -> None:
    """Put a document on an empty disk. Raises StoreTooNew, and whatever comes of a document that was not written so."""
    if document.get("schema", SCHEMA) > SCHEMA:
        raise StoreTooNew(
            f"the file has schema {document['schema']}, this Penstock knows {SCHEMA}: use a newer one"
        )
    for name in ("runs", "queued", "blobs"):
        disk.tables[name] = {key: _row(name, key, said) for key, said in document.get(name, {}).items()}
    for place, run, *row in document.get("events", ()):
        event = Row(*row)
        disk.stream.append((place, run, event))
        disk.logs.setdefault(run, []).append(event)
    for run, said in document.get("inboxes", {}).items():
        disk.inboxes[run] = _read_inbox(said)
    disk.keys = {(run, key): digest for run, key, digest in document.get("keys", ())}
    disk.output = [(number, tuple(line)) for number, *line in document.get("output", ())]
    for name, count in document.get("counters", {}).items():
        if name in _COUNTERS:
            setattr(disk, name, int(count))
    disk.tables["documents"] = _read_documents(document, disk.newest())


def _row(table: str, key: str, said: Mapping[str, Any]) -> Record:
    columns = {name: column(value) for name, value in said.items()}
    if unknown := columns.keys() - TABLES[table].keys():
        raise ValueError(f"{table} {key!r} has no column {', '.join(sorted(unknown))}")
    return {"id": key, **TABLES[table], **columns}


def _read_inbox(said: Mapping[str, Any]) -> Inbox:
    inbox = Inbox()
    inbox.newest, inbox.keys = int(said["newest"]), set(said["keys"])
    inbox.letters = [Letter(*letter) for letter in said["letters"]]
    return inbox


def _read_documents(document: Mapping[str, Any], newest: Mapping[str, Row]) -> dict[str, Record]:
    """Documents at their places; between them, in order, the states that are no more than what events tell."""
    saved = {}
    for name, said in document["tasks"].items() if document else ():
        state = states.checked(said)
        if name not in newest or states.told(newest[name]) != state:
            saved[states.PREFIX + name] = states.document_of(name, state)
    rows: dict[str, Record] = {}
    rest = iter(saved.items())
    for key, said in document.get("documents", {}).items():
        columns = dict(said)
        place = int(columns.pop("place"))
        while len(rows) < place and (each := next(rest, None)):
            rows[each[0]] = each[1]
        if key not in saved:
            rows[key] = _row("documents", key, columns)
    rows.update(rest)
    return rows
