"""Runs that are put into a queue for a worker to take: recorded at once, driven by whoever claims them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.app.queues import gate_of
from penstock.app.reading import Reading
from penstock.app.run import Run
from penstock.app.starting import check_start, sooner, taken
from penstock.engine.rows import row_of
from penstock.errors import SettingsError
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Change, Guard, Put
from penstock.model.ids import Ids, PassingIds, run_id_for
from penstock.model.program import Definition, Program
from penstock.model.texts import is_writable
from penstock.model.wording import shown
from penstock.ports import Codec

DEFAULT_QUEUE = "default"
HIGHEST_PRIORITY = 100
PLACES_A_PRIORITY = 1_000
"""A run of priority p goes before so many runs times p that were submitted before it: so nothing waits for ever."""


class Submitting(Reading):
    """The part of an engine that leaves runs to workers."""

    _ids: Ids | PassingIds

    def source_with_code(self, definition: Definition, program: Program) -> tuple[dict[str, Any], list[Put]]:
        """Where a definition's code is, and which code it is; with what keeps that, the first time that it is asked for."""
        raise NotImplementedError

    def submit(  # noqa: PLR0913 - one keyword a power
        self,
        definition: Definition,
        inputs: Any = None,
        *,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        delay: float | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
        parent: machine.Run | None = None,
    ) -> Run[Any]:
        """Record a run for a worker to take; its status is pending until one does. The code stays where it is.

        Of runs that wait in one queue, one of higher `priority` (-100 to 100) goes first, though it does not overtake more than
        1,000 for each step of priority. `delay` is how many seconds it may not be taken yet. The same `key` of one workflow is
        the same run. `timeout`, the run's time in seconds, counts from now. `parent` is the run of
        which it is a step. Raises SettingsError for what means nothing.
        """
        program = definition.as_program()
        check_start(program.name, key=key, tags=tags, timeout=timeout)
        check_place(program.name, queue, priority, delay)
        store = self.durable_store()
        self.learn(definition)
        inputs = taken(definition, inputs, durable=True)
        now = self.clock.now()
        run_id = self._ids.fresh(now) if key is None else run_id_for(program.name, key)
        limit = timeout if timeout is not None else program.timeout
        deadline = None if limit is None else now + limit
        source, puts = self.source_with_code(definition, program)
        event = e.RunStarted(program.name, program.version, inputs, 0, deadline, source, dict(tags or {}))
        event.timeout = timeout
        if parent is not None:
            event.parent, event.deadline = parent.id, sooner(event.deadline, parent.deadline)
        change = queued(self.codec, run_id, now, event, queue=queue, priority=priority, delay=delay)
        change.puts = [*change.puts, *puts]
        store.commit([change])
        return self.get(run_id)  # of this key: whichever was first


def queued(  # noqa: PLR0913 - one keyword a column
    codec: Codec,
    run_id: str,
    now: float,
    event: e.RunStarted,
    *,
    queue: str = DEFAULT_QUEUE,
    priority: int = 0,
    delay: float | None = None,
) -> Change:
    """What records a run for a worker to take; refused if there is a run of that id."""
    blobs: list[Put] = []
    row = row_of(1, now, event, codec, blobs)
    columns = {
        "workflow": event.workflow,
        "status": "pending",
        "tags": _json(event.tags),
        "data": _json({"source": event.source}),
        "queue": queue,
        "gate": gate_of(queue),
        "rank_minus": priority * PLACES_A_PRIORITY,
        **({"state": "ready"} if delay is None else {"state": "delayed", "due_in": delay}),
    }
    absent = Guard("runs", run_id, None)
    return Change(run_id, 0, [row], [*blobs, Put("runs", run_id, columns)], [absent])


def check_place(workflow: str, queue: Any, priority: Any, delay: Any) -> None:
    """Raise SettingsError for a place in a queue that is none."""
    where = f"a run of workflow {workflow!r}"
    if not isinstance(queue, str) or not queue or not is_writable(queue):
        raise SettingsError(f"{where}: queue={shown(queue)} must be some text, such as 'reports'")
    if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) > HIGHEST_PRIORITY:
        raise SettingsError(f"{where}: priority={shown(priority)} must be a whole number from -100 to 100")
    number = isinstance(delay, int | float) and not isinstance(delay, bool)
    if delay is not None and not (number and 0 <= delay < float("inf")):
        raise SettingsError(f"{where}: delay={shown(delay)} must be a number of seconds, 0 or more, or None")


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
