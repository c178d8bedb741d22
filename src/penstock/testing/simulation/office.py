"""The application in a simulated process: what it asks of the store by itself, to fire schedules and to make forks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from penstock.app.forking import Forking
from penstock.catalogue import source_of
from penstock.engine.ephemeral import EphemeralJournal
from penstock.engine.journal import Journal
from penstock.model.changes import Change, Put, Verdict
from penstock.model.program import Program
from penstock.ports import Clock, Store
from penstock.testing.simulation.faults import FaultyStore, Mortal, Weather
from penstock.testing.simulation.world import World


class Glance:
    """A process's clock that remembers what it showed last, and when that was in true time. See Clock."""

    def __init__(self, owner: str, clock: Clock) -> None:
        self.owner = owner
        self._clock = clock
        self.showed = 0.0
        self.looked_at = 0.0

    def now(self) -> float:
        self.showed = self._clock.now()
        self.looked_at = self._clock.monotonic()
        return self.showed

    def monotonic(self) -> float:
        return self._clock.monotonic()


class Signature:
    """The clock of whoever wrote last: by it that process decided what it wrote."""

    def __init__(self) -> None:
        self.clock: Glance | None = None


class SignedStore:
    """A handle on the store that signs what is written. See Store."""

    def __init__(self, inner: Store, signature: Signature, clock: Glance) -> None:
        self._inner = inner
        self._signature = signature
        self._clock = clock

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        self._signature.clock = self._clock
        return self._inner.commit(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Names:
    """Ids as they are wanted. See Ids."""

    def __init__(self) -> None:
        self.wanted = ""

    def fresh(self, now: float) -> str:
        return self.wanted


class Surroundings(Protocol):
    """What it asks of the simulation around it."""

    world: World
    signature: Signature

    def handle(self) -> Any: ...


class Office(Forking):
    """See Parts. It drives no run, and says of code only what its definition says."""

    def __init__(
        self, process: Mortal, around: Surroundings, weather: Weather, clock: Clock, lease_seconds: float
    ) -> None:
        glance = Glance(process.name, clock)
        signed: Any = SignedStore(around.handle(), around.signature, glance)
        store: Any = FaultyStore(signed, around.world, process, weather)
        super().__init__(store, "memory:", {}, [], lease_seconds)
        self.process = process
        self.clock = glance
        self.owner = process.name
        self.names = Names()
        self._ids: Any = self.names

    def _make_journal(self) -> Journal:
        return EphemeralJournal([])

    def source_with_code(self, definition: Any, program: Program) -> tuple[dict[str, Any], list[Put]]:
        return source_of(definition), []


class Given:
    """A case's program as a definition, which says itself where it is from."""

    recorded: ClassVar = {"made_by": "simulation"}

    def __init__(self, program: Program) -> None:
        self.name = program.name
        self._program = program

    def as_program(self) -> Program:
        return self._program
