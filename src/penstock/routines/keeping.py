"""The state of routines, as jobs record it: what changed of it in an activation, and how it comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.codecs import JsonCodec
from penstock.routines.parties import Member
from penstock.routines.progress import Progress

KEYED = ("_stats", "_config")
"""Fields of which single keys are recorded; of all others the whole value."""

_PLAIN = frozenset({int, str, bool, float, type(None)})
_GONE: Any = object()

_applying = threading.Lock()
_codec = JsonCodec()

Fields = dict[str, dict[str, Any]]


def state_of(routines: Mapping[str, Member]) -> Fields:
    """The whole state of routines, by id and field; without what is empty."""
    found: Fields = {}
    for name, routine in routines.items():
        fields = {}
        for field in routine.serializable_fields:
            value = getattr(routine, field, None)
            if field not in KEYED:
                fields[field] = value
            elif value:
                fields[field] = dict(value)
        if fields:
            found[name] = fields
    return found


def restore(routines: Mapping[str, Member], fields: Mapping[str, Mapping[str, Any]]) -> None:
    """Give routines the state that was recorded of them; one of which nothing was recorded keeps its own."""
    for name, recorded in fields.items():
        routine = routines.get(name)
        if routine is not None:
            for field, value in recorded.items():
                if field in KEYED:
                    held = getattr(routine, field)
                    held.clear()
                    held.update(value)
                else:
                    setattr(routine, field, value)


def bring_to_life(routines: Mapping[str, Member], progress: Progress) -> None:
    """Once for each job in this process: the routines at hand get the state that its log tells of."""
    with _applying:
        if progress.known is None:
            restore(routines, progress.fields)
            progress.known = known_of(progress.fields)


def known_of(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[tuple[str, str | None], Any]]:
    """What is recorded, in the form in which `changes_of` compares."""
    return {
        name: {(field, key): _token(value) for field, key, value in _parts(recorded.items())}
        for name, recorded in fields.items()
    }


def changes_of(name: str, routine: Member, progress: Progress) -> list[list[Any]] | None:
    """What is not recorded yet of a routine's state, for Progress.apply. Raises CodecError for what cannot be."""
    assert progress.known is not None
    known = progress.known.setdefault(name, {})
    changes: list[list[Any]] = []
    present = set()
    state = routine.__dict__
    for field, key, value in _parts((each, state.get(each)) for each in routine.serializable_fields):
        place = (field, key)
        present.add(place)
        token = _token(value)
        if known.get(place, _GONE) != token:
            known[place] = token
            changes.append([field, key, value])
    for place in known.keys() - present:
        del known[place]
        changes.append([*place])
    return changes or None


def _parts(fields: Any) -> Iterator[tuple[str, str | None, Any]]:
    for field, value in fields:
        if field in KEYED:
            for key, each in value.items():
                yield field, key, each
        else:
            yield field, None, value


def _token(value: Any) -> Any:
    """What differs if and only if the recorded form does."""
    kind = type(value)
    return (kind, value) if kind in _PLAIN else _codec.encode(value)
