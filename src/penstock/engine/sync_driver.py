"""The driver on the caller's own thread: steps run inline between two looks at the mailbox."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from penstock.engine.driver import Driver
from penstock.engine.host import Host
from penstock.model.policies import Need
from penstock.ports import Executor

LONGEST_SECONDS = 60.0
"""How long it waits at most before it looks again, whatever else should have woken it."""


class SyncDriver(Driver):
    """Drives runs while its thread is inside `drive`. `executor` is where sync steps run that name none; left out, here."""

    def __init__(self, host: Host, executor: str | None = None) -> None:
        super().__init__(host)
        self._default = executor
        self._mail: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]] = SimpleQueue()
        self.driving = False
        self.thread: threading.Thread | None = None  # whose driver it is, if it drives for good

    def executor_for(self, need: Need) -> Executor | None:
        """Async steps go to a loop of their own, sync ones run here; with a timeout in a thread, one at a time."""
        name, asynchronous, timeout = need
        if name is None and not asynchronous:
            name = self._default
        if name == "inline":
            return None
        if name is not None:
            return self.host.executor(name)
        if asynchronous:
            return self.host.executor("asyncio")
        return None if timeout is None else self.host.executor("sequential")

    def post_or_call(self, what: Callable[..., None], *args: Any) -> None:
        if self.thread is None or self.thread is threading.current_thread():
            what(*args)
        else:
            self.post(what, *args)

    def post(self, what: Callable[..., None], *args: Any) -> None:
        self._mail.put((what, args))

    def drive(self, until: Callable[[], bool]) -> None:
        """Drive every run of this core until `until()` is true and all that happened is durable."""
        self.driving = True
        look, turn = self.look, self.turn
        try:
            while not until():
                look()
                if not turn() and not until():  # what was looked at may have been all there was to wait for
                    self.wait()
        finally:
            self.driving = False

    def look(self) -> None:
        mail = self._mail
        while not mail.empty():
            what, args = mail.get()
            what(*args)

    def wait(self) -> None:
        """Until mail comes or a timer is due, a minute at most."""
        seconds = self.core.timers.rest_seconds(self.now())
        seconds = LONGEST_SECONDS if seconds is None else min(seconds, LONGEST_SECONDS)
        try:
            what, args = self._mail.get(timeout=seconds)
        except Empty:
            return
        what(*args)
