"""An engine: a store, its journal, executors and drivers, and the runs they drive in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.app.commanding import Commanding
from penstock.app.driving import Driving, Notes, adopt_with
from penstock.app.parts import Held
from penstock.app.renewing import Renewing
from penstock.app.run import Run
from penstock.app.starting import check_start, sooner, taken
from penstock.app.tending import Tending
from penstock.context import stop_if_loading_main
from penstock.context.capture import install, uninstall
from penstock.engine.host import check_calls
from penstock.engine.journal import DurableJournal
from penstock.errors import CommandRefused, PenstockError
from penstock.model import machine
from penstock.model.caching import REFRESH
from penstock.model.calling import refuse_inside
from penstock.model.ids import Ids, PassingIds, run_id_for
from penstock.model.program import Definition, OnChange, Program
from penstock.ports import Executor, Observer, Store

if TYPE_CHECKING:
    from penstock.app.keeper import Keeper
    from penstock.engine.driver import Driver
    from penstock.engine.recovery import Recovered

LEASE_SECONDS = 5.0

_make = tuple.__new__  # a NamedTuple's own constructor costs twice as much

Began = Callable[[Run[Any]], object]
"""Is told of a run before anything of it happens."""


class Engine(Commanding, Driving, Renewing, Tending):
    """Runs workflows on one store (None: ephemeral).

    `executors` are your own, by name, beside "inline", "threads", "processes" and "asyncio"; `executor` is
    where sync steps run that name none (left out, on the thread that drives them). `observers` are told every
    recorded event. `lease_seconds` is how long others wait before they take over the runs of a process that has gone.
    """

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        store: Store | None,
        address: str,
        *,
        executors: Mapping[str, Executor] | None = None,
        executor: str | None = None,
        observers: Iterable[Observer] = (),
        lease_seconds: float = LEASE_SECONDS,
        capture_echo: bool = True,
    ) -> None:
        super().__init__(store, address, executors or {}, observers, lease_seconds)
        self.default_executor = executor
        self._keeper: Keeper | None = None
        self._ids = PassingIds(os.urandom) if store is None else Ids(os.urandom)
        install(clock=self.clock.now, echo=capture_echo)

    # Starting runs

    def run(
        self, definition: Definition, inputs: Any = None, *, resting: bool = False, **how: Any
    ) -> Run[Any]:
        """Start a run and drive it on this thread until it has finished. See `start` for the options, and `drive`."""
        driver = self.own_driver()
        run, fresh = self._begin(definition, inputs, driver, **how)
        if fresh:
            return self.drive(driver, run, resting=resting)
        run.wait()
        return run

    def start(self, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """Start a run in the engine's own thread.

        Options: `key`, the same key of one workflow is the same run; `tags`; `timeout`, the run's time in seconds; `began`,
        called with the run before anything of it happens; `refresh`, names of steps that run though another run's result is
        kept, or "*".
        """
        driver = self.background_driver()
        return self._begin(definition, inputs, driver, **how)[0]

    async def run_async(self, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """Start a run on the running event loop and return when it is over. See `start` for the options."""
        driver = self.loop_driver()
        held = self.store is None and driver.hold()
        try:
            run = self._begin(definition, inputs, driver, **how)[0]
        finally:
            if held:
                driver.turn_now()
        if not run.over:
            await run.wait_async()
        return run

    async def start_async(self, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """Start a run on the running event loop."""
        return self._begin(definition, inputs, self.loop_driver(), **how)[0]

    def start_beside(self, held: Held, definition: Definition, inputs: Any = None, **how: Any) -> Run[Any]:
        """For a step of a run, on the thread that drives it: start another run there."""
        return self._begin(definition, inputs, held.driver, **how)[0]

    def _begin(  # noqa: PLR0913 - one keyword an option
        self,
        definition: Definition,
        inputs: Any,
        driver: Driver,
        *,
        key: str | None = None,
        began: Began | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
        refresh: Iterable[str] = (),
        parent: machine.Run | None = None,
    ) -> tuple[Run[Any], bool]:
        stop_if_loading_main()
        if self.closed:
            raise PenstockError(f"the engine on {self.address} was closed; open another")
        program = definition.as_program()
        refuse_inside(program.name)
        if key is not None or tags is not None or timeout is not None:
            check_start(program.name, key=key, tags=tags, timeout=timeout)
        if program is not driver.seen:
            self._check_program(program, driver)
        run_id = self._ids.fresh(self.clock.now()) if key is None else run_id_for(program.name, key)
        durable = self.journal.durable
        inputs = taken(definition, inputs, durable=durable)
        if durable:
            self.learn(definition)
            self.journal.text(inputs)
        state = machine.Run(run_id, program)
        handle: Run[Any] = Run(self, run_id, program.name, state, definition)
        event, puts = self.started_event(definition, program, inputs, tags, timeout)
        if refresh:
            event.source = {**event.source, REFRESH: list(refresh)}
        if parent is not None:
            event.parent, event.deadline = parent.id, sooner(event.deadline, parent.deadline)
        known = None
        if key is None:
            self._hold(state, driver, handle)
        else:
            with self.lock:  # so that two threads do not both find that a key is new
                known = self.known(run_id)
                if known is None:
                    self._hold(state, driver, handle)
        if known is not None:
            return self._go_on(known, definition, driver, began)
        if began is not None:
            began(handle)
        driver.post_or_call(driver.start, state, event, puts)
        return handle, True

    def _check_program(self, program: Program, driver: Driver) -> None:
        """Refuse code that its executors cannot run; once for a program and a driver."""
        if program not in driver.checked:
            check_calls(program.calls, driver.executor_for)
            driver.checked.add(program)
        driver.seen = program

    def _go_on(
        self, known: Run[Any], definition: Definition, driver: Driver, began: Began | None
    ) -> tuple[Run[Any], bool]:
        """A run that was started before under the same key: if its engine is gone, this one takes it up."""
        if self.store is None or self.holdings.get(known.id) is not None or known.status != "running":
            return known, False
        try:
            recovered = self.recover(known.id, definition)
        except CommandRefused:  # it is alive elsewhere
            return known, False
        if isinstance(recovered, Run):
            return recovered, False
        return self.adopt(recovered, driver, definition, began), True

    # Going on

    def resume(
        self,
        run_id: str,
        definition: Definition | None = None,
        *,
        wait: bool = False,
        resting: bool = False,
        began: Began | None = None,
        on_change: OnChange | None = None,
    ) -> Run[Any]:
        """Go on with a run: end a pause, take it up if its process is gone, reopen it if it failed.

        `definition` is its code, where it is not to be found as recorded. With `wait` this thread drives it to its end. If it
        is taken up, `began` is called with it first. `on_change` is what to do where its code has changed since it began:
        "continue" with the code at hand, "refuse", or go on in a "new_run" that reuses what depends on no change; left out,
        as its workflow says, else continue.
        Raises CommandRefused if it is alive elsewhere and not paused, or was cancelled; CodeChanged if the code does not fit.
        """
        stop_if_loading_main()
        if definition is not None:
            self.learn(definition)
        held = self.holdings.get(run_id)
        if held is not None:
            if held.state.status == "paused":
                self.command(run_id, "resume")
            return held.handle
        driver = self.own_driver() if wait else self.background_driver()
        if run_id in self.owed:
            self.settle_debts()
        run_id, changes, notes = self.minded(run_id, definition, on_change)
        recovered = self.recover(run_id, definition)
        if isinstance(recovered, Run):
            return recovered
        handle = self.adopt(recovered, driver, definition, began, notes=notes)
        if changes:
            self.say_changes(run_id, changes)
        return self.drive(driver, handle, resting=resting) if wait else handle

    def recover(
        self, run_id: str, definition: Definition | None, *, rouse: bool = True
    ) -> Recovered | Run[Any]:
        """Claim a run and fold its log, to be adopted; one that has completed, or goes on elsewhere, as it is. See recovery."""
        from penstock.app.recovery import recover

        return recover(self, run_id, definition, rouse=rouse)

    def take_over(
        self, recovered: Recovered, definition: Definition, park: str = "", notes: Notes = ()
    ) -> Run[Any]:
        """The worker's: drive a run that was claimed and folded, in the background. One that is paused stays so.

        `park` is a reason to pause it before anything of it starts; `notes`, topics and data, are recorded before that.
        """
        order = ("pause", park) if park else None
        return self.adopt(recovered, self.background_driver(), definition, order=order, notes=notes)

    def adopt(
        self,
        recovered: Recovered,
        driver: Driver,
        definition: Definition | None,
        began: Began | None = None,
        *,
        order: tuple[str, str] | None = ("resume", ""),
        notes: Notes = (),
    ) -> Run[Any]:
        state = recovered.state
        handle: Run[Any] = Run(self, state.id, state.workflow, state, definition)
        self._hold(state, driver, handle)
        if began is not None:
            began(handle)
        driver.post_or_call(adopt_with, driver, recovered, self.owner, order, notes)
        self.durable_store().ring([f"owner:{self.owner}"])  # letters that came before rang nobody's bell
        return handle

    # Ending

    def close(self) -> None:
        """End threads and workers; unfinished runs are left to be resumed."""
        for each in self.before_close:
            each()
        with self.lock:
            if self.closed:
                return
            self.closed = True
        self.leave_all()
        for each in self.after_close:
            each()
        if self._keeper is not None:
            self._keeper.close()
        for executor in self.executors.values():
            executor.close(wait=False)
        if isinstance(self.journal, DurableJournal):
            self.journal.close()
        if self.store is not None:
            self.store.close()
        uninstall()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hold(self, state: machine.Run, driver: Driver, handle: Run[Any]) -> None:
        self.holdings.add(_make(Held, (state, driver, handle)))
        if self._keeper is None and self.store is not None:
            with self.lock:
                from penstock.app.keeper import Keeper

                if not self._keeper:  # another thread may have been quicker
                    self._keeper = Keeper(self, self.lease_seconds)
