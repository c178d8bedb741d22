"""Schedules as the store keeps them: documents `schedule:NAME`, each put only by who knows its newest version."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from penstock.app.scheduling.schedule import Schedule
from penstock.errors import RunNotFound, StoreTooNew
from penstock.model.changes import Guard, Put
from penstock.model.graph import nearest
from penstock.model.wording import listed
from penstock.ports import Store

KIND = "schedule"
TOPIC = "schedules"
"""Rings when one was added or changed."""
_MOST = 100_000


class Kept(NamedTuple):
    """A schedule and the version under which it was read."""

    schedule: Schedule
    version: str

    @property
    def guard(self) -> Guard:
        """Holds as long as nobody has changed it."""
        return Guard("documents", id_of(self.schedule.name), {"version": self.version})


def id_of(name: str) -> str:
    """The document of a schedule."""
    return f"{KIND}:{name}"


def put_of(schedule: Schedule, version: str) -> Put:
    """What writes a schedule under a version."""
    columns = {"kind": KIND, "version": version, "data": msgspec.json.encode(schedule).decode()}
    return Put("documents", id_of(schedule.name), columns)


def new_version() -> str:
    """A version that nobody else makes."""
    return os.urandom(8).hex()


def all_kept(store: Store) -> Iterator[Kept]:
    """Every schedule, the first put first; what this version cannot read, since a newer one wrote it, is left out."""
    for row in store.find("documents", {"kind": KIND}, limit=_MOST):
        with contextlib.suppress(msgspec.ValidationError):
            yield _kept(row)


def find_kept(store: Store, name: str) -> Kept | None:
    """The schedule of that name, if there is one. Raises StoreTooNew if this version cannot read it."""
    row = store.get("documents", [id_of(name)]).get(id_of(name))
    try:
        return None if row is None else _kept(row)
    except msgspec.ValidationError as error:
        raise StoreTooNew(
            f"schedule {name!r} was written by a newer Penstock ({error}); upgrade this one"
        ) from None


def get_kept(store: Store, name: str) -> Kept:
    """The schedule of that name. Raises RunNotFound, with the nearest."""
    found = find_kept(store, name)
    if found is not None:
        return found
    names = [kept.schedule.name for kept in all_kept(store)]
    close = nearest(name, names)
    there = f"there are {listed(names)}" if names else "there is none yet: penstock schedule add"
    raise RunNotFound(f"there is no schedule {name!r}; {f'did you mean {close!r}?' if close else there}")


def _kept(row: dict[str, object]) -> Kept:
    return Kept(msgspec.json.decode(str(row["data"]), type=Schedule), str(row["version"]))
