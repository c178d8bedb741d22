"""Who wants to be told, of all engines of this process or of one. While nobody does, an engine does no more than ask.

Importing this module costs next to nothing: every engine does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from weakref import WeakKeyDictionary, WeakSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from penstock.model.state import Run
    from penstock.observe.narrator import Narrator
    from penstock.observe.told import Sink
    from penstock.ports import Observer

    class Held(Protocol):
        """A run that an engine drives."""

        @property
        def state(self) -> Run: ...

    class Holdings(Protocol):
        """The runs that an engine drives; its narrator follows those that are added."""

        narrator: Narrator | None

        def all(self) -> Iterable[Held]: ...

    class Attended(Protocol):
        """What attending asks of an engine."""

        observers: list[Observer]

        @property
        def holdings(self) -> Holdings: ...


class Attention:
    """The sinks of a process, and the engines that feed them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._engines: WeakSet[Attended] = WeakSet()
        self._of_all: tuple[Sink, ...] = ()
        self._of_one: WeakKeyDictionary[Attended, tuple[Sink, ...]] = WeakKeyDictionary()

    def opened(self, engine: Attended) -> None:
        """A new engine: those who attend to all are told of its runs."""
        with self._lock:
            self._engines.add(engine)
            if self._of_all:
                self._direct(engine)

    def add(self, sink: Sink, engine: Attended | None = None) -> None:
        with self._lock:
            if engine is not None:
                of_one = self._of_one.get(engine, ())
                if sink not in of_one:
                    self._of_one[engine] = (*of_one, sink)
                    self._direct(engine)
            elif sink not in self._of_all:
                self._of_all = (*self._of_all, sink)
                for each in list(self._engines):
                    self._direct(each)

    def remove(self, sink: Sink, engine: Attended | None = None) -> None:
        with self._lock:
            if engine is not None:
                self._of_one[engine] = tuple(each for each in self._of_one.get(engine, ()) if each != sink)
                self._direct(engine)
            else:
                self._of_all = tuple(each for each in self._of_all if each != sink)
                for each in list(self._engines):
                    self._direct(each)

    def _direct(self, engine: Attended) -> None:
        """Let an engine's narrator tell whom it is to tell; an engine has one only while there is somebody."""
        own = self._of_one.get(engine, ())
        sinks = self._of_all + tuple(each for each in own if each not in self._of_all)
        holdings = engine.holdings
        if holdings.narrator is not None:
            holdings.narrator.sinks = sinks
            if not sinks:
                engine.observers.remove(holdings.narrator)
                holdings.narrator = None
        elif sinks:
            from penstock.observe.narrator import Narrator

            holdings.narrator = Narrator(sinks)
            engine.observers.append(holdings.narrator)
            for held in holdings.all():
                holdings.narrator.follow(held.state)


attention = Attention()


def attend(sink: Sink, *, engine: Any = None) -> None:
    """Have `sink` told what happens in the runs of an engine; None: of all engines of this process, open or yet to open.

    Of a run that is under way it is told what starts from then on.
    """
    attention.add(sink, engine)


def neglect(sink: Sink, *, engine: Any = None) -> None:
    """Tell a sink no more."""
    attention.remove(sink, engine)
