"""Bounded slots: how many messages of a job wait for each, and what becomes of those that find no room. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from penstock.errors import InputError
from penstock.routines.messages import Routes, Station
from penstock.routines.progress import Message

Feeds = dict[str, list[Station]]


def feeds_of(routes: Routes) -> Feeds:
    """By routine, the bounded slots for which it is to wait until they have room."""
    found: Feeds = {}
    for source, route in routes.items():
        waits = [to for to, _ in route.targets if to.capacity is not None and to.when_full == "wait"]
        if waits and isinstance(source, str):
            found.setdefault(route.routine, []).extend(waits)
    return found


class Rooms:
    """The bounded slots of one job."""

    def __init__(self, feeds: Feeds, waiting: Iterable[Message]) -> None:
        self.feeds = feeds
        self.waiting = Counter(station for station, _ in waiting if station.capacity is not None)

    def left(self, station: Station) -> None:
        """A message waits no more."""
        if station.capacity is not None:
            self.waiting[station] -= 1

    def came(self, station: Station) -> None:
        """A message waits again."""
        if station.capacity is not None:
            self.waiting[station] += 1

    def holds_back(self, routine: str) -> bool:
        """Whether what a routine emits goes to a slot without room: let that be worked off first."""
        return any(self.waiting[each] >= (each.capacity or 0) for each in self.feeds.get(routine, ()))

    def admit(
        self, message: Message, fresh: list[Message], stack: list[Message]
    ) -> tuple[Station, dict[str, Any]] | None:
        """Add a message to `fresh`, those just emitted, if there is room; the message that was dropped for it, if one was.

        `stack` are those that waited before. Raises InputError for a slot that is to fail where it is full.
        """
        station = message[0]
        if (
            station.capacity is None
            or station.when_full == "wait"
            or self.waiting[station] < station.capacity
        ):
            self.came(station)
            fresh.append(message)
            return None
        if station.when_full == "fail":
            raise InputError(
                f"slot {station.slot!r} of routine {station.routine!r} is full: {station.capacity} messages wait there"
            )
        if station.when_full == "drop_new":
            return message
        fresh.append(message)
        older = stack if any(each[0] is station for each in stack) else fresh
        return older.pop(next(number for number, each in enumerate(older) if each[0] is station))
