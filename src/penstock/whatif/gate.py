"""Lets runs in: in the order of their queue, as its bound, its rate and the workers allow, and as a schedule minds overlap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Literal

from penstock.app.submitting import PLACES_A_PRIORITY
from penstock.model import machine
from penstock.model.ledgers import Ledger, draw, next_token
from penstock.model.limits import FREE
from penstock.whatif.agenda import Agenda
from penstock.whatif.arrivals import Arrival
from penstock.whatif.capacity import Capacity
from penstock.whatif.engine import WhatifEngine

Begin = Callable[[WhatifEngine, int, Arrival], None]
"""Begin the run of that number on an engine."""

TurnedAway = Literal["left out", "cancelled"]


class Gate:
    """`under_way` are the runs that began and are not over, by number; `turned_away` those that never began."""

    def __init__(
        self,
        capacity: Capacity,
        agenda: Agenda,
        engines: Sequence[WhatifEngine],
        under_way: Mapping[int, machine.Run],
        begin: Begin,
    ) -> None:
        self.turned_away: dict[int, TurnedAway] = {}
        self._capacity = capacity
        self._agenda = agenda
        self._engines = engines
        self._under_way = under_way
        self._begin = begin
        self._queue: list[tuple[int, int, Arrival]] = []
        self._inside = 0
        self._latest = -1
        self._pace = capacity.rate or FREE
        self._bucket = Ledger()
        self._called = False

    @property
    def waiting(self) -> list[int]:
        """The runs that still wait in the queue."""
        return [number for _, number, _ in self._queue]

    def arrive(self, number: int, arrival: Arrival) -> None:
        """A run comes, unless its schedule leaves it out."""
        if arrival.overlap != "allow" and not self._passes(number, arrival):
            return
        self._latest = number
        heappush(self._queue, (number - arrival.priority * PLACES_A_PRIORITY, number, arrival))
        self.admit()

    def leave(self) -> None:
        """A run is over."""
        self._inside -= 1
        self.admit()

    def admit(self) -> None:
        """Begin runs that wait; the engine that drives fewest takes the next."""
        capacity = self._capacity
        while self._queue and (capacity.concurrency is None or self._inside < capacity.concurrency):
            engine = min(self._engines, key=lambda each: len(each.driven))
            if capacity.slots is not None and len(engine.driven) >= capacity.slots:
                return
            if not draw(self._bucket, self._pace, 1, self._agenda.now()):
                self._call()
                return
            _, number, arrival = heappop(self._queue)
            self._inside += 1
            self._begin(engine, number, arrival)

    def _call(self) -> None:
        """Have `admit` called when there is a token again: once, however often it is asked for until then."""
        at = next_token(self._bucket, self._pace)
        if not self._called and at is not None:
            self._called = True
            self._agenda.at(at, self._answer)

    def _answer(self) -> None:
        self._called = False
        self.admit()

    def _passes(self, number: int, arrival: Arrival) -> bool:
        """Whether a run comes though the one before may not be over; if it does, that one is cancelled."""
        before = self._latest
        run = self._under_way.get(before)
        if run is None and before not in self.waiting:
            return True
        if arrival.overlap == "skip":
            self.turned_away[number] = "left out"
            return False
        if run is not None:
            driver = next(each.driver for each in self._engines if run in each.driven)
            driver.post(driver.obey, run, "cancel", "the schedule's next run has come")
        else:
            self._queue = [place for place in self._queue if place[1] != before]
            heapify(self._queue)
            self.turned_away[before] = "cancelled"
        return True
