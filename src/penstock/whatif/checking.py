"""Was it right before? Past runs are simulated as if they had not happened, and what was predicted stands beside what was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

from penstock.app import Engine, Run
from penstock.errors import SettingsError
from penstock.model.program import Definition
from penstock.whatif.answering import answer
from penstock.whatif.asking import Durations, What, asked_of, engine_of
from penstock.whatif.bands import Band, plain
from penstock.whatif.capacity import Capacity
from penstock.whatif.history import definition_of, pasts
from penstock.whatif.past import Past

CHECKED = 20
"""So many past runs are checked unless somebody says which: the newest."""


class Checked(NamedTuple):
    """One past run. `error` is how far the median prediction is off, as a share of the `real` seconds."""

    run: str
    workers: int
    real: float
    predicted: Band
    error: float


class Together(NamedTuple):
    """The checked runs that had so many workers: medians of what was and of what was predicted."""

    workers: int
    runs: int
    real: float
    predicted: float
    error: float


class Check(NamedTuple):
    """What came of it. `learned_from` is how many runs each prediction rests on, at least."""

    workflow: str
    learned_from: int
    runs: list[Checked]
    together: list[Together]

    def document(self) -> dict[str, Any]:
        """The check as plain values, for programs."""
        found: dict[str, Any] = plain(self)
        return found


def check(  # noqa: PLR0913 - one keyword a part of the question
    what: What,
    *,
    runs: Iterable[str] | None = None,
    trained_on: Iterable[str] | None = None,
    workers: int | None = None,
    seeds: Iterable[int] | None = None,
    durations: Durations = "learned",
    store: str | Engine | None = None,
) -> Check:
    """Simulate past runs of a workflow with the inputs that they had: those in `runs`, else the newest that completed.

    Each is learned from all the others, or from those in `trained_on`. It is given `workers`, left out as many as it had: so
    many of its attempts went on at once. Raises SettingsError where there is nothing to check, or to learn from.
    """
    engine = engine_of(what, store)
    definition = definition_of(engine, what) if isinstance(what, Run) else what
    if runs is None and isinstance(what, Run):
        runs = [what.id]
    taught = None if trained_on is None else pasts(engine, definition, trained_on)
    all_named = runs is not None and taught is not None
    known = [] if all_named else pasts(engine, definition, None)
    chosen = _chosen(engine, definition, known, runs, taught)
    found = []
    least: list[int] = []
    for each in chosen:
        lessons = taught or [other for other in known if other.run != each.run]
        if not lessons:
            raise SettingsError(
                f"run {each.run} is the only one of its workflow: there is nothing to learn from"
            )
        least.append(len(lessons))
        width = workers or max(1, each.width)
        asked = asked_of(definition, inputs=None, durations=durations, store=engine, past=lessons)
        asked = asked._replace(setting=asked.setting._replace(inputs=_same(each.inputs)))
        # who has one worker has most likely none but the engine's own thread
        capacity = Capacity(width, inline=width == 1)
        predicted = answer(asked, 1, capacity, seeds, bottleneck=False).makespan
        found.append(Checked(each.run, width, each.seconds, predicted, _off(predicted.median, each.seconds)))
    return Check(definition.as_program().name, min(least), found, _together(found))


def _chosen(
    engine: Engine,
    definition: Definition,
    known: Sequence[Past],
    runs: Iterable[str] | None,
    taught: Sequence[Past] | None,
) -> list[Past]:
    if runs is not None:
        return pasts(engine, definition, runs)
    lessons = {each.run for each in taught or ()}
    found = [each for each in known if each.status == "completed" and each.run not in lessons][-CHECKED:]
    if not found:
        raise SettingsError(f"workflow {definition.as_program().name!r} has no past runs to check")
    return found


def _same(inputs: Any) -> Any:
    return lambda number, chance: inputs


def _off(predicted: float, real: float) -> float:
    return predicted / real - 1 if real else 0.0


def _together(found: Sequence[Checked]) -> list[Together]:
    groups: dict[int, list[Checked]] = {}
    for each in found:
        groups.setdefault(each.workers, []).append(each)
    return [_group(workers, those) for workers, those in sorted(groups.items())]


def _group(workers: int, those: Sequence[Checked]) -> Together:
    real = median(each.real for each in those)
    predicted = median(each.predicted.median for each in those)
    return Together(workers, len(those), real, predicted, _off(predicted, real))
