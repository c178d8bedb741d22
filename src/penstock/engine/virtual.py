"""The driver in virtual time: nothing waits; whatever would is an appointment that its owner keeps when it likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from penstock.engine.driver import Driver
from penstock.engine.host import Host
from penstock.model.policies import Need
from penstock.ports import Executor

Later = Callable[[float, Callable[[], None]], None]
"""Have something called so many seconds from now."""


ROUNDING = 1e-6


class VirtualDriver(Driver):
    """Drives runs when `later` calls it back. Steps that name no executor run in the host's one called "virtual"."""

    def __init__(self, host: Host, later: Later) -> None:
        super().__init__(host)
        self._later = later
        self._mail: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._kicked = False
        self._monotonic = host.clock.monotonic
        self._armed: float | None = None

    def executor_for(self, need: Need) -> Executor | None:
        return None if need.executor == "inline" else self.host.executor(need.executor or "virtual")

    def post(self, what: Callable[..., None], *args: Any) -> None:
        self._mail.append((what, args))
        self.kick()

    def post_or_call(self, what: Callable[..., None], *args: Any) -> None:
        self.post(what, *args)

    def kick(self) -> None:
        """Have this driver turn soon."""
        if not self._kicked:
            self._kicked = True
            self._later(0.0, self._turn)

    def _turn(self) -> None:
        self._kicked = False
        mail = self._mail
        while mail:
            what, args = mail.popleft()
            what(*args)
        if self.turn():
            self.kick()
        else:
            self._arm()

    def _arm(self) -> None:
        """Come back when the next timer is due."""
        seconds = self.core.timers.due_in(self.now())
        if seconds is not None:
            due = self._monotonic() + seconds
            if self._armed is None or due < self._armed - ROUNDING:
                self._armed = due
                self._later(max(0.0, seconds), self._wake)

    def _wake(self) -> None:
        self._armed = None
        self._turn()
