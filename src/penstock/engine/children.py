"""The executor of steps that are runs of their own: it begins such a run, or finds it, and answers when that has ended.

Rules:

1. A child outlives its parent's engine: that is lost, it is found again by its id.
2. An end of which the step has not heard yet is passed up. One of which it has is mended: the run is reopened, or followed by
   another.
3. A step that is stopped has its child cancelled, and answers when that has ended. A run that was left, or lost to another
   engine, lets go of its children, and does nothing to them.
4. A child does as its parent does (`Kinship`): it is paused, goes on, and is cancelled when its parent is over, by whoever
   drives it; so no crash in between leaves one behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, Final, Protocol

from penstock.engine.recovery import Log
from penstock.errors import DefinitionError, PenstockError, StoreError
from penstock.model.child import (
    PARENT_OVER,
    PARENT_PAUSED,
    Child,
    as_failure,
    can_go_on,
    child_key,
    ended_as,
    ends_heard,
    ends_in,
)
from penstock.model.failure import failure_of
from penstock.model.ids import run_id_for
from penstock.model.state import Run, Step
from penstock.model.states import FINISHED
from penstock.ports import Job, Outcome

NOTHING_KNOWN: Final[Mapping[str, str]] = {}
Ended = Callable[[Any, Outcome], None]


class Kin(Protocol):
    """What is asked of an engine about runs that are steps of others. Called from any thread; may raise StoreError."""

    def statuses(self, runs: Iterable[str]) -> Mapping[str, str]:
        """The status of each run there is."""

    def log(self, run: str) -> Log:
        """A run's log, decoded."""

    def begin(self, step: Step, child: Child, key: str, inputs: Mapping[str, Any]) -> None:
        """Begin the run of that key, as a child of the step's run."""

    def take_up(self, step: Step, child: Child, run: str) -> None:
        """Drive a run that has not completed, if nobody does; one that failed is reopened."""

    def order(self, run: str, kind: str, reason: str) -> None:
        """Cancel, pause or resume a run, whoever drives it, if it is not so already."""


class _Waiting:
    """A step that waits for its run."""

    __slots__ = ("child", "ended", "job", "run")

    def __init__(self, job: Job, ended: Ended) -> None:
        self.job = job
        self.ended = ended
        self.child: Child = job.fn  # type: ignore[assignment]
        self.run = ""


class Children:
    """See Executor, and the module."""

    name = "child"
    slots: int | None = None

    def __init__(self, kin: Kin) -> None:
        self.kin = kin
        self._waiting: dict[Step, _Waiting] = {}
        self._lock = threading.RLock()

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        if not isinstance(fn, Child):
            raise DefinitionError(f"executor='child' is for workflows; say executor='threads' of {fn!r}")

    def submit(self, job: Job, ended: Ended) -> None:
        waiting = _Waiting(job, ended)
        with self._lock:
            self._waiting[job.token] = waiting
            self._look_after(waiting)

    def stop(self, token: Any) -> bool | None:
        step: Step = token
        waiting = self._waiting.get(step)
        if waiting is None or not waiting.run or step.run.gone:
            self.forget(step)
            return True
        try:
            self.kin.order(waiting.run, "cancel", PARENT_OVER)
        except StoreError:  # whoever drives it will see that its parent is over
            self.forget(step)
            return True
        if not step.live:  # it has failed meanwhile, at its run's deadline
            self.forget(step)
        return None if step.live else True

    def forget(self, token: Any) -> None:
        """Wait for a step's run no more, and leave that as it is."""
        with self._lock:
            self._waiting.pop(token, None)

    def close(self, *, wait: bool = True) -> None:
        self._waiting.clear()

    def left(self, run: str) -> None:
        """A run that may be waited for has left this process."""
        with self._lock:
            for waiting in list(self._waiting.values()):
                if waiting.run == run:
                    self._look_after(waiting)

    def walk(self) -> None:
        """Look after every run that is waited for: now and then, for others may drive them, or nobody any more."""
        with self._lock:
            everyone = list(self._waiting.values())
            runs = [waiting.run for waiting in everyone if waiting.run]
            try:
                known = self.kin.statuses(runs) if runs else NOTHING_KNOWN
            except StoreError:  # busy for now: there will be another round
                return
            for waiting in everyone:
                self._look_after(waiting, known)

    def _look_after(self, waiting: _Waiting, known: Mapping[str, str] = NOTHING_KNOWN) -> None:
        try:
            self._find(waiting, known)
        except StoreError:  # busy for now: there will be another round
            return
        except PenstockError as error:
            self._answer(waiting, Outcome(None, failure_of(error)))

    def _find(self, waiting: _Waiting, known: Mapping[str, str]) -> None:
        """Find the step's run, in whatever state it is, and do what that asks for. `known` are statuses just read."""
        step, kin, ends, heard = waiting.job.token, self.kin, 0, None
        if step.run.gone or not step.live:
            return self.forget(step)
        for number in count(1):
            key = child_key(step.run.id, step.id, number)
            run = waiting.run = run_id_for(waiting.child.definition.as_program().name, key)
            status = known.get(run) or kin.statuses([run]).get(run)
            if status is None:
                return kin.begin(step, waiting.child, key, waiting.job.kwargs)
            if status not in FINISHED:  # one that is in a queue is for workers
                return None if waiting.child.queue is not None else kin.take_up(step, waiting.child, run)
            log = kin.log(run)
            end = ended_as(log)
            if end is None:  # it is being written
                return None
            if status == "completed":
                return self._answer(waiting, Outcome(getattr(end, "value", None), None))
            heard = ends_heard(kin.log(step.run.id), step.id) if heard is None else heard
            ends += ends_in(log)
            if ends > heard or step.stopping:
                return self._answer(waiting, Outcome(None, as_failure(run, end)))
            if can_go_on(end):
                return kin.take_up(step, waiting.child, run)
        return None

    def _answer(self, waiting: _Waiting, outcome: Outcome) -> None:
        if self._waiting.pop(waiting.job.token, None) is waiting:
            waiting.ended(waiting.job.token, outcome)


def follow_parents(kin: Kin, runs: Iterable[Run]) -> None:
    """Have runs that are steps of others do as their parents do."""
    children = [run for run in runs if run.parent is not None]
    if not children:
        return
    statuses = kin.statuses({run.parent for run in children if run.parent is not None})
    for run in children:
        parent = statuses.get(run.parent or "")
        if parent is None or parent in FINISHED:
            if not run.forgiven:  # else somebody reopened it for its own sake
                kin.order(run.id, "cancel", PARENT_OVER)
        elif parent == "paused" and run.status == "running":
            kin.order(run.id, "pause", PARENT_PAUSED)
        elif parent == "running" and run.status == "paused" and run.paused == PARENT_PAUSED:
            kin.order(run.id, "resume", "")
