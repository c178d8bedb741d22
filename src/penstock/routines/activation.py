"""One activation: a slot's handler called with a message, as a step of a run. Its value is what it emitted and changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from penstock.context import current, is_async
from penstock.routines.binding import Call
from penstock.routines.keeping import bring_to_life, changes_of
from penstock.routines.parties import Member, Sink
from penstock.routines.progress import Progress
from penstock.routines.tracker import WAITING, Tally

Value = tuple[Any, ...]
Step = Callable[..., Any]

logger = logging.getLogger("penstock.routines")


class Crew(NamedTuple):
    """The routines of a flow by id, the sources that its program knows, and who wants to be told."""

    routines: Mapping[str, Member]
    routes: Mapping[Any, Any]
    hooks: Sequence[Any]


class Place(NamedTuple):
    """What an activation is of: a routine by its id, its slot (None: its own call), and how the handler is called."""

    id: str
    routine: Member
    slot: Sink | None
    call: Call
    handler: Callable[..., Any] | None


def quick_step(place: Place, tally: Tally) -> Step:
    """The step of a job that records nothing, where nobody listens and nothing is merged."""
    call, took = place.call, tally.took

    def activate(data: dict[str, Any]) -> Value:
        emitted: list[Any] = []
        current().own = emitted  # type: ignore[union-attr]
        began = perf_counter()
        try:
            call(data)
        except BaseException:
            tally.failed.append(perf_counter() - began)
            raise
        took.append(perf_counter() - began)
        if len(emitted) != 1:
            tally.more += len(emitted) - 1
        if len(took) > WAITING:
            tally.fold()
        return emitted, None

    return activate


def step(place: Place, crew: Crew, tally: Tally) -> Step:
    """The step of every other job. It is given the data, the job's progress if that is recorded, and what the slot holds."""
    if place.handler is not None and is_async(place.handler):

        async def activate_async(
            data: dict[str, Any], state: Progress | None = None, held: dict[str, Any] | None = None
        ) -> Value:
            live = _Live(place, crew, tally, state)
            with live:
                given = live.begin(data, held)
                await place.call(given)
            return live.value(None if held is None else given)

        return activate_async

    def activate(
        data: dict[str, Any], state: Progress | None = None, held: dict[str, Any] | None = None
    ) -> Value:
        live = _Live(place, crew, tally, state)
        with live:
            given = live.begin(data, held)
            place.call(given)
        return live.value(None if held is None else given)

    return activate


class _Live:
    """An activation under way: timed, told to hooks, its emissions collected."""

    __slots__ = ("began", "crew", "emitted", "place", "run", "state", "tally", "took")

    def __init__(self, place: Place, crew: Crew, tally: Tally, state: Progress | None) -> None:
        self.place = place
        self.crew = crew
        self.tally = tally
        self.state = state
        self.emitted: list[tuple[Any, dict[str, Any]]] = []
        self.took = 0.0

    def __enter__(self) -> None:
        context = current()
        assert context is not None
        context.own = self.emitted
        self.run = context.run
        if self.state is not None and self.state.known is None:
            bring_to_life(self.crew.routines, self.state)
        self.began = perf_counter()

    def begin(self, data: dict[str, Any], held: dict[str, Any] | None) -> dict[str, Any]:
        """What the handler is given."""
        slot = self.place.slot
        if held is not None and slot is not None:
            data = slot.merged(held, data)
        if self.crew.hooks:
            self._tell("on_activation_start", data)
        return data

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.took = perf_counter() - self.began
        tally = self.tally
        (tally.took if error is None else tally.failed).append(self.took)
        if len(tally.took) + len(tally.failed) > WAITING:
            tally.fold()
        if error is None:
            tally.more += len(self.emitted) - 1
        if self.crew.hooks:
            if error is not None:
                self._tell("on_activation_error", error)
            else:
                self._tell("on_activation_end", self.took)
                for source, data in self.emitted:
                    self._tell("on_event", source.name, data)

    def value(self, merged: dict[str, Any] | None) -> Value:
        """See penstock.routines.program."""
        state, place = self.state, self.place
        if state is None:
            return (self.emitted, None) if merged is None else (self.emitted, None, merged)
        emitted = [[self._source(event), data] for event, data in self.emitted]
        changes = changes_of(place.id, place.routine, state)
        return (emitted, changes) if merged is None else (emitted, changes, merged)

    def _source(self, event: Any) -> str:
        route = self.crew.routes.get(event)
        return f"{route.routine}.{route.event}" if route is not None else repr(event)

    def _tell(self, name: str, *what: Any) -> None:
        """A hook that fails hurts nobody but itself."""
        slot = self.place.slot.name if self.place.slot is not None else ""
        for hook in self.crew.hooks:
            told = getattr(hook, name, None)
            if told is not None:
                try:
                    told(self.run, self.place.id, slot, *what)
                except Exception:
                    logger.exception("hook %r failed in %s", hook, name)
