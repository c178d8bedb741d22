"""Outcomes that a run as a whole is given from outside: it is cancelled, out of time, or its value cannot be stored."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.model import events as e
from penstock.model.dialogue import ended, give_outcome, settle
from penstock.model.failure import Failure
from penstock.model.state import Outcome, Run
from penstock.model.undoing import UNSTORABLE

DEADLINE: Final = "deadline"
"""The topic of the note that a run took too long."""


def cancel_asked(run: Run, event: e.CancelAsked, at: float) -> None:
    if run.final is None and run.undoing is None:
        _conclude(run, ("cancelled", event.reason), at)


def noted(run: Run, event: e.Noted, at: float) -> None:
    """Most notes change nothing."""
    if run.sequence in run.forgiven:
        return
    if event.topic == UNSTORABLE and event.step is None:
        _refuse_value(run, msgspec.convert(event.data, Failure), at)
    elif event.topic == DEADLINE:
        _out_of_time(run, at)


def _refuse_value(run: Run, error: Failure, at: float) -> None:
    """The program has ended well, and the run does not: from here on it ends as one that failed."""
    assert run.root is not None
    run.final = run.closing = None
    run.root.outcome = ("failed", error)
    run.root.blame.append(run.sequence)
    run.todo.append((ended, run.root))
    settle(run, at)


def _out_of_time(run: Run, at: float) -> None:
    if run.root is not None and run.root.outcome is not None:
        # It changed nothing; a reopened run, which has another one, must not take it up.
        run.root.blame.append(run.sequence)
    else:
        late = Failure(
            "penstock.errors.StepTimeout", f"run {run.id} took longer than it was allowed", "timeout"
        )
        _conclude(run, ("failed", late), at, blame=run.sequence)


def _conclude(run: Run, outcome: Outcome, at: float, *, blame: int | None = None) -> None:
    if run.root is None:
        run.final = outcome
        return
    if blame is not None:
        run.root.blame.append(blame)
    give_outcome(run, run.root, outcome)
    settle(run, at)
