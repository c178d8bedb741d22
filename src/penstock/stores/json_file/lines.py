"""Entries of the journal: each is one call that changed a store in memory, with what had been left open at the time.

Doing the same calls in the same order at the times they tell makes the same store again. Of a commit only the changes are kept
that were accepted, of a claim only the rows that were chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from penstock.model.changes import Change, Letter, Ok, Put, Row
from penstock.ports import Claim
from penstock.stores.json_file import states
from penstock.stores.json_file.texts import column, plain
from penstock.stores.memory import MemoryStore

Entry = dict[str, Any]


def committed(at: float, changes: Sequence[Change]) -> Entry:
    saved = states.saved_by(changes[0]) if len(changes) == 1 else None
    if saved is not None:
        return {"task": saved[0], **saved[1]}
    return {"at": at, "commit": [_change(change) for change in changes]}


def claimed(at: float, table: str, owner: str, ttl: float, claims: Iterable[Claim]) -> Entry:
    return {"at": at, "claim": [table, owner, ttl, [claim.id for claim in claims]]}


def extended(at: float, table: str, held: Iterable[tuple[str, int]], ttl: float) -> Entry:
    return {"at": at, "extend": [table, [list(lease) for lease in held], ttl]}


def written(at: float, lines: Sequence[tuple[Any, ...]]) -> Entry:
    return {"at": at, "output": [list(line) for line in lines]}


def pruned(at: float, runs: Sequence[str], documents: Sequence[str]) -> Entry:
    if documents:
        return {"at": at, "clear": [list(runs), list(documents)]}
    return {"at": at, "prune": list(runs)}


def time_of(entry: Entry) -> float:
    """When what an entry tells was done. The state of a task bears its own times."""
    return float(entry.get("at", 0.0))


def replay(entry: Entry, store: MemoryStore) -> None:
    """Do it again. Raises ValueError, or whatever else comes of an entry that nobody wrote."""
    if "task" in entry:
        _commit([states.saving(entry["task"], states.checked(entry))], store)
        return
    at, *done = entry
    (name,) = done
    if at != "at":
        raise ValueError(f"{entry!r} begins with no time")
    _REPLAYS[name](entry[name], store)


def _commit(changes: list[Change], store: MemoryStore) -> None:
    verdicts = store.commit(changes)
    if not all(isinstance(verdict, Ok) for verdict in verdicts):
        raise ValueError(f"a commit does not fit what is there: {verdicts}")


def _claim(said: list[Any], store: MemoryStore) -> None:
    table, owner, ttl, ids = said
    if len(store.claim(table, owner, ttl=ttl, limit=len(ids), ids=ids)) != len(ids):
        raise ValueError(f"a claim of {ids} does not fit what is there")


def _extend(said: list[Any], store: MemoryStore) -> None:
    table, held, ttl = said
    store.extend(table, [(key, epoch) for key, epoch in held], ttl)


def _output(said: list[Any], store: MemoryStore) -> None:
    store.write_logs([(run, step, item, attempt, at, stream, text)
                      for run, step, item, attempt, at, stream, text in said])  # fmt: skip


def _prune(said: list[Any], store: MemoryStore) -> None:
    store.prune(said)


def _clear(said: list[Any], store: MemoryStore) -> None:
    runs, documents = said
    store.prune(runs, documents)


_REPLAYS: dict[str, Callable[[list[Any], MemoryStore], None]] = {
    "commit": lambda said, store: _commit([_changed(plain_change) for plain_change in said], store),
    "claim": _claim,
    "extend": _extend,
    "output": _output,
    "prune": _prune,
    "clear": _clear,
}


def _change(change: Change) -> dict[str, Any]:
    """What is not left out of a change. Its guards held; where its events go on is told by the first of them."""
    said = {
        "run": change.run or None,
        "key": change.key,
        "digest": change.digest or None,
        "puts": [_put(put) for put in change.puts],
        "events": list(change.events),
        "letters": list(change.letters),
        "take": change.take,
    }
    return {name: value for name, value in said.items() if value not in (None, [])}


def _put(put: Put) -> list[Any]:
    columns = None if put.columns is None else {name: plain(value) for name, value in put.columns.items()}
    return [put.table, put.key, columns]


def _changed(said: dict[str, Any]) -> Change:
    events = [Row(*event) for event in said.get("events", ())]
    return Change(
        run=said.get("run", ""),
        expect=events[0].sequence - 1 if events else None,
        events=events,
        puts=[Put(table, key, _columns(columns)) for table, key, columns in said.get("puts", ())],
        letters=[Letter(*letter) for letter in said.get("letters", ())],
        take=said.get("take"),
        key=said.get("key"),
        digest=said.get("digest", ""),
    )


def _columns(said: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if said is None else {name: column(value) for name, value in said.items()}
