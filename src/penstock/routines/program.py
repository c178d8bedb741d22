"""A flow as the engine plays it: each message that is delivered to a slot is a step, and its value says what came of it.

Rules:

- Depth first: what an activation emitted is delivered before what waited already, in the order of emitting and of connecting.
- An activation's value is [what it emitted, what it changed of its routine's state], and a third part where its slot's own
  merge function ran: what the slot then holds. A commit of the completion holds all of it.
- What is emitted is told by its source: the event itself, or "routine.event" as the log has it.
- A failure that stops the job lets what runs come to its end first, and what it emitted is kept with the rest that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.errors import DefinitionError
from penstock.model.failure import Failure
from penstock.model.outline import Graph
from penstock.model.policies import Policy
from penstock.model.program import Ask, Do, End, Fail, Plan
from penstock.model.state import Run
from penstock.model.subjects import Subject
from penstock.routines.messages import Route, Routes, Station, appended, renamed
from penstock.routines.progress import HISTORY, Message, Progress
from penstock.routines.rooms import Rooms, feeds_of

JOB = "@job"
"""The only name in an input that tells of a job; all other inputs are the parameters of the flow's own entry."""


NOTHING: Mapping[str, Any] = {}
"""The keyword arguments of every step."""


class FlowProgram(Plan):
    """A checked flow. `entry` is the station that parameters go to where no job says otherwise."""

    keep = False

    def __init__(  # noqa: PLR0913 - one keyword a part
        self,
        name: str,
        stations: Sequence[Station],
        routes: Routes,
        *,
        kinds: Mapping[str, str],
        version: str,
        entry: Station | None = None,
        history: int = HISTORY,
        strategy: str = "sequential",
        workers: int = 5,
    ) -> None:
        self.name = name
        self.version = version
        self.stations = {(each.routine, each.slot): each for each in stations}
        self.routes = routes
        self.kinds = kinds
        self.entry = entry
        self.history = history
        self.strategy = strategy
        self.workers = workers
        self.bounded = any(each.capacity is not None for each in stations)
        self.feeds = feeds_of(routes)
        self.merges = any(each.merge != "override" for each in stations)
        self.expected: dict[str, Progress] = {}  # jobs whose progress somebody wants to see, until they begin

    def play(self, input: Any) -> FlowPlay:
        job = input.get(JOB) if isinstance(input, Mapping) else None
        return FlowPlay(self, job if job is not None else self._first(input or {}))

    def _first(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if self.entry is None:
            raise DefinitionError(
                f"flow {self.name!r} does not say where it begins: flow.entry = a routine's id"
            )
        station = self.entry
        return {
            "id": "",
            "pending": [[station.routine, station.slot, dict(params)]],
            "begins": True,
            "strategy": self.strategy,
            "workers": self.workers,
            "recorded": True,
        }

    def subject(self, run: Run, path: str) -> Subject | None:
        """See penstock.model.subjects.Naming."""
        routine = path.partition("#")[0]
        return Subject(routine, routine, self.kinds[routine]) if routine in self.kinds else None

    def as_graph(self, input: Any = None) -> Graph:
        """See Outlined."""
        from penstock.routines.outline import outline

        return outline(self.name, self.kinds, self.routes)


class FlowPlay:
    """One job. See penstock.model.program.Play."""

    __slots__ = (
        "_busy", "_counts", "_flying", "_history", "_policies", "_quick", "_recorded", "_rooms", "_routes", "_unwell", "_width",
        "failures", "input", "program", "state",
    )  # fmt: skip

    def __init__(self, program: FlowProgram, job: Mapping[str, Any]) -> None:
        self.program = program
        self.input = job
        expected = program.expected.pop(job["id"], None)
        state = self.state = expected or Progress(job["id"], history=program.history)
        state.read(job, program.stations)
        self.failures: list[str] = []
        self._recorded: bool = job["recorded"]
        self._width: int = job["workers"] if job["strategy"] == "concurrent" else 1
        self._quick = self._width == 1 and not self._recorded and not program.merges
        self._busy: set[str] = set()
        self._policies: dict[Station, Policy] = {}
        self._flying, self._history, self._counts = state.flying, state.history, state.counts
        self._routes, self._unwell = program.routes, state.unwell
        self._rooms = Rooms(program.feeds, state.stack) if program.bounded else None
        for name in program.kinds:
            self._counts.setdefault(name, 0)

    def begin(self, at: float) -> Iterable[Ask]:
        if self.input.get("begins"):
            for station, data in self.state.stack:
                self._history.append((station.routine, "start", data, at))
        return self._more()

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        flying = self._flying
        station, given = flying.pop(key)
        emitted = value[0]
        if self._quick and len(emitted) == 1:
            source, data = emitted[0]
            route = self._routes.get(source)
            if route is not None and (to := route.only) is not None and not self._unwell:
                # What nearly every activation does, in the form that costs least: one event, to one slot.
                self._history.append((route.routine, route.event, data, at))
                routine = to.routine
                number = self._counts[routine] = self._counts[routine] + 1
                key = routine if number == 1 else f"{routine}#{number}"
                flying[key] = (to, data)
                return (Do(key, to.lived, (data,), NOTHING, to.policy),)
        return self._done(station, given, value, at)

    def _done(self, station: Station, given: dict[str, Any], value: Any, at: float) -> Iterable[Ask]:
        state = self.state
        state.unwell.pop(station.routine, None)
        if value[0]:
            self._emitted(value[0], station.routine, at)
        else:
            self._history.append((station.routine, "completed", {}, at))
        if value[1] is not None:
            state.apply(station.routine, value[1])
        if station.merge != "override":
            state.merged[station] = (
                value[2] if len(value) > 2 else appended(state.merged.get(station, {}), given)
            )
        return self._settled(station)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        state = self.state
        message = state.flying.pop(key)
        station = message[0]
        word = station.goes_on or "failed"
        state.unwell[station.routine] = word
        state.history.append((station.routine, word, {"error": str(error)}, at))
        if not station.goes_on:
            if self._rooms is not None:
                self._rooms.came(station)
            state.stack.append(message)  # a job that is resumed tries it again
            state.error = state.error or error
            self.failures.append(key)
        return self._settled(station)

    # What is asked for next

    def _settled(self, station: Station) -> list[Ask]:
        """An activation is over. A job that has failed ends when nothing of it runs any more."""
        self._busy.discard(station.routine)
        if not self.failures:
            return self._more()
        if self.state.flying:
            return []
        assert self.state.error is not None
        return [Fail(self.state.error, tuple(self.failures))]

    def _more(self) -> list[Ask]:
        state = self.state
        asks: list[Ask] = []
        while state.stack and len(state.flying) < self._width:
            message = self._startable()
            if message is None:
                break
            asks.append(self._do(message))
        if not state.flying and not asks:
            return [End(dict(state.outputs))]
        return asks

    def _startable(self) -> Message | None:
        """The next message; passed over are routines that are busy and those that feed slots which are full."""
        stack = self.state.stack
        if self._width == 1 and not self.program.bounded:
            return stack.pop()
        for number in range(len(stack) - 1, -1, -1):
            station = stack[number][0]
            alone = station.exclusive or self._recorded
            if not (alone and station.routine in self._busy) and not self._held_back(station.routine):
                return self._popped(number)
        return None if self.state.flying else self._popped(len(stack) - 1)

    def _held_back(self, routine: str) -> bool:
        return self._rooms is not None and self._rooms.holds_back(routine)

    def _popped(self, number: int) -> Message:
        message = self.state.stack.pop(number)
        if self._rooms is not None:
            self._rooms.left(message[0])
        return message

    def _do(self, message: Message) -> Do:
        station, data = message
        state = self.state
        routine = station.routine
        number = self._counts[routine] = self._counts[routine] + 1
        key = routine if number == 1 else f"{routine}#{number}"
        state.flying[key] = message
        if station.merge != "override":
            args = self._merged(station, data)
        elif self._recorded:
            args = (data, state)
        else:
            args = (data,)
        fn = station.recorded if self._recorded else station.lived
        if self._width == 1:
            return Do(key, fn, args, NOTHING, station.policy)
        if station.exclusive or self._recorded:
            self._busy.add(routine)
        return Do(key, fn, args, NOTHING, self._policy(station))

    def _merged(self, station: Station, data: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of a slot that merges: what it then holds, or what it held where the author's function merges."""
        state = self.state
        held = state.merged.get(station, {})
        if station.merge == "own":
            return (data, state, held) if self._recorded else (data, None, held)
        given = appended(held, data)
        return (given, state) if self._recorded else (given,)

    def _policy(self, station: Station) -> Policy:
        found = self._policies.get(station)
        if found is None:
            own = station.policy
            executor = own.executor or f"threads:{self._width}"
            found = self._policies[station] = msgspec.structs.replace(own, executor=executor)
        return found

    # What was emitted

    def _emitted(self, emitted: Sequence[tuple[Any, dict[str, Any]]], routine: str, at: float) -> None:
        """Put what emissions lead to on the stack, so that the first of the first comes next."""
        state = self.state
        fresh: list[Message] = []
        for source, data in emitted:
            route = self._routes.get(source) or _unknown(source, routine)
            self._history.append((route.routine, route.event, data, at))
            if not route.targets:
                state.outputs[f"{route.routine}.{route.event}"] = data
            for target, mapping in route.targets:
                message = (target, dict(data) if mapping is None else renamed(data, mapping))
                if self._rooms is None:
                    fresh.append(message)
                elif (dropped := self._rooms.admit(message, fresh, state.stack)) is not None:
                    self._history.append((dropped[0].routine, "dropped", dropped[1], at))
        state.stack.extend(reversed(fresh))


def _unknown(source: Any, routine: str) -> Route:
    raise DefinitionError(
        f"an activation of routine {routine!r} emitted {source}, which is no event of a routine of this flow: add its"
        " routine with flow.add_routine(...)"
    )
