"""SimPy: found where it is first needed, stepped with a count, stopped where there is too much of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib.util import find_spec
from typing import Any, Final

from penstock.errors import DefinitionError, SettingsError

SLICE: Final = 4096
"""How many events pass between two looks at the rest of the world."""


def simpy() -> Any:
    """The package SimPy. Raises SettingsError that says how to install it."""
    check_installed()
    import simpy as found

    return found


def check_installed() -> None:
    """Raise SettingsError, which says how to install it, if there is no SimPy."""
    if find_spec("simpy") is None:
        raise SettingsError(
            "simulated workflows need SimPy, which is not installed: pip install 'penstock[simulations]'"
        )


def environment(realtime: float | None = None) -> Any:
    """Virtual time as fast as it goes, or so many wall seconds for each virtual one."""
    found = simpy()
    if realtime is None:
        return found.Environment()
    return found.RealtimeEnvironment(factor=realtime, strict=False)


class Over(BaseException):
    """The workflow's process has ended; `event` is how."""

    def __init__(self, event: Any) -> None:
        super().__init__()
        self.event = event


def _over(event: Any) -> None:
    event.defused = True
    raise Over(event)


class Clockwork:
    """Plays one process to its end. `events` counts what has happened."""

    def __init__(self, env: Any, limit: int | None = None) -> None:
        self.env = env
        self.limit = limit
        self.events = 0

    def play(
        self, generator: Generator[Any, Any, Any], between: Callable[[], object], slice: int = SLICE
    ) -> Any:
        """What the generator returns; its own exception if it raises. `between` is called every so many events."""
        self.env.process(generator).callbacks.append(_over)
        try:
            while True:
                self._step(slice)
                between()
        except Over as over:
            if over.event.ok:
                return over.event.value
            raise over.event.value from None

    def _step(self, slice: int) -> None:
        """So many events, fewer where the limit comes first."""
        empty = simpy().core.EmptySchedule
        step, many = self.env.step, slice if self.limit is None else min(slice, self.limit - self.events)
        if many <= 0:
            raise DefinitionError(
                f"the workflow had {self.events:,} events at {self.env.now:g} s of virtual time, which is its limit: it may go"
                " round in a circle without time passing; else give it more events"
            )
        done = 0
        try:
            for done in range(1, many + 1):  # noqa: B007 - what is counted is how far it came
                step()
        except empty:
            done -= 1
            raise DefinitionError(
                f"the workflow waits at {self.env.now:g} s of virtual time for something that will never happen: no event is"
                " left"
            ) from None
        finally:
            self.events += done
