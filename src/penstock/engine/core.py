"""The engine's core: told what happened, it answers with batches of rows and the effects that those rows make legal.

It waits for nothing, reads no clock and is neither thread-safe nor re-entrant; a driver owns it and hands in the time. Rules:

1. Effects ride on the batch that makes them legal: a driver appends `Batch.rows`, and only then starts, stops and announces.
   A step whose `needs` is the number of a batch already durable may start at once; its started event rides along.
2. Any call may make rows: a driver may stop only when `seal()` is None and nothing is ready.
3. Just before it runs a step, the driver asks `begin(step)`; meanwhile a cancel, a stop or a lost lease may have come.
4. A late answer is dropped by identity: an attempt that is no longer live says nothing.
"""

from __future__ import annotations

from typing import Any

from penstock.engine.attempts import (
    LOST,
    cancelling,
    each,
    failing,
    has_ending,
    running,
    still_ready,
    too_late,
    unique,
)
from penstock.engine.batching import Batching
from penstock.model import events as e
from penstock.model.concluding import DEADLINE
from penstock.model.failure import Failure
from penstock.model.machine import Run, Step, step_done, unwanted
from penstock.model.states import FINISHED


class Core(Batching):
    """Many runs at once.

    `route` names the lane for a step; it is asked when the step becomes ready. `text` encodes the value of a run that
    completes; one that raises fails the run. `monotonic` is the clock of timers that count seconds.
    """

    # Runs come and go

    def start(self, run: Run, event: e.RunStarted, at: float) -> None:
        """A run begins here."""
        self.runs[run.id] = run
        self._record(run, event, at)
        if run.deadline is not None:
            self.timers.end(run, at)
        self._look(run, at)

    def adopt(self, run: Run, epoch: int, owner: str, at: float, reopen: list[int] | None = None) -> None:
        """Go on with a run that was folded from its log: own it, count what was running as lost, start what is pending.

        `reopen` lists the failures of a failed run that are forgiven; the log must have been folded with them forgiven.
        """
        self.runs[run.id] = run
        timed, run.news.timers = unique(run.news.timers), []
        self._record(run, e.Owned(epoch, owner), at)
        if reopen is not None:
            limit = run.program.timeout
            self._record(run, e.RunReopened(reopen, None if limit is None else at + limit), at)
        ready = still_ready(run)
        run.news.ready = []
        run.news.stops = []
        for step in timed:  # no clock of ours went on counting meanwhile: wall time says what is left
            if step.status == "waiting" and step.due is not None and step not in run.news.timers:
                step.needs = self.serial
                self.timers.wake(step, at)
        for step in running(run):
            self._lost(step, run.at)
        run.news.ready[:0] = ready
        self.timers.end(run, at)
        self._look(run, run.at)

    def refused(self, run: Run) -> None:
        """The run's rows were not taken: what we know of it is a guess. Forget it; its steps' answers are void."""
        run.gone = True
        self.runs.pop(run.id, None)
        if not any(row[0] is run for row in self._rows):  # else these rows are tried, and take their letters
            self._takes.pop(run, None)
        self._leave(run)
        for step in running(run):
            self._release(step)
            self._stops.append(step)

    # What others ask of a run

    def took(self, run: Run, letter: int) -> None:
        """The letter of that number is about to be carried out: the next rows of its run take it from the inbox."""
        run.letters = letter
        if run.id in self.runs:
            self._takes[run] = letter

    def signal(
        self, run: Run, name: str, value: Any, at: float, key: str | None = None, text: str | None = None
    ) -> None:
        """A message came; one whose key was seen before, or that came too late, is dropped."""
        if run.status not in FINISHED and (key is None or key not in run.signal_keys):
            self._record(run, e.Signalled(name, value, key, text), at)
            self._look(run, at)

    def pause(self, run: Run, at: float, reason: str = "") -> bool:
        """Running steps end, none starts. False if the run is not running."""
        if run.status != "running" or run.final is not None:
            return False
        self._record(run, e.Paused(reason), at)
        self._look(run, at)
        return True

    def resume(self, run: Run, at: float) -> bool:
        """End a pause. False if the run is not paused."""
        if run.status != "paused":
            return False
        self._record(run, e.Resumed(), at)
        run.told = False
        for step in each(run):
            step.needs = self.serial
        self._unpark(run)
        self._look(run, at)
        return True

    def cancel(self, run: Run, at: float, reason: str = "") -> bool:
        """Stop what runs, start nothing, end. False if the run is over, being cancelled or being undone."""
        if run.status in FINISHED or run.undoing is not None or cancelling(run):
            return False
        self._record(run, e.CancelAsked(reason), at)
        if run.status == "paused" and run.final is None and has_ending(run):
            return self.resume(run, at)
        self._look(run, at)
        return True

    # What became of steps

    def begin(self, step: Step, at: float) -> bool:
        """Whether the driver may run this step now."""
        if not step.live or step.run.gone:
            return False
        if step.stopping:
            self.stopped(step, at)
            return False
        timeout = step.policy.timeout
        if timeout is not None:
            self.timers.after(timeout, at + timeout, "attempt", (step, step.attempt))
        return True

    def ended(self, step: Step, value: Any, text: str | None, at: float) -> bool:
        """An attempt returned. False if nobody waits for its answer any more."""
        if not step.live:
            return False
        run = step.run
        step.live = False
        step.lane.free += 1
        if step.slot is not None:
            self._let_go(step)
        if run.parked:
            self._unpark(run, 1)
        at = at if at > run.at else run.at
        event = e.StepDone(step.id, step.item, value, text)
        step_done(run, event, at)
        self._rows.append((run, run.sequence, at, event))
        news = run.news
        if news.ready:
            self._queue(news)
        if news.rare or run.final is not None or run.status != "running":
            self._look(run, at)
        return True

    def reuse(self, step: Step, value: Any, source: str, text: str, at: float) -> None:
        """Another run has the result of a step that is ready: it need not start."""
        if step.status in ("ready", "waiting") and not step.live and not step.run.gone:
            self._record(step.run, e.StepReused(step.id, value, source, text, item=step.item), at)
            self._look(step.run, at)

    def failed(self, step: Step, error: Failure, at: float) -> bool:
        """An attempt raised, timed out or was lost. False if nobody waits for its answer any more."""
        if not step.live:
            return False
        if step.stopping:
            return self.stopped(step, at)
        self._release(step)
        self._fail(step, error, at)
        self._look(step.run, at)
        return True

    def stopped(self, step: Step, at: float) -> bool:
        """An attempt that was to stop has stopped (or was left behind)."""
        if not step.live:
            return False
        self._release(step)
        self._record(step.run, e.StepCancelled(step.id, step.item), at)
        self._look(step.run, at)
        return True

    def note(self, run: Run, topic: str, at: float, step: str | None = None, data: Any = None) -> None:
        """Record something worth remembering, unless the run is over."""
        if run.status not in FINISHED:
            self._record(run, e.Noted(topic, step, data), at)
            self._look(run, at)

    # Time

    def due(self, at: float) -> None:
        """Handle every timer whose time has come. None comes early in the log, though wall time was set back meanwhile."""
        for when, kind, what in self.timers.due(at):
            if kind == "step":
                self._step_due(what, when, max(at, when))
            elif kind == "attempt":
                self._attempt_due(what[0], what[1], at)
            elif kind == "run" and what.deadline == when:
                self._run_due(what, max(at, when))

    # Inside

    def _fail(self, step: Step, error: Failure, at: float) -> None:
        at = max(at, step.run.at)
        self._record(step.run, failing(step, error, at), at)

    def _lost(self, step: Step, at: float) -> None:
        """An attempt of an engine that is no more: it does not count against the step's retries."""
        lost = e.StepFailed(step.id, step.item, step.attempt, LOST, at)
        self._record(step.run, e.StepCancelled(step.id, step.item) if unwanted(step) else lost, at)

    def _step_due(self, step: Step, when: float, at: float) -> None:
        run = step.run
        if step.status != "waiting" or step.due != when or run.gone or run.status in FINISHED:
            return
        kind = type(step.ask).__name__
        if kind == "Sleep":
            self._record(run, e.StepDone(step.id, None, None, "null"), at)
        elif kind == "Wait":
            late = too_late(f"no signal {step.ask.signal!r} within {step.ask.timeout} s")
            self._record(run, e.StepFailed(step.id, None, step.attempt, late), at)
        else:
            step.lane = self._lane_for(step)
            self._line_up(step)
        self._look(run, at)

    def _attempt_due(self, step: Step, attempt: int, at: float) -> None:
        if step.live and step.attempt == attempt and not step.stopping:
            self._stops.append(step)
            self.failed(step, too_late(f"{step.id} took longer than {step.policy.timeout} s"), at)

    def _run_due(self, run: Run, at: float) -> None:
        if run.gone or run.status in FINISHED or run.final is not None:
            return
        self.note(run, DEADLINE, at)
        for step in running(run):
            self._stops.append(step)
            self.failed(step, too_late(f"{step.id} was stopped at its run's deadline"), at)
