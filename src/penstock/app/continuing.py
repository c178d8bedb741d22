"""Runs that go on as new ones: the last step of one starts the next, whose id is what the one ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from penstock.app.parts import engine_driving
from penstock.context import context
from penstock.errors import CommandRefused
from penstock.model.continued import next_of
from penstock.model.states import FINISHED

if TYPE_CHECKING:
    from penstock.app.engine import Engine
    from penstock.app.run import Run
    from penstock.model.program import Definition


def begin_next(definition: Definition, inputs: Any) -> str:
    """For a step, on the thread that drives its run: start the run that follows; its id.

    The next run's first event is recorded before that the step is done, for one driver has both. Tried again, the step finds
    the run that it started: its key is made of this run's id.
    """
    here = context().run
    engine = cast("Engine | None", engine_driving(here))
    held = None if engine is None else engine.holdings.get(here)
    if engine is None or held is None:
        raise CommandRefused(f"run {here} is driven by no engine that could start another run in its stead")
    tags = {**held.state.tags, "continues": here}
    return engine.start_beside(held, definition, inputs, key=f"after {here}", tags=tags).id


def follow(engine: Engine, run: Run[Any]) -> Run[Any]:
    """The last of the runs that a run that has completed went on as, each driven on this thread, or waited for."""
    following = run
    while (name := next_of(following.result())) is not None:
        held = engine.holdings.get(name)
        if held is None:
            known = engine.get(name)
            following = known if known.status in FINISHED else engine.resume(name, wait=True)
        elif engine.is_idle_here(held.driver):
            following = engine.drive(held.driver, held.handle)  # type: ignore[arg-type]
        else:
            following = held.handle
    return following
