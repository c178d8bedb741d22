"""An engine: a store, its journal, executors and drivers, and the runs they drive in this process."""

from __future__ import annotations

import builtins
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from penstock.app.run import Run
from penstock.clocks import SystemClock
from penstock.context import Context, current, is_async, stop_if_loading_main
from penstock.context.capture import install, uninstall
from penstock.engine.ephemeral import EphemeralJournal
from penstock.engine.journal import DurableJournal, Journal
from penstock.engine.sync_driver import SyncDriver
from penstock.errors import (
    CommandRefused,
    DefinitionError,
    LeaseLost,
    PenstockError,
    RunNotFound,
    RunStopped,
    StepTimeout,
    StoreError,
)  # fmt: skip
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Change, Guard, Letter, Put
from penstock.model.history import StepRecord, steps_in
from penstock.model.ids import new_id, run_id_for
from penstock.model.program import Definition, Program
from penstock.model.states import FINISHED, RunStatus
from penstock.ports import Clock, Executor, Observer, Store

if TYPE_CHECKING:
    from penstock.app.keeper import Keeper
    from penstock.codecs import JsonCodec
    from penstock.engine.aio_driver import AioDriver
    from penstock.engine.driver import Driver
    from penstock.engine.recovery import Recovered

LEASE_SECONDS = 5.0
KEPT_LINES = 10_000


class Engine:
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
        self.store = store
        self.address = address
        self.clock: Clock = SystemClock()
        self.owner = f"{os.getpid()}-{os.urandom(4).hex()}"
        self.observers: list[Observer] = list(observers)
        self.watchers: list[Callable[[str, str, int | None, str, Any], None]] = []
        self.lines: deque[tuple[str, str, int | None, int, float, str, str]] = deque(maxlen=KEPT_LINES)
        self.closed = False
        self._executors: dict[str, Executor] = dict(executors or {})
        self.lease_seconds = lease_seconds
        self._codec: JsonCodec | None = None
        self._held: dict[str, tuple[machine.Run, Driver, Run[Any]]] = {}
        self._learned: WeakSet[Any] = WeakSet()
        self._lock = threading.RLock()
        self._local = threading.local()
        self._keeper: Keeper | None = None
        self._background: SyncDriver | None = None
        self._thread: threading.Thread | None = None
        self._loops: dict[int, AioDriver] = {}
        self.journal: Journal = self._make_journal()
        install(clock=self.clock.now, echo=capture_echo)

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

    def durable_store(self) -> Store:
        """The store. Raises CommandRefused on an ephemeral engine, which has none."""
        if self.store is None:
            raise CommandRefused(
                "this engine is ephemeral: it keeps nothing; give it a store, such as sqlite:///runs.db"
            )
        return self.store

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
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
        source: dict[str, Any] | None = None,
    ) -> tuple[Run[Any], bool]:
        stop_if_loading_main()
        self._check_open()
        program = definition.as_program()
        self._check_steps(program, driver)
        run_id = new_id(os.urandom(8)) if key is None else run_id_for(program.name, key)
        if key is not None and (known := self._known(run_id)) is not None:
            return known, False
        self.learn(definition)
        self.journal.text(inputs)
        state = machine.Run(run_id, program)
        handle: Run[Any] = Run(self, run_id, program.name, state)
        event = self._started(definition, program, inputs, dict(tags or {}), timeout, source)
        self._hold(state, driver, handle)
        driver.post_or_call(driver.start, state, event)
        return handle, True

    def _started(
        self,
        definition: Definition,
        program: Program,
        inputs: Any,
        tags: dict[str, str],
        timeout: float | None,
        source: dict[str, Any] | None,
    ) -> e.RunStarted:
        limit = timeout if timeout is not None else program.timeout
        deadline = _sooner(None if limit is None else self.clock.now() + limit, _inherited_deadline())
        if not self.journal.durable:
            return e.RunStarted(program.name, "", inputs, 1, deadline, {}, tags)
        if source is None:
            from penstock.catalogue import source_of

            source = source_of(definition)
        return e.RunStarted(program.name, program.version, inputs, 1, deadline, source, tags)

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

    def _known(self, run_id: str) -> Run[Any] | None:
        with self._lock:
            held = self._held.get(run_id)
        if held is not None:
            return held[2]
        if self.store is None:
            assert isinstance(self.journal, EphemeralJournal)
            kept = self.journal.runs.get(run_id)
            return None if kept is None else kept.handle
        rows = self.store.get("runs", [run_id])
        return Run(self, run_id, rows[run_id]["workflow"]) if run_id in rows else None

    # Driving

    def _own_driver(self) -> SyncDriver:
        """A driver for this thread; a step that runs a workflow itself gets another."""
        driver: SyncDriver | None = getattr(self._local, "driver", None)
        if driver is None or driver.driving:
            driver = SyncDriver(self)
            if getattr(self._local, "driver", None) is None:
                self._local.driver = driver
        return driver

    def _drive(self, driver: SyncDriver, run: Run[Any]) -> Run[Any]:
        try:
            driver.drive(lambda: run.over)
        except BaseException:
            self._abandon(driver)
            raise
        return run

    def _waited(self, run: Run[Any]) -> Run[Any]:
        run.wait()
        return run

    def _abandon(self, driver: SyncDriver) -> None:
        """The driver's thread is leaving its runs: stop what runs, let others have them at once."""
        driver.shut()
        if getattr(self._local, "driver", None) is driver:
            self._local.driver = None
        with self._lock:
            mine = [(state, handle) for state, owner, handle in self._held.values() if owner is driver]
        for state, handle in mine:
            self._release(state)
            handle.finished(
                None,
                RunStopped(
                    f"run {state.id} was left unfinished; go on: penstock resume {state.id}", run_id=state.id
                ),
            )

    def _release(self, state: machine.Run) -> None:
        with self._lock:
            self._held.pop(state.id, None)
        state.gone = True
        if self.store is not None and state.status not in FINISHED:
            guard = Guard("runs", state.id, {"epoch": state.epoch, "state": "leased"})
            put = Put("runs", state.id, {"state": "ready", "owner": None, "due": None})
            try:
                self.store.commit([Change(run=state.id, guards=[guard], puts=[put])])
            except StoreError:  # the lease lapses by itself
                pass

    def _background_driver(self) -> SyncDriver:
        with self._lock:
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
        with self._lock:
            driver = self._loops.get(id(loop))
            if driver is None or driver.loop is not loop:
                self._loops = {key: each for key, each in self._loops.items() if not each.loop.is_closed()}
                driver = self._loops[id(loop)] = AioDriver(self, loop, AioExecutor(loop=loop))
        return driver

    # What a driver needs of its host

    def executor(self, name: str) -> Executor:
        """An executor by name, made when first asked for. Raises DefinitionError for a name nobody gave."""
        with self._lock:
            found = self._executors.get(name)
            if found is None:
                found = self._executors[name] = _make_executor(name, self._executors)
            return found

    def finished(self, run: machine.Run) -> None:
        with self._lock:
            held = self._held.pop(run.id, None)
        if held is not None:
            held[2].finished(run.final)

    def dropped(self, run: machine.Run, error: BaseException) -> None:
        with self._lock:
            held = self._held.pop(run.id, None)
        if held is not None:
            held[2].finished(None, error)

    def captured(self, step: machine.Step, context: Context) -> None:
        assert context.lines is not None
        lines = [
            (context.run, context.step, context.item, context.attempt, *line) for line in context.lines.take()
        ]
        if self.store is not None:
            self.store.write_logs(lines)
        else:
            self.lines.extend(lines)

    def progressed(self, context: Context, kind: str, payload: Any) -> None:
        for watcher in self.watchers:
            watcher(context.run, context.step, context.item, kind, payload)

    # What the keeper needs

    def held_leases(self) -> list[tuple[str, int]]:
        """(run, epoch) of every run this process drives."""
        with self._lock:
            return [(run_id, state.epoch) for run_id, (state, _, _) in self._held.items() if state.sequence]

    def known_letters(self) -> dict[str, int]:
        """The last letter taken of every run this process drives."""
        with self._lock:
            return {run_id: state.letters for run_id, (state, _, _) in self._held.items() if state.sequence}

    def lease_lost(self, run_id: str) -> None:
        """Another engine owns the run now: its own driver drops it."""
        with self._lock:
            held = self._held.get(run_id)
        if held is not None:
            state, driver, _ = held
            driver.post(driver.lose, state, LeaseLost(f"another engine owns run {run_id} now"))

    def deliver(self, run_id: str, letters: Sequence[Letter]) -> None:
        """Hand letters to the run's driver; whoever is told to stop hears of it while its step still runs."""
        with self._lock:
            held = self._held.get(run_id)
        if held is not None:
            state, driver, _ = held
            if any(letter.kind == "cancel" for letter in letters):
                driver.warn(state)
            driver.post(driver.take, state, letters, self.codec)

    # Commands

    def command(self, run_id: str, kind: str, reason: str = "") -> None:
        """Cancel, pause or resume a run, wherever it is driven. Raises CommandRefused where its state does not allow it."""
        with self._lock:
            held = self._held.get(run_id)
        status = held[0].status if held is not None else self.status_of(run_id)
        _allow(run_id, kind, status)
        if held is not None:
            state, driver, _ = held
            if kind == "cancel":
                driver.warn(state)
            driver.post(driver.obey, state, kind, reason)
        else:
            self._send(run_id, Letter(0, self.clock.now(), kind, "", reason, self.owner))

    def signal(self, run_id: str, name: str, value: Any, *, key: str | None = None) -> None:
        """Send a message into a run. Raises CommandRefused if it has finished."""
        with self._lock:
            held = self._held.get(run_id)
        _allow(run_id, "signal", held[0].status if held is not None else self.status_of(run_id))
        if held is not None and self.store is None:
            state, driver, _ = held
            driver.post(driver.signalled, state, name, value, key)
        else:
            self._send(
                run_id, Letter(0, self.clock.now(), "signal", name, self.codec.encode(value), self.owner, key)
            )

    def _send(self, run_id: str, letter: Letter) -> None:
        from penstock.app.recovery import settle_orphan

        self.durable_store().commit([Change(run=run_id, letters=[letter])])
        settle_orphan(self, run_id, letter)

    def resume(self, run_id: str, definition: Definition | None = None, *, wait: bool = False) -> Run[Any]:
        """Go on with a run: end a pause, take it up if its process is gone, reopen it if it failed.

        `definition` is its code, where it is not to be found as recorded. With `wait` this thread drives it to its end.
        Raises CommandRefused if it is alive elsewhere and not paused, or was cancelled; CodeChanged if the code does not fit.
        """
        with self._lock:
            held = self._held.get(run_id)
        if held is not None:
            if held[0].status == "paused":
                self.command(run_id, "resume")
            return held[2]
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
        return handle

    # Looking

    def get(self, name: str) -> Run[Any]:
        """A run by its id, a unique beginning of it, or "latest". Raises RunNotFound."""
        with self._lock:
            held = self._held.get(name)
        if held is not None:
            return held[2]
        if self.store is None:
            kept = self._known(name)
            if kept is None:
                raise RunNotFound(
                    f"no run {name!r}: an ephemeral engine keeps its last 1,000 finished runs only"
                )
            return kept
        rows = (
            self.store.find("runs", limit=1, newest_first=True)
            if name == "latest"
            else self.store.find("runs", prefix=name, limit=3)
        )
        exact = [row for row in rows if row["id"] == name]
        rows = exact or rows
        if not rows:
            what = "the store holds no run yet" if name == "latest" else f"no run begins with {name!r}"
            raise RunNotFound(f"{what} in {self.address}; see `penstock runs`")
        if len(rows) > 1:
            raise RunNotFound(
                f"{name!r} begins several runs: {', '.join(row['id'] for row in rows)}; give more of it"
            )
        return Run(self, rows[0]["id"], rows[0]["workflow"])

    def list(
        self, *, status: RunStatus | None = None, workflow: str | None = None, limit: int = 100
    ) -> builtins.list[Run[Any]]:
        """The newest runs first."""
        return [
            Run(self, row["id"], row["workflow"])
            for row in self.rows(status=status, workflow=workflow, limit=limit)
        ]

    def rows(
        self, *, status: str | None = None, workflow: str | None = None, limit: int = 100
    ) -> builtins.list[dict[str, Any]]:
        """The rows of table `runs`, the newest first."""
        where = {
            name: value for name, value in (("status", status), ("workflow", workflow)) if value is not None
        }
        return self.durable_store().find("runs", where, limit=limit, newest_first=True)

    def status_of(self, run_id: str) -> RunStatus:
        """A run's status as recorded."""
        rows = self.durable_store().get("runs", [run_id])
        if run_id not in rows:
            raise RunNotFound(f"no run {run_id!r} in {self.address}; see `penstock runs`")
        status: RunStatus = rows[run_id]["status"]
        return status

    def events_of(self, run_id: str) -> builtins.list[tuple[int, float, e.Event]]:
        """A run's log as events."""
        if self.store is None:
            assert isinstance(self.journal, EphemeralJournal)
            return [
                (sequence, at, event)
                for run, sequence, at, event in list(self.journal.ring)
                if run.id == run_id
            ]
        from penstock.app.recovery import read_events

        return read_events(self, run_id)

    def steps_of(self, run_id: str) -> dict[str, StepRecord]:
        """A run's steps as its log tells them."""
        return steps_in(self.events_of(run_id))

    def outcome_of(self, run_id: str) -> machine.Outcome:
        """How a finished run ended."""
        from penstock.app.recovery import read_outcome

        return read_outcome(self, run_id)

    def wait_for(self, run_id: str, statuses: Iterable[RunStatus], timeout: float | None = None) -> RunStatus:
        """Wait until a run that somebody else drives has one of these statuses. Raises StepTimeout."""
        wanted = frozenset(statuses)
        deadline = None if timeout is None else time.monotonic() + timeout
        bell = self.durable_store().watch([f"run:{run_id}"])
        try:
            while (status := self.status_of(run_id)) not in wanted:
                left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
                if left <= 0:
                    raise StepTimeout(f"run {run_id} is still {status} after {timeout} s")
                _listen(bell, left)
            return status
        finally:
            bell.close()

    # Ending

    def close(self) -> None:
        """End threads and workers; unfinished runs are left to be resumed."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
        if self._background is not None and self._thread is not None:
            self._background.post(lambda: None)
            self._thread.join(timeout=10.0)
        own: SyncDriver | None = getattr(self._local, "driver", None)
        if own is not None:
            self._abandon(own)
        if self._keeper is not None:
            self._keeper.close()
        for executor in self._executors.values():
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
        state.handle = handle
        with self._lock:
            self._held[state.id] = (state, driver, handle)
            if self._keeper is None and self.store is not None:
                from penstock.app.keeper import Keeper

                self._keeper = Keeper(self, self.lease_seconds)

    def _check_open(self) -> None:
        if self.closed:
            raise PenstockError(f"the engine on {self.address} was closed; open another")


def _sooner(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _inherited_deadline() -> float | None:
    """What a step starts has to be done when the step's own run has to be."""
    context = current()
    return None if context is None else context.deadline


_COMMANDS: dict[str, frozenset[str]] = {
    "cancel": frozenset({"pending", "running", "paused"}),
    "pause": frozenset({"running"}),
    "resume": frozenset({"paused"}),
    "signal": frozenset({"pending", "running", "paused"}),
}


def _allow(run_id: str, kind: str, status: str) -> None:
    if status not in _COMMANDS[kind]:
        raise CommandRefused(
            f"run {run_id} is {status}: {kind} works on a run that is {' or '.join(sorted(_COMMANDS[kind]))}"
        )


def _listen(bell: Any, seconds: float) -> None:
    import select

    if select.select([bell], [], [], seconds)[0]:
        bell.drain()


def _make_executor(name: str, known: Mapping[str, Executor]) -> Executor:
    if name in ("threads", "sequential"):
        from penstock.executors.threads import ThreadExecutor

        return ThreadExecutor(slots=1, name=name) if name == "sequential" else ThreadExecutor()
    if name == "processes":
        from penstock.executors.processes import ProcessExecutor

        return ProcessExecutor()
    if name == "asyncio":
        from penstock.executors.aio import AioExecutor

        return AioExecutor()
    if name == "inline":
        from penstock.executors.inline import InlineExecutor

        return InlineExecutor()
    names = sorted({"inline", "threads", "processes", "asyncio", *known})
    raise DefinitionError(f"there is no executor {name!r}; there are {', '.join(names)}")
