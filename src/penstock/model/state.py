"""The state of one run: its scopes, its steps, the items of its maps, and the news for the engine.

Nobody but `machine.evolve` changes it, save the fields marked as the engine's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

import msgspec

from penstock.errors import InvariantBroken
from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.policies import Policy
from penstock.model.program import Open, Play, Program
from penstock.model.states import RUN, RunStatus, StepStatus

if TYPE_CHECKING:
    from penstock.model.undo import Finished, Undoing

Kind = Literal["completed", "failed", "cancelled"]
Outcome = tuple[Kind, Any]

NOTHING_YET: Final[dict[str, Any]] = {}
"""Stands where nothing is put in, only something else in its place."""

ACTIVE, COMPLETED, FAILED, CANCELLED = 1, 2, 3, 4
"""What `Family.marks` holds for an item; 0 is an item that was not dispatched."""


class Scope:
    """One play of a program inside a run. `open` counts what is open in it and in all scopes below it."""

    __slots__ = (
        "blame",
        "digest",
        "faults",
        "gate",
        "key",
        "open",
        "outcome",
        "parent",
        "path",
        "play",
        "said",
        "stopped",
    )

    def __init__(self, parent: Scope | None, key: str, play: Play) -> None:
        self.parent = parent
        self.key = key
        self.path: str = "" if parent is None else f"{parent.path}{key}/"
        self.play = play
        self.open = 0
        self.outcome: Outcome | None = None
        self.blame: list[int] = []  # sequences of the step failures that brought it down
        self.faults: dict[
            str, list[int]
        ] = {}  # key of a step that failed -> sequences of what brought that down
        self.said: list[str] | None = None
        self.digest = ""
        self.stopped = False  # its program hears of it no more
        self.gate: Open | None = None  # what opened it, if it is under a limit itself


class Step(msgspec.Struct, eq=False):
    """One unit of work that was asked for: a call, an item of a map, a timer, a wait for a signal, a map as a whole."""

    run: Run
    scope: Scope
    key: str
    id: str
    ask: Any
    policy: Policy
    status: StepStatus
    attempt: int = 0
    failures: int = 0
    due: float | None = None
    item: int | None = None
    family: Family | None = None
    value: Any = None
    stopping: bool = False
    live: bool = False  # the engine's: an executor has it
    losses: int = 0  # the engine's: attempts in a row whose worker died
    needs: int = 0  # the engine's: the batch that made it legal
    lane: Any = None  # the engine's: where it runs
    slot: Any = None  # the engine's: what it holds under a limit
    cached: Any = None  # the engine's: under what its result is kept for other runs; False: it was looked for

    def __repr__(self) -> str:
        return f"<Step {self.id}{'' if self.item is None else f'[{self.item}]'} {self.status}>"


class Family:
    """The items of one map: a mark an item, a window of them in flight, the results in order."""

    __slots__ = ("active", "blame", "done", "error", "marks", "next", "results", "step")

    def __init__(self, step: Step, size: int) -> None:
        self.step = step
        self.marks = bytearray(size)
        self.results: list[Any] = [None] * size
        self.active: dict[int, Step] = {}
        self.next = 0
        self.done = 0
        self.error: Failure | None = None
        self.blame: list[int] = []


class News:
    """What one or more events made necessary; the engine empties it."""

    __slots__ = ("gates", "rare", "ready", "said", "stops", "timers")

    def __init__(self) -> None:
        self.rare = False  # whether there may be more than steps that became ready
        self.ready: list[Step] = []
        self.timers: list[Step] = []
        self.stops: list[Step] = []
        self.said: list[e.Event] = []
        self.gates: list[Scope] | None = None  # under a limit, and opened or over


class Watcher(Protocol):
    """Is told of a live run what its events change as they change it, which is before they are recorded.

    It must be quick and raise nothing. `run.sequence` is the number of the event.
    """

    def opened(self, scope: Scope) -> None:
        """A scope was built; of the run's own: the run has started, or was reopened."""

    def started(self, step: Step) -> None:
        """An attempt of a step has started."""

    def ended(self, step: Step, error: Failure | None = None) -> None:
        """A step is over, as its status says; it need not have started."""

    def left(self, scope: Scope) -> None:
        """A scope is over, as its `outcome` says; of the run's own: the run is."""


class Seldom:
    """What most runs never have: made when it is first asked for, for thousands of runs may be in memory."""

    __slots__ = ("others", "published", "signal_keys", "signals", "skipped", "undoable", "waiters")

    def __init__(self) -> None:
        self.others: dict[str, Step] = {}
        self.skipped: dict[str, str] = {}
        self.published: dict[str, Any] = {}
        self.signals: dict[str, deque[Any]] = {}
        self.signal_keys: set[str] = set()
        self.waiters: dict[str, deque[Step]] = {}
        self.undoable: list[Finished] = []

    def rest(self) -> None:
        self.signals, self.signal_keys, self.waiters = {}, set(), {}


class Run:
    """The state of one run. Nobody but `evolve` changes it, save the fields marked as the engine's."""

    __slots__ = (
        "_seldom", "at", "chance", "closing", "deadline", "doors", "epoch", "final", "forgiven", "gone", "id", "input",
        "letters", "limit", "lost", "news", "open", "parent", "parked", "paused", "program", "results", "root", "running",
        "scopes", "sequence", "settling", "source", "started_at", "status", "tags", "todo", "told", "undoing", "watcher",
        "workflow",
    )  # fmt: skip

    def __init__(self, id: str, program: Program, forgiven: Iterable[int] = ()) -> None:
        self.id = id
        self.chance = id  # whose random numbers it has
        self.program = program
        self.workflow = program.name
        self.status: RunStatus = "pending"
        self.sequence = self.epoch = 0
        self.at = self.started_at = 0.0
        self.parent: str | None = None
        self.paused = ""  # why it was paused, the last time that it was
        self.input: Any = None
        self.tags: dict[str, str] = NOTHING_YET
        self.source: dict[str, Any] = NOTHING_YET
        self.deadline: float | None = None
        self.root: Scope | None = None
        self.scopes: dict[str, Scope] = {}
        self.open: dict[str, Step] = {}
        self.results: dict[str, Any] = {}  # of completed steps
        self.running = 0
        self.forgiven = frozenset(forgiven)
        self.closing: str | None = None
        self.undoing: Undoing | None = None
        self.final: Outcome | None = None
        self.todo: list[tuple[Callable[[Run, Any, float], None], Any]] = []
        self.settling = False
        self.news = News()
        self._seldom: Seldom | None = None
        self.parked: deque[Step] | None = None  # the engine's: ready, but the run is paused or at its limit
        self.limit = program.limit  # the engine's: how many steps at once; 0 as long as a gate is shut
        self.doors: Any = None  # the engine's: of the scopes that need a slot themselves
        self.letters = 0  # the engine's: number of the last letter carried out
        self.lost = False  # the journal's: rows were refused, or may be missing: no later ones are written
        self.told = False  # the engine's: quiet was announced
        self.gone = False  # the engine's: the lease was lost, the state is a guess
        self.watcher: Watcher | None = None  # the engine's: who is told what happens, live

    def rest(self) -> None:
        """Let go of all that only a run in motion needs."""
        assert not self.open
        self.root = self.watcher = self.news = None  # type: ignore[assignment] # nobody asks what is new of it
        self.scopes = self.open = NOTHING_YET
        if self._seldom is not None:
            self._seldom.rest()

    @property
    def seldom(self) -> Seldom:
        """What most runs never have."""
        found = self._seldom
        if found is None:
            found = self._seldom = Seldom()
        return found

    @property
    def others(self) -> dict[str, Step]:
        """Maps, and steps that ended otherwise than completed."""
        return self.seldom.others

    @property
    def skipped(self) -> dict[str, str]:
        """Why steps were not asked for, by name."""
        return self.seldom.skipped

    @property
    def published(self) -> dict[str, Any]:
        """The newest values that it told of itself, by name."""
        return self.seldom.published

    @property
    def signals(self) -> dict[str, deque[Any]]:
        """What came before anything waited for it, by name."""
        return self.seldom.signals

    @property
    def signal_keys(self) -> set[str]:
        """The keys of all signals that came."""
        return self.seldom.signal_keys

    @property
    def waiters(self) -> dict[str, deque[Step]]:
        """Steps that wait for a signal, by its name."""
        return self.seldom.waiters

    @property
    def undoable(self) -> list[Finished]:
        """Steps that could be undone, in order of completion."""
        return self.seldom.undoable

    @property
    def finished(self) -> dict[str, Settled]:
        """The steps that have settled, where the program keeps them."""
        others = {name: Settled(step.status, step.value) for name, step in self.others.items()}
        return {name: Settled("completed", value) for name, value in self.results.items()} | others

    def settled(self, name: str) -> Settled | None:
        """How one step has settled, if it has."""
        if name in self.results:
            return Settled("completed", self.results[name])
        step = self.others.get(name)
        return None if step is None else Settled(step.status, step.value)


class Settled(NamedTuple):
    """How a step ended: its value, its failure, or None."""

    status: StepStatus
    value: Any


def unwanted(step: Step) -> bool:
    """Whether nobody waits for this step any more, so that it is not worth another attempt."""
    family = step.family
    if step.key == step.run.closing:
        return False
    return (
        step.stopping or step.scope.outcome is not None or (family is not None and family.error is not None)
    )


def at_step(error: Failure, step: str) -> Failure:
    return msgspec.structs.replace(error, step=step)


def move(run: Run, event: e.Event) -> None:
    status = RUN.get((run.status, type(event)))
    if status is None:
        raise InvariantBroken(f"run {run.id}: {type(event).__name__} while {run.status}")
    run.status = status
