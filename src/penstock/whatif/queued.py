"""What a queue allows its runs: how many go on at once and how quickly they begin, as the question says, else the store."""

from __future__ import annotations

from typing import Any

from penstock.app import Engine
from penstock.app.queues import UNSAID, Queues, Said, gate_of
from penstock.app.scheduling import Schedules
from penstock.errors import DefinitionError, SettingsError
from penstock.model.limits import Bounds
from penstock.model.texts import is_writable
from penstock.model.wording import guess, shown
from penstock.ports import Store
from penstock.whatif.scheduled import Scheduled


def allowed(
    engine: Engine, queue: str | None, arrivals: Any, *, concurrency: int | None, rate: str | None
) -> tuple[int | None, Bounds | None]:
    """Runs at once and how they begin; what is not said here is as the store says of `queue`, else of the schedule's queue.

    Raises SettingsError for a queue that the store does not know, and for a rate that is none.
    """
    said = _said_of(engine, queue, arrivals)
    if concurrency is not None:
        said = said._replace(concurrency=concurrency)
    if rate is not None:
        said = said._replace(rate=rate)
    return said.concurrency, _pace(said)


def _said_of(engine: Engine, queue: str | None, arrivals: Any) -> Said:
    if queue is not None:
        return _known(engine, queue)
    if isinstance(arrivals, Scheduled):
        return Queues(engine).said().get(gate_of(Schedules(engine).get(arrivals.name).queue), UNSAID)
    return UNSAID


def _known(engine: Engine, queue: str) -> Said:
    """What the store says of a queue that it knows, if only by runs that have ended."""
    names: list[str] = []
    if engine.store is not None:
        queues = Queues(engine)
        said = queues.said().get(gate_of(queue))
        if said is not None:
            return said
        names = [each.name for each in queues.all()]
        if queue in names or _had_runs(engine.store, queue):
            return UNSAID
    raise SettingsError(
        f"there is no queue {shown(queue)}: no run was submitted to it, and nothing was said of it"
        f" (penstock queues set); {guess(str(queue), names)}"
    )


def _had_runs(store: Store, queue: Any) -> bool:
    named = isinstance(queue, str) and is_writable(queue)
    return named and bool(store.find("runs", {"queue": queue}, limit=1))


def _pace(said: Said) -> Bounds | None:
    if said.rate is None:
        return None
    try:
        return said._replace(concurrency=None).bounds
    except DefinitionError as error:
        raise SettingsError(f"the queue's {error}") from None
