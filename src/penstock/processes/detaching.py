"""Children that nobody waits for: each has a run of its own on the engine of its parent's run.

Its id is made of the step that starts it, so that it is started once, however often that step is tried. It is held until it is
over, on the event loop on which its parent ran, and drained when the engine is closed or the interpreter ends.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from typing import TYPE_CHECKING, Any, Final

from penstock.app.parts import engine_driving
from penstock.context import context
from penstock.errors import RunNotFound
from penstock.processes.execution import follow
from penstock.processes.offering import own_program

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run
    from penstock.processes.standing import Standing

DRAIN_SECONDS: Final = 30.0
"""How long closing waits for one that is under way."""

_held: dict[str, tuple[Run[Any], asyncio.Task[None]]] = {}


async def detach(process: Standing) -> str:
    """Start it, and return the id of its run."""
    here = context()
    engine = _engine_of(here.run)
    durable = engine.store is not None
    process._durable = durable
    process._own = own_program(process) if durable else None
    given = process.input.recorded(durable=False) if durable else process
    try:
        run = await engine.start_async(process, given, key=f"{here.run}/{here.step}")
    finally:
        process._own = None
    process._detached = run
    if not run.over:
        _held[run.id] = (run, asyncio.get_running_loop().create_task(_follow(process, run)))
        if drain not in engine.before_close:
            engine.before_close.append(drain)
    return run.id


async def look(process: Standing) -> dict[str, Any] | None:
    """What it gave, if it has completed."""
    run = process._detached
    if run is None and process._run_id is not None:  # begun before its parent's run was taken up here
        try:
            run = _engine_of(context().run).get(process._run_id)
        except RunNotFound:
            return None
    if run is None or run.status != "completed":
        return None
    value: dict[str, Any] = await run.result_async()
    return value


def _engine_of(run_id: str) -> Engine:
    from penstock.app import Engine

    found = engine_driving(run_id)
    assert isinstance(found, Engine)
    return found


def drain() -> None:
    """Wait for those that other threads drive."""
    for run, task in list(_held.values()):
        if not task.get_loop().is_closed() and not _on(task.get_loop()):
            try:
                run.wait(DRAIN_SECONDS)
            except TimeoutError:
                logging.getLogger("penstock").warning("run %s is left behind: it goes on too long", run.id)


async def _follow(process: Standing, run: Run[Any]) -> None:
    try:
        await run.wait_async()
        follow(process, run)
    except asyncio.CancelledError:
        if not run.over:
            logging.getLogger("penstock").warning(
                "the event loop ended before process %r, which nobody waits for, was done (run %s): await its wait()",
                process.name,
                run.id,
            )
        raise
    finally:
        _held.pop(run.id, None)


def _on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


atexit.register(drain)
