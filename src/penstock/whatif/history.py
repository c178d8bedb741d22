"""The past runs of a workflow, as a store has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from penstock.app import Engine, Run
from penstock.app.ledgers import rules_in
from penstock.app.logs import read_start
from penstock.catalogue import reload
from penstock.errors import CodecError, SettingsError
from penstock.model.limits import Bounds
from penstock.model.program import Definition
from penstock.whatif.drawing import kind_of
from penstock.whatif.learning import Learned, Sample
from penstock.whatif.past import Answer, Past, SizeOf, past_of

NEWEST = 200
LONGEST_OVERHEAD = 0.05
"""What takes longer until it starts has waited for somebody else: that is simulated, not learned."""
MOST_EVENTS = 200_000
"""So many past runs are read unless somebody says which, and of those no more than so many events."""


def sizes_by(engine: Engine) -> SizeOf:
    """The size of values as this engine would store them."""
    codec = engine.codec

    def size_of(value: Any) -> int | None:
        try:
            return len(codec.encode(value))
        except CodecError:
            return None

    return size_of


def pasts(
    engine: Engine, definition: Definition, names: Iterable[str] | None, *, newest: int = NEWEST
) -> list[Past]:
    """Past runs of a workflow that ended, the oldest first: those that are named, else the newest.

    Raises RunNotFound for a name of no run, and SettingsError for one of another workflow's.
    """
    program = definition.as_program()
    engine.learn(definition)
    if names is not None:
        runs = [_of(program.name, engine.get(name)) for name in names]
    else:
        rows = engine.rows(workflow=program.name, limit=newest)
        runs = [row["id"] for row in reversed(rows) if row["status"] in ("completed", "failed")]
    size_of = sizes_by(engine)
    found: list[Past] = []
    read = 0
    for run in reversed(runs):
        log = engine.events_of(run)
        found.append(past_of(run, log, program, size_of))
        read += len(log)
        if read > MOST_EVENTS and names is None:
            break
    return found[::-1]


def _of(workflow: str, run: Run[Any]) -> str:
    """The id of a run, if it is of that workflow."""
    if run.workflow != workflow:
        raise SettingsError(
            f"run {run.id} is of workflow {run.workflow!r}, not of {workflow!r}: name runs of one workflow"
        )
    return run.id


def limits_in(engine: Engine) -> dict[str, Bounds]:
    """What the store says of keys, and of all that begin so: it holds in simulations, too."""
    if engine.store is None:
        return {}
    return rules_in(engine.store)


def definition_of(engine: Engine, run: Run[Any]) -> Definition:
    """The definition that a run was started from. Raises RunNotFound if its code is not there."""
    if run._definition is not None:
        return run._definition
    started = read_start(engine, run.id)
    return reload(started.source, started.workflow)


def learned_from(past: Sequence[Past]) -> Learned:
    """What attempts were like in these runs: each took as long as it did, and what it usually takes until one starts."""
    overhead = overhead_in(past)
    samples: dict[str, list[Sample]] = {}
    for each in past:
        for step, found in each.samples.items():
            more = overhead.get(kind_of(step), 0.0)
            samples.setdefault(step, []).extend(one._replace(seconds=one.seconds + more) for one in found)
    return Learned(samples)


def overhead_in(past: Iterable[Past]) -> dict[str, float]:
    """By kind of step, how long it usually takes until what could start does."""
    found: dict[str, list[float]] = {}
    for each in past:
        for step, times in each.overhead.items():
            short = [seconds for seconds in times if seconds <= LONGEST_OVERHEAD]
            found.setdefault(kind_of(step), []).extend(short)
    return {kind: median(times) for kind, times in found.items() if times}


def answers_in(past: Iterable[Past]) -> dict[str, list[Answer]]:
    """What signals came in these runs, by name."""
    found: dict[str, list[Answer]] = {}
    for each in past:
        for name, answers in each.answers.items():
            found.setdefault(name, []).extend(answers)
    return found
