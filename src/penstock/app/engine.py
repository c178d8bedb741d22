"""An engine: a store, its journal, executors and drivers, and the runs they drive in this process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from penstock.app.commanding import Commanding
from penstock.app.hosting import Hosting
from penstock.app.parts import Held
from penstock.app.run import Run
from penstock.catalogue import source_of
from penstock.context import current, is_async, stop_if_loading_main
from penstock.context.capture import install, uninstall
from penstock.engine.journal import DurableJournal
from penstock.engine.sync_driver import SyncDriver
from penstock.errors import (
    DefinitionError,
    PenstockError,
    RunStopped,
    StoreError,
)  # fmt: skip
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Change, Guard, Put
from penstock.model.ids import new_id, run_id_for
from penstock.model.program import Definition, Program
from penstock.model.states import FINISHED
from penstock.ports import Executor, Observer, Store

if TYPE_CHECKING:
    from penstock.app.keeper import Keeper
    from penstock.engine.aio_driver import AioDriver
    from penstock.engine.driver import Driver
    from penstock.engine.recovery import Recovered

LEASE_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""How long `close` waits for drivers in other threads, which may be inside a step."""


class Engine(Commanding, Hosting):
    """Runs workflows on one store (None: ephemeral).

    `executors` are your own, by name, beside "inline", "threads", "processes" and "asyncio". `observers` are told every
    recorded event. `lease_seconds` is how long others wait before they take over the runs of a process that has gone.
    """

    def __init__(
        self,
        store: Store | None,
        address: str,
        *,
        executors: Mapping[str, Executor] | None = None,
        observers: Iterable[Observer] = (),
        lease_seconds: float = LEASE_SECONDS,
        capture_echo: bool = True,
    ) -> None:
        super().__init__(store, address, executors or {}, observers, lease_seconds)
        self.closed = False
        self._learned: WeakSet[Any] = WeakSet()
        self._local = threading.local()
        self._drivers: WeakSet[SyncDriver] = WeakSet()  # one a thread that called `run`
        self._keeper: Keeper | None = None
        self._background: SyncDriver | None = None
        self._thread: threading.Thread | None = None
        self._loops: dict[int, AioDriver] = {}
        install(clock=self.clock.now, echo=capture_echo)

    # Starting runs

    def run(self, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """Start a run and drive it on this thread until it has finished. See `start` for the options."""
        driver = self._own_driver()
        run, fresh = self._begin(definition, inputs, driver, **how)
        return self._drive(driver, run) if fresh else self._waited(run)

    def start(self, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """Start a run in the engine's own thread.

        Options: `key`, the same key of one workflow is the same run; `tags`; `timeout`, the run's time in seconds.
        """
        driver = self._background_driver()
        return self._begin(definition, inputs, driver, **how)[0]

    async def start_async(self, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """Start a run on the running event loop."""
        return self._begin(definition, inputs, self._loop_driver(), **how)[0]

    def _begin(
        self,
        definition: Definition,
        inputs: Any,
        driver: Driver,
        *,
        key: str | None = None,
        **how: Any,
    ) -> tuple[Run[Any], bool]:
        stop_if_loading_main()
        self._check_open()
        program = definition.as_program()
        self._check_steps(program, driver)
        run_id = new_id(os.urandom(8)) if key is None else run_id_for(program.name, key)
        if key is not None and (known := self.known(run_id)) is not None:
            return known, False
        self.learn(definition)
        self.journal.text(inputs)
        state = machine.Run(run_id, program)
        handle: Run[Any] = Run(self, run_id, program.name, state)
        event = self._started(definition, program, inputs, **how)
        self._hold(state, driver, handle)
        driver.post_or_call(driver.start, state, event)
        return handle, True

    def _started(
        self,
        definition: Definition,
        program: Program,
        inputs: Any,
        *,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> e.RunStarted:
        limit = timeout if timeout is not None else program.timeout
        deadline = _sooner(None if limit is None else self.clock.now() + limit, _inherited_deadline())
        said = dict(tags or {})
        if not self.journal.durable:
            return e.RunStarted(program.name, "", inputs, 1, deadline, {}, said)
        return e.RunStarted(program.name, program.version, inputs, 1, deadline, source_of(definition), said)

    def learn(self, definition: Any) -> None:
        """Let the codec resolve the classes that a definition's annotations name."""
        if self.store is None or definition in self._learned:
            return
        for annotation in getattr(definition, "annotations", list)():
            self.codec.learn(annotation)
        self._learned.add(definition)

    def _check_steps(self, program: Program, driver: Driver) -> None:
        """Steps known beforehand are refused before the run starts where their executor cannot run them."""
        if program in driver.checked:
            return
        for fn, policy in getattr(program, "calls", tuple)():
            executor = driver.executor_for(policy.executor, fn, policy.timeout)
            if executor is not None:
                executor.check(fn, policy.timeout)
            elif policy.timeout is not None and not is_async(fn):
                raise DefinitionError(
                    f"{fn!r} has timeout={policy.timeout}, which an inline executor cannot enforce: leave the executor out,"
                    " or say executor='threads' or 'processes'"
                )
        driver.checked.add(program)

    # Driving

    def _own_driver(self) -> SyncDriver:
        """A driver for this thread; a step that runs a workflow itself gets another."""
        driver: SyncDriver | None = getattr(self._local, "driver", None)
        if driver is None or driver.driving:
            driver = SyncDriver(self)
            self._drivers.add(driver)
            if getattr(self._local, "driver", None) is None:
                self._local.driver = driver
        return driver

    def _drive(self, driver: SyncDriver, run: Run[Any]) -> Run[Any]:
        try:
            driver.drive(lambda: run.over or self.closed)
        except BaseException:
            self._abandon(driver)
            raise
        if not run.over:
            self._abandon(driver)
        return run

    def _waited(self, run: Run[Any]) -> Run[Any]:
        run.wait()
        return run

    def _abandon(self, driver: SyncDriver) -> None:
        """The driver's thread is leaving its runs: stop what runs, let others have them at once."""
        driver.shut()
        if getattr(self._local, "driver", None) is driver:
            self._local.driver = None
        for state, _, handle in [held for held in self.holdings.all() if held.driver is driver]:
            self._release(state)
            handle.finished(
                None,
                RunStopped(
                    f"run {state.id} was left unfinished; go on: penstock resume {state.id}", run_id=state.id
                ),
            )

    def _release(self, state: machine.Run) -> None:
        self.holdings.pop(state.id)
        state.gone = True
        if self.store is not None and state.status not in FINISHED:
            guard = Guard("runs", state.id, {"epoch": state.epoch, "state": "leased"})
            put = Put("runs", state.id, {"state": "ready", "owner": None, "due": None})
            with suppress(StoreError):  # the lease lapses by itself
                self.store.commit([Change(run=state.id, guards=[guard], puts=[put])])

    def _background_driver(self) -> SyncDriver:
        with self.lock:
            if self._background is None:
                driver = self._background = SyncDriver(self)
                self._thread = threading.Thread(
                    target=self._serve, args=(driver,), name="penstock-driver", daemon=True
                )
                driver.thread = self._thread
                self._thread.start()
            return self._background

    def _serve(self, driver: SyncDriver) -> None:
        try:
            driver.drive(lambda: self.closed)
        finally:
            self._abandon(driver)

    def _loop_driver(self) -> AioDriver:
        """The driver of the running event loop."""
        import asyncio

        from penstock.engine.aio_driver import AioDriver
        from penstock.executors.aio import AioExecutor

        loop = asyncio.get_running_loop()
        with self.lock:
            driver = self._loops.get(id(loop))
            if driver is None or driver.loop is not loop:
                self._loops = {key: each for key, each in self._loops.items() if not each.loop.is_closed()}
                driver = self._loops[id(loop)] = AioDriver(self, loop, AioExecutor(loop=loop))
        return driver

    # Going on

    def resume(self, run_id: str, definition: Definition | None = None, *, wait: bool = False) -> Run[Any]:
        """Go on with a run: end a pause, take it up if its process is gone, reopen it if it failed.

        `definition` is its code, where it is not to be found as recorded. With `wait` this thread drives it to its end.
        Raises CommandRefused if it is alive elsewhere and not paused, or was cancelled; CodeChanged if the code does not fit.
        """
        held = self.holdings.get(run_id)
        if held is not None:
            if held.state.status == "paused":
                self.command(run_id, "resume")
            return held.handle
        from penstock.app.recovery import recover

        driver = self._own_driver() if wait else self._background_driver()
        recovered = recover(self, run_id, definition)
        if isinstance(recovered, Run):
            return recovered
        handle = self._adopt(recovered, driver)
        return self._drive(driver, handle) if wait else handle

    def _adopt(self, recovered: Recovered, driver: SyncDriver) -> Run[Any]:
        state = recovered.state
        handle: Run[Any] = Run(self, state.id, state.workflow, state)
        self._hold(state, driver, handle)
        driver.post_or_call(driver.adopt, state, recovered.epoch, self.owner, recovered.reopen)
        driver.post_or_call(driver.obey, state, "resume", "")
        return handle

    # Ending

    def close(self) -> None:
        """End threads and workers; unfinished runs are left to be resumed."""
        with self.lock:
            if self.closed:
                return
            self.closed = True
        if self._background is not None and self._thread is not None:
            self._background.post(_wake)
            self._thread.join(timeout=CLOSE_SECONDS)
        for driver in list(self._drivers):
            driver.post(_wake)  # its thread leaves its runs
        self._wait_for_drivers()
        if self._keeper is not None:
            self._keeper.close()
        for executor in self.executors.values():
            executor.close(wait=False)
        if isinstance(self.journal, DurableJournal):
            self.journal.close()
        if self.store is not None:
            self.store.close()
        uninstall()

    def _wait_for_drivers(self) -> None:
        """Give other threads that drive runs a moment to leave them."""
        deadline = time.monotonic() + CLOSE_SECONDS
        mine = getattr(self._local, "driver", None)
        if mine is not None:
            self._abandon(mine)
        while any(d.driving and d is not mine for d in list(self._drivers)) and time.monotonic() < deadline:
            time.sleep(0.005)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hold(self, state: machine.Run, driver: Driver, handle: Run[Any]) -> None:
        state.handle = handle
        self.holdings.add(Held(state, driver, handle))
        if self._keeper is None and self.store is not None:
            with self.lock:
                from penstock.app.keeper import Keeper

                if not self._keeper:  # another thread may have been quicker
                    self._keeper = Keeper(self, self.lease_seconds)

    def _check_open(self) -> None:
        if self.closed:
            raise PenstockError(f"the engine on {self.address} was closed; open another")


def _wake() -> None:
    """Mail that says nothing."""


def _sooner(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _inherited_deadline() -> float | None:
    """What a step starts has to be done when the step's own run has to be."""
    context = current()
    return None if context is None else context.deadline
