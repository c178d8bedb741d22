"""Runs of processes: which engine, what it is given, and what becomes of the process when the run is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.app import Engine, engine_at
from penstock.errors import CommandRefused, RunError
from penstock.observe import collect
from penstock.processes.offering import own_program, program_of

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.processes.standing import Standing

_ephemeral: list[Engine] = []  # the process's own, once it was looked up

collect()  # processes are measured, and their last events are kept, from the first that runs: it imports this module


async def execute(
    process: Standing,
    store: str | Engine | None,
    key: str | None,
    tags: Mapping[str, str] | None,
    timeout: float | None,
) -> bool:
    """See Process.execute."""
    engine = _engine_that_keeps_nothing() if store is None else engine_at(store)
    began: list[Run[Any]] = []
    given = _occupy(process, engine)
    try:
        if key is None and tags is None and timeout is None:
            run = await engine.run_async(process, given, began=began.append)
        else:
            run = await engine.run_async(
                process, given, began=began.append, key=key, tags=tags, timeout=timeout
            )
    except asyncio.CancelledError:
        if began:
            await _cancel(process, began[0])
        raise
    finally:
        _release(process)
    if key is not None or run.status != "completed":
        _conclude(process, run)
    return True


class Launcher:
    """A process together with how it is to be run. See Process.using."""

    def __init__(
        self,
        process: Standing,
        store: str | Engine | None,
        key: str | None,
        tags: Mapping[str, str] | None,
        timeout: float | None,
    ) -> None:
        self._process = process
        self._store = store
        self._how: dict[str, Any] = {"key": key, "tags": tags, "timeout": timeout}

    def run(self, **inputs: Any) -> dict[str, Any]:
        """See Process.run. Raises what `execute` raises."""
        engine, given = self._given(inputs)
        try:
            run = engine.run(self._process, given, **self._how)
        finally:
            _release(self._process)
        return self._outputs(run)

    def start(self, **inputs: Any) -> Run[Any]:
        """See Process.start."""
        engine, given = self._given(inputs)
        try:
            run = engine.start(self._process, given, **self._how)
        except BaseException:
            _release(self._process)
            raise
        return self._followed(engine, run)

    async def start_async(self, **inputs: Any) -> Run[Any]:
        """Start a run on the running event loop and return its handle."""
        engine, given = self._given(inputs)
        try:
            run = await engine.start_async(self._process, given, **self._how)
        except BaseException:
            _release(self._process)
            raise
        return self._followed(engine, run)

    def resume(self, run_id: str) -> dict[str, Any]:
        """Go on with a run on this thread and return its outputs. See Engine.resume."""
        engine, _ = self._given({})
        try:
            run = engine.resume(run_id, self._process, wait=True)
        finally:
            _release(self._process)
        return self._outputs(run)

    def _given(self, inputs: Mapping[str, Any]) -> tuple[Engine, Any]:
        engine = engine_at(self._store)
        check_free(self._process)
        self._process.input.fill(inputs)
        return engine, _occupy(self._process, engine)

    def _followed(self, engine: Engine, run: Run[Any]) -> Run[Any]:
        """The process is free, and shows how it went, when the run is over."""
        self._process._own = None
        if run.over or engine.holdings.get(run.id) is None:
            follow(self._process, run)
        else:
            run.when_over(partial(follow, self._process, run))
        return run

    def _outputs(self, run: Run[Any]) -> dict[str, Any]:
        _conclude(self._process, run)
        return {name: each.value for name, each in self._process.output.items() if each.is_set}


def _engine_that_keeps_nothing() -> Engine:
    if not _ephemeral or _ephemeral[0].closed:
        _ephemeral[:] = [engine_at("ephemeral")]
    return _ephemeral[0]


def check_free(process: Standing) -> None:
    """Raise CommandRefused for a process that is being executed."""
    if process._busy:
        raise CommandRefused(
            f"process {process.name!r} is being executed: wait for it, or make another instance for each execution at"
            " one time"
        )


def _occupy(process: Standing, engine: Engine) -> Any:
    """What the run is given: the process itself where nothing is kept, else its inputs."""
    check_free(process)
    process._busy = True
    if engine.store is None:
        process._durable = False
        process._own = program_of(type(process))
        return process
    process._durable = True
    process._own = own_program(process)
    return process.input.recorded(durable=False)


def _release(process: Standing) -> None:
    process._busy = False
    process._own = None


def follow(process: Standing, run: Run[Any]) -> None:
    """Let a process show how its run, which is over, has ended where its play was not told."""
    _release(process)
    if run.status == "cancelled":
        stop(process)
    elif run.status == "failed" and run.error is not None:
        process.fall(run.error, time.time())


async def _cancel(process: Standing, run: Run[Any]) -> None:
    """Whoever awaited it was cancelled: so is the run."""
    if not run.over:
        run.cancel("whoever awaited it was cancelled")
        await run.wait_async()
    stop(process)


def _conclude(process: Standing, run: Run[Any]) -> None:
    """Take what a run gave that was begun before under the same key; raise as `execute` does if it did not complete."""
    if run.status == "completed":
        if process._result is not run.result():
            process.settle(run.result(), time.time())
        return
    failure = run.error
    if failure is None:
        stop(process)
        run.result()
        return
    process.fall(failure, time.time())
    raised = failure.exception
    if raised is None:
        run.result()
    if isinstance(raised, RunError) and not raised.run_id:
        raised.run_id = run.id
    try:
        raise raised
    finally:
        del failure, raised  # else the exception would hold the frame that holds it


def stop(process: Any) -> None:
    """The run was cancelled: so is every process in it that had not ended."""
    now = time.time()
    queue = [process]
    for each in queue:
        if each.status == "running" or each is process:
            each.stopped(now)
        queue.extend(child for child, _ in getattr(each, "children", ()))
