"""Which driver serves whom: one for each thread that runs a workflow, one in the background, one for each event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from penstock.app.hosting import Hosting
from penstock.app.interrupts import Interruptible
from penstock.app.leaving import Leaving, how_to_go_on
from penstock.app.parts import Held
from penstock.context import current
from penstock.engine.sync_driver import SyncDriver
from penstock.engine.transactions import refuse_within

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.engine.aio_driver import AioDriver
    from penstock.engine.driver import Driver
    from penstock.engine.recovery import Recovered

Notes = Iterable[tuple[str, Any]]
"""Topics and data of what is to be noted in a run's log."""

CLOSE_SECONDS: Final = 0.5
"""How long drivers in other threads, which may be inside a step, are given to leave their runs."""

WRITE_SECONDS: Final = 10.0
"""How long leases that they give back may take to be written, at most; as long as a store is waited for."""


class Driving(Hosting, Leaving):
    """The part of an engine that has drivers."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.closed = False
        self.default_executor: str | None = None
        self._local = threading.local()
        self._drivers: WeakSet[SyncDriver] = WeakSet()  # one a thread that called `run`
        self._backgrounds: list[SyncDriver] = []
        self._loops: dict[int, AioDriver] = {}

    def own_driver(self) -> SyncDriver:
        """A driver for this thread; a step that runs a workflow itself gets another."""
        refuse_within(self.store)
        driver: SyncDriver | None = getattr(self._local, "driver", None)
        if driver is None or driver.driving:
            driver = SyncDriver(self, self.default_executor)
            self._drivers.add(driver)
            if getattr(self._local, "driver", None) is None:
                self._local.driver = driver
        return driver

    def is_idle_here(self, driver: Driver) -> bool:
        """Whether a driver is this thread's own, and waits to be asked."""
        return driver is getattr(self._local, "driver", None) and not self._local.driver.driving

    def background_driver(self) -> SyncDriver:
        """The driver in a thread of the engine's own; a step that runs there gets another: it may wait for what it starts."""
        refuse_within(self.store)
        with self.lock:
            above = self._background_of_caller()
            depth = 0 if above is None else self._backgrounds.index(above) + 1
            if depth == len(self._backgrounds):
                driver = SyncDriver(self, self.default_executor)
                driver.thread = threading.Thread(
                    target=self._serve, args=(driver,), name="penstock-driver", daemon=True
                )
                self._backgrounds.append(driver)
                driver.thread.start()
            return self._backgrounds[depth]

    def _background_of_caller(self) -> SyncDriver | None:
        """The background driver that waits while the caller does: whose thread this is, or whose run's step."""
        context = current()
        held = None if context is None else self.holdings.get(context.run)
        for driver in self._backgrounds:
            if driver.thread is threading.current_thread() or (held is not None and held.driver is driver):
                return driver
        return None

    def loop_driver(self) -> AioDriver:
        """The driver of the running event loop."""
        known: AioDriver | None = getattr(self._local, "on_loop", None)
        if known is not None and known.runs_here():
            return known
        import asyncio

        from penstock.engine.aio_driver import AioDriver
        from penstock.executors.aio import AioExecutor

        loop = asyncio.get_running_loop()
        ended: list[AioDriver] = []
        with self.lock:
            driver = self._loops.get(id(loop))
            if driver is None or driver.loop is not loop:
                ended = [each for each in self._loops.values() if each.loop.is_closed()]
                self._loops = {key: each for key, each in self._loops.items() if each not in ended}
                driver = self._loops[id(loop)] = AioDriver(self, loop, AioExecutor(loop=loop))
            self._local.on_loop = driver
        for each in ended:
            self._leave_loop(each)
        return driver

    def _leave_loop(self, driver: AioDriver) -> None:
        self.leave(driver)
        driver.close()

    def drive(self, driver: SyncDriver, run: Run[Any], *, resting: bool = False) -> Run[Any]:
        """Drive a run on this thread until it is over or the engine is closed.

        With `resting` also until it is paused and nothing of it runs: then it is let go of, and `run.rested` says so.
        """
        held = self.holdings.get(run.id) if resting else None
        try:
            if self.store is None:  # nothing is written, so nothing is to be kept whole
                driver.drive(lambda: run.over or self.closed or rests(held))
            else:
                with Interruptible(driver):
                    driver.drive(lambda: run.left or self.closed or rests(held))
        except BaseException as error:
            self._leave_own(driver)
            if self.store is not None:
                error.add_note(how_to_go_on(run.id))
            raise
        if run.elsewhere:
            run.wait()
        elif held is not None and not run.over and rests(held):
            self.let_rest(held)
        elif not run.over:
            self._leave_own(driver)
        return run

    def let_rest(self, held: Held) -> None:
        """Let go of a paused run."""
        held.driver.core.refused(held.state)
        self.let_go(held)
        held.handle.rested = True

    def _serve(self, driver: SyncDriver) -> None:
        try:
            driver.drive(lambda: self.closed)
        finally:
            with self.lock:
                self._backgrounds.remove(driver)
            self.leave(driver)

    def _leave_own(self, driver: SyncDriver) -> None:
        if getattr(self._local, "driver", None) is driver:
            self._local.driver = None
        self.leave(driver)

    def leave_all(self) -> None:
        """Let go of every run. Drivers in other threads do so themselves where they can do it soon."""
        left = self.holdings.all()
        mine = getattr(self._local, "driver", None)
        if mine is not None:
            self._leave_own(mine)
        for driver in self._others():
            driver.post(_wake)
        for on_loop in self._loops.values():
            if on_loop.loop.is_running():
                on_loop.post_or_call(self._leave_loop, on_loop)
            else:
                on_loop.close()
        deadline = time.monotonic() + CLOSE_SECONDS
        while any(d.driving for d in self._others() if d is not mine) and time.monotonic() < deadline:
            time.sleep(0.005)
        for held in self.holdings.all():  # their driver is inside a step, or its loop has ended
            self.let_go(held)
        deadline = time.monotonic() + WRITE_SECONDS
        while self.leaving and time.monotonic() < deadline:  # the store is closed next
            time.sleep(0.001)
        self.settle_debts()
        self.warn_of_left(left)

    def _others(self) -> list[SyncDriver]:
        return [*self._drivers, *self._backgrounds]


def _wake() -> None:
    """Mail that says nothing: whoever reads it looks whether the engine was closed."""


def rests(held: Held | None) -> bool:
    """Whether a run is paused, nothing of it runs, and the log says so."""
    if held is None or held.state.status != "paused":
        return False
    driver = held.driver
    return held.state.told and not driver.core.pending and driver.sent == driver.written


def adopt_with(
    driver: Driver, recovered: Recovered, owner: str, order: tuple[str, str] | None, notes: Notes
) -> None:
    """On the driver's thread: own the run, note this and carry out a command before anything of it starts."""
    driver.adopt(recovered.state, recovered.epoch, owner, recovered.reopen)
    for topic, data in notes:
        driver.core.note(recovered.state, topic, driver.now(), None, data)
    if order is not None:
        driver.obey(recovered.state, *order)
