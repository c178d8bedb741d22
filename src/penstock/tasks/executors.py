"""Executors of tasks: `SequentialExecutor().execute(flow)` runs a workflow and shows on it what became of its tasks.

Each is a driver, an executor and a store of the one engine. Without a state store nothing is kept. With `SQLiteStateStore` or
`JSONStateStore` the run is recorded there, and executing the workflow again does not run again what was completed:

- of the run, `resume_scope="run"`: the newest run of the workflow goes on if it did not complete, else a new one begins;
- by the task's name, `resume_scope="task"`: whatever the store holds as completed is restored, whichever run completed it.

A state store of your own keeps no runs: there it is always by the task's name.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args
from weakref import WeakKeyDictionary

from penstock.errors import CodeChanged, CommandRefused, DefinitionError, RunFailed, WorkflowExecutionError
from penstock.model import events as e
from penstock.model.ids import run_id_for
from penstock.tasks.arrangement import Arrangeable, Arrangement, arranged
from penstock.tasks.keeping import Keeper, StateStore, completed, restoring
from penstock.tasks.launcher import Launcher
from penstock.tasks.statuses import TaskStatus
from penstock.tasks.transitions import Listener

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.tasks.program import GraphProgram
    from penstock.tasks.task import Task

W = TypeVar("W", bound=Arrangeable)
"""A workflow of tasks."""

Scope = Literal["run", "task"]


class BaseExecutor:
    """What executors share. A subclass says where functions run whose task names no place, and how many steps at once.

    `state_store` (or `storage`) is where states are kept; `resume_scope` is "run" or "task", see the module. With a state store
    of your own, states are kept by task name.
    """

    default_scope: ClassVar[Scope] = "run"
    placement: str | None = None
    limit: int | None = None

    def __init__(
        self,
        state_store: StateStore | None = None,
        *,
        storage: StateStore | None = None,
        resume_scope: Scope | None = None,
    ) -> None:
        scope = resume_scope or self.default_scope
        if scope not in get_args(Scope):
            raise DefinitionError(f"resume_scope={scope!r} must be 'run' or 'task'")
        self.state_store = state_store if storage is None else storage
        self.resume_scope: Scope = scope
        self._programs: WeakKeyDictionary[GraphProgram, GraphProgram] = WeakKeyDictionary()

    def execute(self, workflow: Arrangeable, *, run_id: str | None = None, **inputs: Any) -> Any:
        """Run a workflow to its end on this thread and return it; what became of it is shown on it.

        `run_id` names the run: one of that name goes on, and is not run again if it completed. Raises WorkflowExecutionError,
        which names the failed task, and whatever else `Run.result` may raise.
        """
        return _Execution(self, workflow, run_id, inputs).run()

    def has_saved(self, task: Task[..., Any]) -> bool:
        """Whether the state store holds a task as completed."""
        return self.state_store is not None and completed(self.state_store.load_task_state(task.name))

    def save(self, task: Task[..., Any]) -> None:
        """Keep a task's state, as it is shown, in the state store; for executors that run tasks in a way of their own."""
        if self.state_store is not None:
            result = task.result if task.status is TaskStatus.COMPLETED else None
            error = None if task.error is None else str(task.error)
            self.state_store.save_task_state(task.name, task.status, result, error, datetime.now(UTC))

    def program_of(self, workflow: Arrangeable) -> GraphProgram:
        """The workflow's graph as this executor runs it."""
        program = workflow.as_program()
        found = self._programs.get(program)
        if found is None:
            found = self._programs[program] = arranged(program, self.placement, self.limit)
        return found


class SequentialExecutor(BaseExecutor):
    """One task at a time, on the calling thread."""

    limit = 1


class ThreadedExecutor(BaseExecutor):
    """Up to `max_workers` tasks at once, in threads."""

    def __init__(
        self,
        max_workers: int = 4,
        state_store: StateStore | None = None,
        *,
        storage: StateStore | None = None,
        resume_scope: Scope | None = None,
    ) -> None:
        super().__init__(state_store, storage=storage, resume_scope=resume_scope)
        self.max_workers = self.limit = _at_least_one("max_workers", max_workers)
        self.placement = f"threads:{max_workers}"


class AsyncExecutor(BaseExecutor):
    """Async tasks on an event loop, functions in threads; up to `max_concurrent` at once.

    Where a loop is running, `execute` gives a coroutine to await. Elsewhere it runs the workflow to its end; what it
    returns may be awaited or handed to asyncio.run all the same.
    """

    def __init__(
        self,
        max_concurrent: int = 50,
        state_store: StateStore | None = None,
        *,
        storage: StateStore | None = None,
        resume_scope: Scope | None = None,
    ) -> None:
        super().__init__(state_store, storage=storage, resume_scope=resume_scope)
        self.max_concurrent = self.limit = _at_least_one("max_concurrent", max_concurrent)

    def execute(self, workflow: W, *, run_id: str | None = None, **inputs: Any) -> Coroutine[Any, Any, W]:
        """See BaseExecutor.execute."""
        import asyncio

        execution = _Execution(self, workflow, run_id, inputs)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _Done(asyncio.run(execution.run_async()))
        return execution.run_async()


class _Execution(Generic[W]):
    """One call of `execute`."""

    def __init__(
        self, executor: BaseExecutor, workflow: W, run_id: str | None, inputs: dict[str, Any]
    ) -> None:
        self._workflow = workflow
        self._inputs = inputs
        self._keeper: Keeper | None = None
        self._engine = _engine_of(executor.state_store)
        program = executor.program_of(workflow)
        store, listener = executor.state_store, None
        _teach(store, workflow)
        if store is not None and self._engine.store is None:
            keeper = self._keeper = Keeper(store)
            program = arranged(program, None, None, keeper.node)
            listener = Listener(workflow.tasks, keeper.tell)
        elif store is not None and executor.resume_scope == "task":
            program = arranged(program, None, None, restoring(store))
        self._flow = Arrangement(workflow, program, listener)
        self._launcher = Launcher(self._flow, self._engine, run_id, workflow.tags, None)
        self._run_id = run_id
        self._searches = self._engine.store is not None and executor.resume_scope == "run"

    def run(self) -> W:
        try:
            unfinished = self._unfinished()
            if unfinished is None or not self._resume(unfinished):
                self._launcher.run(**self._inputs)
        except RunFailed as error:
            raise _execution_error(error) from error.__cause__
        return self._ended()

    async def run_async(self) -> W:
        import asyncio

        try:
            unfinished = await asyncio.to_thread(self._unfinished)
            if unfinished is None or not await asyncio.to_thread(self._resume, unfinished):
                await self._launcher.run_async(**self._inputs)
        except RunFailed as error:
            raise _execution_error(error) from error.__cause__
        return self._ended()

    def _ended(self) -> W:
        if self._keeper is not None and self._keeper.error is not None:
            raise self._keeper.error
        return self._workflow

    def _unfinished(self) -> str | None:
        """The run to go on with: the one that was named, else the workflow's newest if it did not complete."""
        engine, name = self._engine, self._workflow.name
        if engine.store is None:
            return None
        if self._run_id is not None:
            known = engine.known(self._run_id) or engine.known(run_id_for(name, self._run_id))
            return None if known is None else known.id
        newest = engine.rows(workflow=name, limit=1) if self._searches else []
        return newest[0]["id"] if newest and newest[0]["status"] not in ("completed", "cancelled") else None

    def _resume(self, run_id: str) -> bool:
        """Go on with a run to its end; False if a new one is to begin: it lives elsewhere, or was begun otherwise."""
        if self._run_id is None and not self._began_so(run_id):
            return False
        try:
            self._launcher.resume(run_id)
        except (CommandRefused, CodeChanged):
            if self._run_id is not None:
                raise
            return False
        return True

    def _began_so(self, run_id: str) -> bool:
        """Whether a run was given the same inputs."""
        _, _, started = self._engine.events_of(run_id)[0]
        return isinstance(started, e.RunStarted) and started.input == self._launcher.bound(self._inputs)


class _Done(Coroutine[Any, Any, W]):
    """An execution that is over, for those who await it."""

    def __init__(self, workflow: W) -> None:
        self.workflow = workflow

    def __await__(self) -> Generator[Any, Any, W]:
        yield from ()
        return self.workflow

    def send(self, value: Any) -> Any:
        raise StopIteration(self.workflow)

    def throw(self, *error: Any) -> Any:
        raise error[0]

    def close(self) -> None:
        return


def _engine_of(store: StateStore | None) -> Engine:
    """The engine on a state store of ours, else one that keeps nothing."""
    from penstock.app import engine_at

    return engine_at(getattr(store, "address", "ephemeral"))


def _teach(store: StateStore | None, workflow: Arrangeable) -> None:
    """What a state store of ours saved of the workflow's classes comes back as such."""
    codec = getattr(store, "codec", None)
    if codec is not None:
        from penstock.app.parts import teach
        from penstock.codecs import JsonCodec

        if isinstance(codec, JsonCodec):
            teach(codec, workflow)


def _execution_error(error: RunFailed) -> WorkflowExecutionError:
    return WorkflowExecutionError(str(error), run_id=error.run_id, failed_step=error.failed_step)


def _at_least_one(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DefinitionError(f"{name}={value!r} must be a whole number from 1 up")
    return value
