"""What --profile shows of a run: which steps took its time, what they waited for, and the critical path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from penstock.cli.board import Board
from penstock.cli.closing import labelled
from penstock.cli.ink import Ink
from penstock.cli.text import columns, duration, number, plural
from penstock.errors import PenstockError
from penstock.model import events as e
from penstock.model.profile import Items, Needs, Profile, StepTimes, profile_of

if TYPE_CHECKING:
    from penstock.app import Engine, Run

ROWS: Final = 20


class LoggedBoard(Board):
    """A board that keeps the events it was told of."""

    def __init__(self, *plan: Any) -> None:
        super().__init__(*plan)
        self.log: list[tuple[int, float, e.Event]] = []

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        super().recorded(run, workflow, sequence, at, event)
        if run == self.run:
            self.log.append((sequence, at, event))


class Told:
    """A profile, and why its critical path is not known, if it is not. `at` is now, if the run is or was just driven."""

    def __init__(
        self, log: list[tuple[int, float, e.Event]], definition: Any, at: float | None, reason: str = ""
    ) -> None:
        needs: Needs | None = None
        if definition is not None:
            needs, reason = _needs_of(definition, log)
        self.reason = reason
        self.profile = profile_of(log, needs, at)

    def document(self) -> dict[str, Any]:
        """See docs/command-line.md."""
        profile = self.profile
        return {
            "seconds": profile.seconds,
            "in_steps": profile.in_steps,
            "waiting": profile.waiting,
            "outside": profile.outside,
            "away": profile.away,
            "slowest": [step.step for step in profile.slowest()],
            "critical_path": profile.critical,
            "critical_seconds": profile.critical_seconds,
            "steps": [_step_document(step) for step in profile.steps],
        }

    def lines(self, ink: Ink) -> list[str]:
        """What is shown to people."""
        return ["", *_table(self.profile, ink), "", *labelled(self._facts(ink), ink)]

    def _facts(self, ink: Ink) -> list[tuple[str, str]]:
        profile = self.profile
        facts = [
            (label, f"{duration(seconds):>8}  {ink(said, 'dim')}")
            for label, seconds, said in (
                ("in steps", profile.in_steps, _share(profile.in_steps, profile.seconds)),
                ("waiting", profile.waiting, "for a retry, or the end of a pause; no step ran"),
                ("outside", profile.outside, "the engine, the disk, executors that start; no step ran"),
                ("away", profile.away, "nobody drove the run; counted nowhere else"),
            )
            if seconds or label in ("in steps", "outside")
        ]
        if profile.critical is None:
            return [*facts, ("critical", f"not known: {self.reason}")]
        arrow = " → " if ink.unicode else " -> "
        took = duration(profile.critical_seconds or 0.0)
        return [*facts, ("critical", f"{took:>8}  {arrow.join(profile.critical)}")]


def told_of(engine: Engine, run: Run[Any], at: float | None) -> Told:
    """The profile of a run whose code is where it was recorded, or is not there any more."""
    from penstock.cli.files import load_recorded

    log = run.events()
    try:
        definition = load_recorded(engine, run)
    except PenstockError:
        return Told(log, None, at, "the run's code is not where it was, or cannot be loaded")
    return Told(log, definition, at)


def _needs_of(definition: Any, log: list[tuple[int, float, e.Event]]) -> tuple[Needs | None, str]:
    from penstock.cli.drawing.picture import picture_of
    from penstock.errors import UserError

    program = definition.as_program()
    first = log[0][2] if log else None
    if isinstance(first, e.RunStarted) and first.version not in ("", program.version):
        return None, "the workflow's steps are not the same any more"
    try:
        return picture_of(definition).depends_on, ""
    except UserError:
        return None, "this workflow decides its steps as it runs"


def _table(profile: Profile, ink: Ink) -> list[str]:
    slowest = profile.slowest()
    heads = [
        ink(head, "dim") for head in ("", "SLOWEST", "BUSY", "SHARE", "QUEUED", "RETRYING", "ATTEMPTS", "")
    ]
    critical = set(profile.critical or ())
    rows = [_row(step, ink, critical=step.step in critical) for step in slowest[:ROWS]]
    more = len(slowest) - ROWS
    rest = [ink(f"  … {plural(more, 'step')} more; --json has all", "dim")] if more > 0 else []
    return [*columns([heads, *rows], right=[2, 3, 4, 5, 6]), *rest]


def _row(step: StepTimes, ink: Ink, *, critical: bool) -> list[str]:
    return [
        ink("*", "warn") if critical else "",
        step.step,
        duration(step.seconds),
        f"{step.share:.0%}",
        "" if step.queued is None else duration(step.queued),
        duration(step.retrying) if step.retrying else "",
        number(step.attempts),
        "" if step.items is None else ink(_of_items(step.items), "dim"),
    ]


def _of_items(items: Items) -> str:
    said = f"{plural(items.number, 'item')}, {duration(items.mean)} each"
    return f"{said}, slowest [{items.slowest}] {duration(items.slowest_seconds)}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%} of {duration(whole)}" if whole else ""


def _step_document(step: StepTimes) -> dict[str, Any]:
    items = step.items
    return {
        "step": step.step,
        "status": step.status,
        "attempts": step.attempts,
        "started": step.started,
        "ended": step.ended,
        "seconds": step.seconds,
        "share": step.share,
        "queued": step.queued,
        "retrying": step.retrying,
        "items": None if items is None else {**items._asdict()},
    }
