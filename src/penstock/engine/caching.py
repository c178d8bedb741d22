"""Steps whose results are kept for other runs: looked for before they start, kept with the commit that records their end.

A look is the driver's, on its own thread: one read for all steps that are ready at one moment. What comes of it is an event of
the run, `StepReused` or a note that says why not, so that replays never look. A step whose run is paused is looked for when
the run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from penstock.engine.driven import Driven
from penstock.model.caching import CACHED
from penstock.model.changes import Put
from penstock.model.state import Run, Step
from penstock.model.undoing import PREFIX


class Kept(NamedTuple):
    """A result of the run `source`; `text` is how it is written."""

    value: Any
    source: str
    text: str


class Missed(NamedTuple):
    """Why there is no result: `kind` for programs, `why` for people; `changed` names the code that did."""

    kind: str
    why: str
    changed: tuple[str, ...] = ()


class Results(Protocol):
    """Where results are kept. It raises nothing: what cannot be read is missed, what cannot be kept is not."""

    def find(self, steps: Sequence[Step]) -> list[Kept | Missed]:
        """What is known of these steps, each of which is told under what its result is to be kept (`step.cached`)."""

    def entry(self, step: Step, text: str | None) -> list[Put]:
        """The rows that keep the result of a step."""


@runtime_checkable
class KeepsResults(Protocol):
    """What a host may be able to do besides."""

    def results(self) -> Results | None:
        """Where results are kept; None: nowhere."""


def look_up(driver: Driven) -> None:
    """Look for the results of steps that are ready and may have one: they are reused, or go where others start."""
    core = driver.core
    results = driver.host.results() if isinstance(driver.host, KeepsResults) else None
    while steps := core.sought():
        mine = [] if results is None else [step for step in steps if not step.key.startswith((PREFIX, "@"))]
        answers = [] if results is None else results.find(mine)
        known = {id(step): answer for step, answer in zip(mine, answers, strict=True)}
        missed: dict[tuple[Run, str, Missed], list[int | None]] = {}
        for step in steps:
            answer = known.get(id(step))
            if isinstance(answer, Kept):
                core.reuse(step, answer.value, answer.source, answer.text, driver.now())
                continue
            core.go_without(step)
            if answer is not None:
                missed.setdefault((step.run, step.id, answer), []).append(step.item)
        for (run, name, why), items in missed.items():
            core.note(run, CACHED, driver.now(), name, _told(why, items))


def _told(missed: Missed, items: list[int | None]) -> dict[str, Any]:
    said: dict[str, Any] = {"missed": missed.kind, "why": missed.why}
    if missed.changed:
        said["changed"] = list(missed.changed)
    if items != [None]:
        said["items"] = len(items)
    return said


def keep(driver: Driven, step: Step, text: str | None) -> None:
    """Keep the result of a step that has just ended, in the commit that records its end."""
    if step.cached is not None and isinstance(driver.host, KeepsResults):
        results = driver.host.results()
        if results is not None:
            driver.core.kept += [(step.run, put) for put in results.entry(step, text)]
