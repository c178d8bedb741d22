"""The state of one run, and how each event of its log changes it.

`evolve` is the only way the state changes, live and in replay, so that the same log gives the same state:

- A step is open from the moment its program asks for it until it settles. A scope ends when it has an outcome and nothing in
  it is open: what did not start is dropped, what runs is drained and recorded, and the program is asked nothing more.
- A final failure that a later `RunReopened` forgives is read as a retry: reopening a run is a replay, not an undoing.
- What the state made necessary is left in `news` for the engine: steps that became ready, timers, stops, consequences to
  record. In replay nobody looks at it.

The two events of every step may go straight to `step_started` and `step_done`, as `evolve` sends them there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from penstock.errors import InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model.concluding import cancel_asked, noted
from penstock.model.dialogue import (
    begin,
    complete,
    drained,
    ended,
    failed,
    match_signals,
    settle,
)  # fmt: skip
from penstock.model.failure import Failure, failure_of
from penstock.model.gates import enter, limit_of
from penstock.model.items import item_done, item_failed, item_settled
from penstock.model.opening import Nothing, new_play
from penstock.model.program import Map, Open, Sleep, Wait
from penstock.model.state import CANCELLED, Family, News, Outcome, Run, Scope, Step, move, unwanted
from penstock.model.states import WHILE
from penstock.model.undoing import remember

__all__ = ["Family", "News", "Outcome", "Run", "Scope", "Step", "evolve", "fold", "forgiven_in", "unwanted"]


def fold(run: Run, log: Iterable[tuple[int, float, e.Event]]) -> Run:
    """Replay a log, given as (sequence, at, event), into a fresh run."""
    for sequence, at, event in log:
        if sequence != run.sequence + 1:
            raise InvariantBroken(f"run {run.id}: event {sequence} follows event {run.sequence}")
        evolve(run, event, at)
        if run.news.said:
            _tick_off(run.news, event)
    return run


def _tick_off(news: News, event: e.Event) -> None:
    """A consequence that is in the log need not be recorded; one that a forgiven failure held back is left."""
    if isinstance(event, e.StepSkipped | e.Opened | e.Noted):
        news.said = [s for s in news.said if type(s) is not type(event) or s.step != event.step]


def forgiven_in(log: Iterable[e.Event]) -> set[int]:
    """Sequence numbers of all failures that the log's `RunReopened` events forgive."""
    return {number for event in log if type(event) is e.RunReopened for number in event.forgiven}


def evolve(run: Run, event: e.Event, at: float) -> None:
    """Change the run's state by the next event of its log, recorded at `at` (never earlier than the one before)."""
    kind = type(event)
    if kind is e.StepDone:
        step_done(run, event, at)  # type: ignore[arg-type]
    elif kind is e.StepStarted:
        step_started(run, event, at)  # type: ignore[arg-type]
    else:
        run.sequence += 1
        run.at = at
        if kind in WHILE and run.status not in WHILE[kind]:
            raise InvariantBroken(f"run {run.id}: {kind.__name__} while {run.status}")
        _RARE[kind](run, event, at)


def _find(run: Run, name: str, item: int | None) -> Step | None:
    step = run.open.get(name)
    if step is None:
        if "@" in name and run.forgiven:  # a hook of an ending that was forgiven
            return None
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} speaks of step {name!r}, which the program did not ask for;"
            f" open are: {', '.join(sorted(run.open)[:10]) or 'none'}"
        )
    if item is None or step.family is None:
        return step
    member = step.family.active.get(item)
    if member is None:
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} speaks of item {item} of {name!r}, which is not in flight"
        )
    return member


def _out_of_turn(run: Run, verb: str, step: Step) -> Nondeterminism:
    where = f"run {run.id}: event {run.sequence}"
    return Nondeterminism(f"{where} {verb} step {step.id!r}, which is {step.status}")


def step_started(run: Run, event: e.StepStarted, at: float) -> None:
    """See `evolve`."""
    run.sequence += 1
    run.at = at
    step = run.open.get(event.step)
    if step is None or event.item is not None:
        step = _find(run, event.step, event.item)
        if step is None:
            return
    if step.status != "ready" and not _may_start_again(step, at):
        raise _out_of_turn(run, "starts", step)
    step.status = "running"
    step.attempt, step.due = event.attempt, None
    run.running += 1
    if run.watcher is not None:
        run.watcher.started(step)


def _may_start_again(step: Step, at: float) -> bool:
    """Whether its retry is due: a timer or a wait is due as well, and has nothing to start."""
    again = step.status == "waiting" and type(step.ask) not in (Sleep, Wait)
    return again and step.due is not None and step.due <= at


def step_done(run: Run, event: e.StepDone, at: float) -> None:
    """See `evolve`."""
    run.sequence += 1
    run.at = at
    step = run.open.get(event.step)
    if step is None or event.item is not None:
        step = _find(run, event.step, event.item)
        if step is None:
            return
    if step.status == "running":
        run.running -= 1
    elif type(step.ask) is not Sleep:
        raise _out_of_turn(run, "completes", step)
    step.status = "completed"
    if step.policy.undo is not None:
        remember(run, step, event.value)
    if run.watcher is not None:
        run.watcher.ended(step)
    if step.item is not None:
        item_done(run, step, event.value, at)
    else:
        complete(run, step, event.value, at)


def _step_failed(run: Run, event: e.StepFailed, at: float) -> None:
    step = _find(run, event.step, event.item)
    if step is None:
        return
    if step.status == "running":
        run.running -= 1
    elif type(step.ask) is not Wait or event.retry_at is not None:
        raise _out_of_turn(run, "fails", step)
    if event.error.cause != "lost":
        step.failures += 1
    if event.retry_at is not None:
        _again(run, step, event.retry_at, at)
    elif run.sequence in run.forgiven:
        _forgive(run, step, at)
    else:
        _fail(run, step, event.error, at)


def _forgive(run: Run, step: Step, at: float) -> None:
    step.failures = 0
    if type(step.ask) is Wait:
        step.due = None  # its time begins anew when the run is reopened
    else:
        _again(run, step, at, at)


def _again(run: Run, step: Step, retry_at: float, at: float) -> None:
    if retry_at <= at:
        step.status = "ready"
        run.news.ready.append(step)
    else:
        step.status = "waiting"
        step.due = retry_at
        run.news.rare = True
        run.news.timers.append(step)


def _fail(run: Run, step: Step, error: Failure, at: float) -> None:
    step.status = "failed"
    if run.watcher is not None:
        run.watcher.ended(step, error)
    if step.scope.outcome is not None and step.key != run.closing:
        step.scope.blame.append(run.sequence)  # it might have been tried again, had its scope not been ending
    if step.item is not None:
        item_failed(run, step, error, at)
    else:
        if type(step.ask) is Wait:
            run.waiters[step.ask.signal].remove(step)
        failed(run, step, error, at)


def _run_started(run: Run, event: e.RunStarted, at: float) -> None:
    move(run, event)
    run.workflow, run.input, run.epoch, run.parent = event.workflow, event.input, event.epoch, event.parent
    run.deadline, run.tags, run.source, run.started_at = event.deadline, event.tags, event.source, at
    run.chance = event.chance or run.id
    try:
        run.root = Scope(None, "", new_play(run, run.program, "", event.input))
        if limit_of(run.program) is not None:
            enter(run, run.root, Open("", run.program, event.input))
    except Exception as error:
        run.root = Scope(None, "", Nothing())
        run.root.outcome = ("failed", failure_of(error))
    if run.watcher is not None:
        run.watcher.opened(run.root)
    run.todo.append((begin if run.root.outcome is None else ended, run.root))
    settle(run, at)


def _owned(run: Run, event: e.Owned, at: float) -> None:
    run.epoch = event.epoch


def _step_cancelled(run: Run, event: e.StepCancelled, at: float) -> None:
    step = _find(run, event.step, event.item)
    if step is None:
        return
    if step.status == "running":
        run.running -= 1
    elif type(step.ask) is Map and step.item is None:
        raise _out_of_turn(run, "cancels", step)
    if run.forgiven and not (step.stopping or unwanted(step)):
        _again(run, step, at, at)  # it was stopped because of a failure that is forgiven
    else:
        _cancel(run, step, at)


def _cancel(run: Run, step: Step, at: float) -> None:
    step.status = "cancelled"
    if run.watcher is not None:
        run.watcher.ended(step)
    if step.item is not None:
        assert step.family is not None
        item_settled(run, step.family, step.item, CANCELLED, at)
    else:
        drained(run, step, at)


def _step_reused(run: Run, event: e.StepReused, at: float) -> None:
    step = _find(run, event.step, event.item)
    if step is None:
        return
    if step.status == "running":
        raise _out_of_turn(run, "gives a value to", step)
    step.status = "reused"
    if step.item is not None:
        item_done(run, step, event.value, at)
    else:
        complete(run, step, event.value, at)


def _opened(run: Run, event: e.Opened, at: float) -> None:
    scope = run.scopes.get(event.step + "/") if event.step else run.root
    if scope is not None and event.step and run.watcher is not None:
        run.watcher.opened(scope)
    if scope is not None and scope.digest != event.digest:
        raise Nondeterminism(
            f"run {run.id}: scope {event.step!r} was built otherwise than when it was recorded (event {run.sequence});"
            f" then: {', '.join(event.asks)}; now: {', '.join((scope.said or [])[:50])}"
        )


def _signalled(run: Run, event: e.Signalled, at: float) -> None:
    if event.key is not None:
        run.signal_keys.add(event.key)
    run.signals.setdefault(event.name, deque()).append(event.value)
    match_signals(run, event.name, at)


def _paused(run: Run, event: e.Paused, at: float) -> None:
    move(run, event)
    run.paused = event.reason


def _reopened(run: Run, event: e.RunReopened, at: float) -> None:
    move(run, event)
    if run.watcher is not None and run.root is not None:
        run.watcher.opened(run.root)
    run.deadline = event.deadline
    for step in run.open.values():
        if type(step.ask) is Wait and step.due is None and step.ask.timeout is not None:
            step.due = at + step.ask.timeout
            run.news.timers.append(step)


def _over(run: Run, event: e.RunDone | e.RunFailed | e.RunCancelled, at: float) -> None:
    move(run, event)
    if run.watcher is not None and run.root is not None:
        run.watcher.left(run.root)


def _skipped(run: Run, event: e.StepSkipped, at: float) -> None:
    if event.step not in run.skipped:
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} skips step {event.step!r}, which the program did not"
        )


_RARE: dict[type, Any] = {
    e.RunStarted: _run_started,
    e.Owned: _owned,
    e.StepFailed: _step_failed,
    e.StepCancelled: _step_cancelled,
    e.StepReused: _step_reused,
    e.StepSkipped: _skipped,
    e.Opened: _opened,
    e.Signalled: _signalled,
    e.Noted: noted,
    e.Paused: _paused,
    e.Resumed: lambda run, event, at: move(run, event),
    e.CancelAsked: cancel_asked,
    e.RunReopened: _reopened,
    e.RunDone: _over,
    e.RunFailed: _over,
    e.RunCancelled: _over,
}
