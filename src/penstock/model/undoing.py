"""How a run ends: what its finished steps did is undone if it failed or was cancelled, then its hook runs, then it is final.

1. Undone are the steps that completed in this run and name an undo, items of maps each by itself, the last to complete first,
   wherever in the run they stand. What failed, was stopped or was reused from another run is not.
2. Each undo is a step, `undo:` and the name of what it undoes, with the retries of its own policy. One goes on after the other.
3. One that fails for good is told of in the run's error, and the others still run.
4. Meanwhile nothing else moves the run: it has no deadline any more, and cannot be cancelled; a pause holds it up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.program import Do, item_arguments
from penstock.model.state import Outcome, Run, Step
from penstock.model.undo import Finished, Undoing
from penstock.model.wording import listed

PREFIX: Final = "undo:"
UNDOABLE: Final = "undoable"
"""The topic of the note that a run leaves when the first of its steps has completed that could be undone."""
UNSTORABLE: Final = "unstorable"
"""The topic of the note that fails a run whose program ended well, with a value that cannot be stored; its data say how."""


def remember(run: Run, step: Step, value: Any) -> None:
    """A step that names an undo has completed. The first leaves a note, so that who has no code knows of it too."""
    assert step.policy.undo is not None
    if not run.undoable:
        run.news.rare = True
        run.news.said.append(e.Noted(UNDOABLE))
    if step.item is None:
        finished = Finished(step.id, step.policy.undo, step.ask.args, step.ask.kwargs, value)
    else:
        given = item_arguments(step.ask, step.item)
        finished = Finished(f"{step.id}[{step.item}]", step.policy.undo, (), given, value)
    run.undoable.append(finished)


def can_be_undone(log: Iterable[tuple[int, float, e.Event]]) -> bool:
    """Whether a run of which this is the log may have something to undo at its end."""
    return any(type(event) is e.Noted and event.topic == UNDOABLE for _, _, event in log)


def undo_failed(run: Run, step: Step, error: Failure) -> None:
    """An undo has failed for good."""
    if run.undoing is not None and step.key == run.undoing.current:
        run.undoing.failed.append(f"{step.key.removeprefix(PREFIX)} ({error})")


def next_at_the_end(run: Run) -> Do | None:
    """What the run is still to do now that its root scope has ended: an undo, its hook, or nothing."""
    assert run.root is not None and run.root.outcome is not None  # noqa: PT018
    if run.root.outcome[0] != "completed" and (ask := _next_undo(run)) is not None:
        return ask
    kind, value = run.root.outcome
    hook = run.program.hooks.get(kind)
    if hook is None or not (run.closing is None or run.closing.startswith(PREFIX)):
        return None
    return Do(hook.key, hook.fn, (value,), {}, hook.policy)


def _next_undo(run: Run) -> Do | None:
    undoing = run.undoing
    if undoing is None:
        if not run.undoable:
            return None
        undoing = run.undoing = Undoing()
        run.deadline = None
    if run.undoable:
        name, undo, args, kwargs, value = run.undoable.pop()
        undoing.current = PREFIX + name
        args, kwargs = undo.arguments(value, args, kwargs)
        return Do(undoing.current, undo.fn, args, kwargs, undo.policy)
    if not undoing.over:
        undoing.over = True
        run.root.outcome = _told(run.root.outcome, undoing.failed)  # type: ignore[union-attr, arg-type]
    return None


def _told(outcome: Outcome, failed: list[str]) -> Outcome:
    """The outcome, which says what could not be undone."""
    if not failed:
        return outcome
    kind, value = outcome
    said = f"not undone: {listed(failed)}"
    if kind == "cancelled":
        return kind, f"{value}; {said}" if value else said
    return kind, msgspec.structs.replace(value, message=f"{value.message}; {said}" if value.message else said)
