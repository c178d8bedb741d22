"""Runs of processes: which engine, what it is given, and what becomes of the process when the run is over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.app import Engine, engine_at
from penstock.errors import CommandRefused
from penstock.processes.detaching import detach, look
from penstock.processes.offering import own_program, program_of

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.processes.process import Process

__all__ = ["Launcher", "detach", "execute", "look"]

_ephemeral: list[Engine] = []  # the process's own, once it was looked up


async def execute(
    process: Process,
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
        process._busy = False
        process._own = None
    if run.status == "completed":
        return True
    return _raise(process, run)


class Launcher:
    """A process together with how it is to be run. See Process.using."""

    def __init__(
        self,
        process: Process,
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
        process, engine = self._process, engine_at(self._store)
        process.input.fill(inputs)
        try:
            run = engine.run(process, _occupy(process, engine), **self._how)
        finally:
            process._busy = False
            process._own = None
        return self._outputs(run)

    def start(self, **inputs: Any) -> Run[Any]:
        """See Process.start."""
        process, engine = self._process, engine_at(self._store)
        process.input.fill(inputs)
        try:
            return engine.start(process, _occupy(process, engine), **self._how)
        finally:
            process._busy = False
            process._own = None

    async def start_async(self, **inputs: Any) -> Run[Any]:
        """Start a run on the running event loop and return its handle."""
        process, engine = self._process, engine_at(self._store)
        process.input.fill(inputs)
        try:
            return await engine.start_async(process, _occupy(process, engine), **self._how)
        finally:
            process._busy = False
            process._own = None

    def resume(self, run_id: str) -> dict[str, Any]:
        """Go on with a run on this thread and return its outputs. See Engine.resume."""
        process, engine = self._process, engine_at(self._store)
        _occupy(process, engine)
        try:
            run = engine.resume(run_id, process, wait=True)
        finally:
            process._busy = False
            process._own = None
        return self._outputs(run)

    def _outputs(self, run: Run[Any]) -> dict[str, Any]:
        process = self._process
        if run.status != "completed":
            _raise(process, run)
        if process._result is not run.result():  # it was run before, under the same key
            process.settle(run.result(), process._ended or 0.0)
        return {name: each.value for name, each in process.output.items() if each.is_set}


def _engine_that_keeps_nothing() -> Engine:
    if not _ephemeral or _ephemeral[0].closed:
        _ephemeral[:] = [engine_at("ephemeral")]
    return _ephemeral[0]


def _occupy(process: Process, engine: Engine) -> Any:
    """What the run is given: the process itself where nothing is kept, else its inputs."""
    if process._busy:
        raise CommandRefused(
            f"process {process.name!r} is being executed: wait for it, or make another instance for each execution at"
            " one time"
        )
    process._busy = True
    if engine.store is None:
        process._durable = False
        process._own = program_of(type(process))
        return process
    process._durable = True
    process._own = own_program(process)
    return process.input.recorded(durable=False)


async def _cancel(process: Process, run: Run[Any]) -> None:
    """Whoever awaited it was cancelled: so is the run."""
    if not run.over:
        run.cancel("whoever awaited it was cancelled")
        await run.wait_async()
    _stop(process)


def _raise(process: Process, run: Run[Any]) -> bool:
    """Raise as `execute` does for a run that did not complete."""
    failure = run.error
    if failure is None:
        _stop(process)
        run.result()
        return False
    process.fall(failure, process._began or 0.0)
    if failure.exception is None:
        run.result()
    try:
        raise failure.exception
    finally:
        del failure  # else the exception would hold the frame that holds it


def _stop(process: Any) -> None:
    """The run was cancelled: so is every process in it that had not ended."""
    import time

    now = time.time()
    queue = [process]
    for each in queue:
        if each.status == "running" or each is process:
            each.stopped(now)
        queue.extend(child for child, _ in getattr(each, "children", ()))
