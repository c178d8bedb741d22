"""What the parts of an engine share: the store and what goes with it, and the runs that this process drives."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

from penstock.app.owners import new_owner
from penstock.clocks import SystemClock
from penstock.engine.ephemeral import EphemeralJournal
from penstock.engine.journal import DurableJournal, Journal
from penstock.errors import CommandRefused
from penstock.model import machine
from penstock.observe.attending import attention
from penstock.ports import Clock, Executor, Observer, Store

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.codecs import JsonCodec
    from penstock.engine.caching import Results
    from penstock.engine.driver import Driver
    from penstock.engine.limits import Limits
    from penstock.observe.narrator import Narrator

KEPT_LINES = 10_000

Watcher = Callable[[str, str, "int | None", str, Any], None]
"""(run, step, item, kind, payload): told from any thread how far steps are (`progress`) and what they wrote (`lines`)."""


class Held(NamedTuple):
    """A run that this process drives: its state, who drives it, and its user's handle."""

    state: machine.Run
    driver: Driver
    handle: Run[Any]

    def note(self, topic: str, step: str | None, data: Any) -> None:
        """On the driver's thread: record something worth remembering, unless the run has left."""
        driver, run = self.driver, self.state
        if not run.gone and run.id in driver.core.runs:
            driver.core.note(run, topic, driver.now(), step, data)


class Holdings:
    """The runs that this process drives, by id; for any thread: what each method does is one step of a dict."""

    def __init__(self) -> None:
        self._runs: dict[str, Held] = {}
        self.narrator: Narrator | None = None  # an observer of the engine's, while anybody attends to it

    def add(self, held: Held) -> None:
        if self.narrator is not None:
            self.narrator.follow(held.state)
        self._runs[held.state.id] = held

    def get(self, run_id: str) -> Held | None:
        return self._runs.get(run_id)

    def pop(self, run_id: str) -> Held | None:
        return self._runs.pop(run_id, None)

    def all(self) -> list[Held]:
        return list(self._runs.values())

    def recorded(self) -> list[machine.Run]:
        """The states of those whose log has begun."""
        return [held.state for held in self.all() if held.state.sequence]


_engines: WeakSet[Parts] = WeakSet()


def engine_driving(run_id: str) -> Parts | None:
    """The engine of this process that drives a run."""
    return next((each for each in list(_engines) if each.holdings.get(run_id) is not None), None)


class Parts:
    """The base of an engine's parts."""

    def __init__(
        self,
        store: Store | None,
        address: str,
        executors: Mapping[str, Executor],
        observers: Iterable[Observer],
        lease: float,
    ) -> None:
        self.store = store
        self.address = address
        self.lease_seconds = lease
        self.clock: Clock = SystemClock()
        self.owner = new_owner()
        self.observers: list[Observer] = list(observers)
        self.watchers: list[Watcher] = []
        self.lines: deque[tuple[str, str, int | None, int, float, str, str]] = deque(maxlen=KEPT_LINES)
        self.executors: dict[str, Executor] = dict(executors)
        self.holdings = Holdings()
        self.lines_lock = threading.Lock()  # a line is kept once, and in order
        self.writes_lines = True  # the last time that steps had written something, it could be kept
        self.owed: dict[str, int] = {}  # leases, by run, that could not be given back: their epochs
        self.leaving: set[str] = set()  # runs that are let go of and whose leases are being given back
        self.lock = threading.RLock()
        self._limits: Limits | None = None
        self._results: Results | None = None
        self._codec: JsonCodec | None = None
        self._learned: WeakSet[Any] = WeakSet()  # definitions whose classes the codec knows
        self.journal: Journal = self._make_journal()
        attention.opened(self)
        self.after_close: list[Callable[[], None]] = []  # called when no run is driven any more
        self.before_close: list[Callable[[], None]] = []  # called first when the engine is closed
        _engines.add(self)

    def _make_journal(self) -> Journal:
        if self.store is None:
            return EphemeralJournal(self.observers)
        return DurableJournal(self.store, self.codec, self.observers, self.owner, self.lease_seconds)

    @property
    def codec(self) -> JsonCodec:
        """How values become text; `codec.register` and `codec.learn` teach it classes."""
        if self._codec is None:
            from penstock.codecs import JsonCodec

            self._codec = JsonCodec()
        return self._codec

    def learn(self, definition: Any) -> None:
        """Let the codec resolve the classes that a definition's annotations name, and those of the modules its code is in."""
        if self.store is None or definition in self._learned:
            return
        teach(self.codec, definition)
        self._learned.add(definition)

    def durable_store(self) -> Store:
        """The store. Raises CommandRefused on an ephemeral engine, which has none."""
        if self.store is None:
            raise CommandRefused(
                "this engine is ephemeral: it keeps nothing; give it a store, such as sqlite:///runs.db"
            )
        return self.store


def teach(codec: JsonCodec, definition: Any) -> None:
    """Let a codec resolve the classes that a definition's annotations name, and those of the modules its code is in."""
    for annotation in getattr(definition, "annotations", list)():
        codec.learn(annotation)
    for module in getattr(definition, "modules", set)():
        codec.allow(f"{module}:*")
