"""Steps that want a slot under a limit, as one engine keeps them: in line by tenant, until they are given one."""

from __future__ import annotations

import inspect
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from typing import Any, Protocol

import msgspec

from penstock.engine.core import Core
from penstock.engine.doors import refuse_circle
from penstock.engine.lanes import Lane
from penstock.errors import DefinitionError
from penstock.model.changes import Guard
from penstock.model.gates import arguments_in
from penstock.model.ledgers import Ledger, Part, Waiter, order, rank_of
from penstock.model.limits import FREE, HIGHEST_PRIORITY, Bounds, Limit
from penstock.model.program import Open, item_arguments
from penstock.model.state import Run, Step
from penstock.model.wording import shown

RUNS_BEHIND = 20
"""Of how many runs a ledger says that steps of theirs wait behind those it names."""

_tie = count()


class Asker(Protocol):
    """A driver, as its steps' slots know it."""

    core: Core

    def post(self, what: Callable[..., None], *args: Any) -> None:
        """From any thread: have `what(*args)` called on its own."""

    def lose(self, run: Run, error: BaseException) -> None:
        """On its own thread: the lease of a run is gone."""


class Asked(msgspec.Struct, eq=False):
    """One attempt of a step that wants a slot under a key, or has one. `driver` runs it."""

    key: str
    waiter: Waiter
    step: Step
    driver: Asker
    bounds: Bounds

    @property
    def void(self) -> bool:
        """Whether nobody wants it any more."""
        step = self.step
        return step.run.gone or step.live or step.slot is not None or step.status not in ("ready", "waiting")


class Slot:
    """What a step holds while it is under way. `guard` stands in the store as long as its engine holds its slots."""

    __slots__ = ("_give_back", "asked", "guard", "id", "key")

    def __init__(
        self, give_back: Callable[[Slot], None], key: str, asked: Asked, guard: Guard | None
    ) -> None:
        self._give_back = give_back
        self.key = key
        self.id = asked.waiter.id
        self.asked = asked
        self.guard = guard

    def free(self) -> None:
        """From any thread: it is not needed any more."""
        self._give_back(self)

    @property
    def void(self) -> bool:
        """Whether nobody wants it any more."""
        return self.asked.void


class Line:
    """What waits under one key, by lane and tenant, and what holds slots. `entered`: the ledger has a part of ours."""

    def __init__(self) -> None:
        self.held: dict[str, Asked] = {}
        self.count = 0
        self.bounds = FREE
        self.entered = False
        self.next_at: float | None = None
        self._lanes: dict[Lane, dict[str, list[tuple[float, int, Asked]]]] = {}
        self._places: dict[str, tuple[float, int, Asked]] = {}
        self._runs: Counter[str] = Counter()
        self._noticed: list[Asked] = []

    def add(self, asked: Asked) -> None:
        """The last to ask says what bounds the key, as far as code says it."""
        self.bounds = asked.bounds
        place = (asked.waiter.rank, next(_tie), asked)
        self._places[asked.waiter.id] = place
        self._runs[asked.waiter.run] += 1
        self.count += 1
        insort(self._lanes.setdefault(asked.step.lane, {}).setdefault(asked.waiter.tenant, []), place)

    def remove(self, place: tuple[float, int, Asked]) -> None:
        asked = place[2]
        tenants = self._lanes[asked.step.lane]
        line = tenants[asked.waiter.tenant]
        line.remove(place)
        if not line:
            del tenants[asked.waiter.tenant]
        del self._places[asked.waiter.id]
        self.count -= 1
        self._runs[asked.waiter.run] -= 1
        if not self._runs[asked.waiter.run]:
            del self._runs[asked.waiter.run]

    def knows(self, run: str) -> bool:
        """Whether something of a run waits or holds a slot."""
        return run in self._runs or any(asked.waiter.run == run for asked in self.held.values())

    def trim(self) -> None:
        """Let go of what was given to runs that this engine has lost."""
        for name in [name for name, asked in self.held.items() if asked.step.run.gone]:
            del self.held[name]

    def heads(self, ledger: Ledger, most: int) -> list[Waiter]:
        """Those that go next of this engine, as many as its lanes could start."""
        found: list[Waiter] = []
        for lane, tenants in self._lanes.items():
            for tenant in list(tenants):
                self._drop_void(tenants[tenant])
            free = min(self._room(lane), most - len(found))
            lines = {tenant: iter(line) for tenant, line in tenants.items()}
            ranks = {tenant: [place[0] for place in islice(line, most)] for tenant, line in tenants.items()}
            found += [next(lines[tenant])[2].waiter for tenant in order(ledger, ranks, free)]
        return found

    def _drop_void(self, line: list[tuple[float, int, Asked]]) -> None:
        while line and line[0][2].void:
            self.remove(line[0])

    def _room(self, lane: Lane) -> int:
        """How many more a lane could start than were given already and are on their way."""
        coming = sum(each.step.lane is lane and not each.step.live for each in self.held.values())
        return int(max(0, lane.free - coming))

    def starved(self) -> Iterator[Lane]:
        """Lanes that have more waiting than they could start."""
        return (
            lane
            for lane, tenants in self._lanes.items()
            if sum(map(len, tenants.values())) > self._room(lane)
        )

    def behind(self, heads: list[Waiter]) -> dict[str, int]:
        """How many wait behind these, by run."""
        ahead = Counter(each.run for each in heads)
        left = ((run, number - ahead[run]) for run, number in self._runs.items())
        return dict(islice(((run, number) for run, number in left if number > 0), RUNS_BEHIND))

    def notice(self, part: Part | None) -> None:
        """Take note of what the ledger gave."""
        for waiter in [] if part is None else part.held:
            place = self._places.get(waiter.id)
            if place is not None:
                self.remove(place)
                self.held[waiter.id] = place[2]
                self._noticed.append(place[2])

    def take_noticed(self) -> list[Asked]:
        noticed, self._noticed = self._noticed, []
        return noticed

    def take_all(self) -> list[Asked]:
        """Nothing bounds the key: everything may start."""
        self.next_at = None
        for place in sorted(self._places.values(), key=lambda place: place[:2]):
            self.remove(place)
            self.held[place[2].waiter.id] = place[2]
            self._noticed.append(place[2])
        return self.take_noticed()


def asked_of(driver: Asker, step: Step, now: float) -> Asked:
    """What a step asks for. Raises DefinitionError where its key cannot be made of its arguments."""
    limit = step.policy.limit
    assert limit is not None
    place = step.id if step.item is None else f"{step.id}[{step.item}]"
    what = f"step {step.id!r}" if step.id else f"run {step.run.id}"
    try:
        key, tenant, priority = _worked_out(limit, step)
    except Exception as error:
        raise DefinitionError(
            f"the limit of {what} cannot be worked out from its arguments: {type(error).__name__}: {error}"
        ) from error
    refuse_circle(step, key, what)
    run = step.run
    name = f"{run.id}/{place}#{next(_tie)}"  # a run may leave this engine and come back
    waiter = Waiter(name, run.id, place, tenant, rank_of(now, priority), now)
    return Asked(key, waiter, step, driver, limit.bounds)


def _worked_out(limit: Limit, step: Step) -> tuple[str, str, int]:
    """Key, tenant and priority."""
    key, fair_by, priority = limit.key, limit.fair_by, limit.priority
    plain = isinstance(key, str) and "{" not in key
    if plain and fair_by is None and isinstance(priority, int):
        return str(key), "", priority
    arguments = arguments_of(step)
    key = key.format_map(arguments) if isinstance(key, str) else str(_given(key, arguments))
    if not key:
        raise ValueError("its key is empty")
    tenant = (
        ""
        if fair_by is None
        else str(arguments[fair_by] if isinstance(fair_by, str) else _given(fair_by, arguments))
    )
    if isinstance(priority, str):
        priority = arguments[priority]
    if not isinstance(priority, int) or abs(priority) > HIGHEST_PRIORITY:
        raise ValueError(f"its priority {shown(priority)} must be a whole number from -100 to 100")
    return key, tenant, priority


def arguments_of(step: Step) -> Mapping[str, Any]:
    """The arguments of a step by name, defaults included."""
    ask = step.ask
    if isinstance(ask, Open):  # it stands for a run, or a workflow inside one
        return arguments_in(ask.input)
    args = ask.args if step.item is None else ()
    kwargs = ask.kwargs if step.item is None else item_arguments(ask, step.item)
    bound = inspect.signature(ask.fn).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return {**bound.arguments, **kwargs}  # those that go into **anything too


def _given(fn: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function with those of the arguments that it has parameters for."""
    return fn(**{name: arguments[name] for name in inspect.signature(fn).parameters})
