"""What must hold of every run and every log, whatever happens: pure checks that say in a sentence what is wrong.

- `Watch.seen` is told each event of a log before it is folded: order, epochs, attempts, waits and limits as the log tells them.
- `projection` is a run's state in a form that can be compared: live and replayed must be equal.
- `waits` says why a run does not move; one that is unfinished and has no reason hangs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from penstock.model import events as e
from penstock.model.policies import retry_delay
from penstock.model.program import Sleep, Wait
from penstock.model.state import Run, Step
from penstock.model.states import FINISHED

_AFTER_THE_END = frozenset({e.Owned, e.RunReopened})


class Watch:
    """Follows one log beside its replayed run."""

    def __init__(self) -> None:
        self.epoch = 0
        self.at = 0.0
        self.failures: dict[tuple[str, int | None], int] = {}
        self.done: set[tuple[str, int | None]] = set()
        self.cancel_asked = False
        self.reopening = False

    def seen(self, run: Run, event: e.Event, at: float) -> Iterator[str]:
        """What is wrong with this event coming next, `run` being the state just before it."""
        yield from self._in_order(run, event, at)
        match event:
            case e.RunStarted():
                self.epoch = event.epoch
            case e.Owned():
                self.epoch = event.epoch
            case e.StepStarted():
                yield from self._start(run, event, at)
            case e.StepDone():
                yield from self._done(run, event, at)
            case e.StepFailed():
                yield from self._failure(run, event, at)
            case e.StepCancelled():
                self._count((event.step, event.item))
            case e.CancelAsked():
                self.cancel_asked = True
            case e.RunReopened():
                self._forget_hooks()
            case e.Paused():
                if run.status != "running":
                    yield f"paused while {run.status}"
            case e.RunDone() | e.RunFailed() | e.RunCancelled():
                yield from self._final(run, event)
            case _:
                pass

    def _in_order(self, run: Run, event: e.Event, at: float) -> Iterator[str]:
        if at < self.at:
            yield f"time went back from {self.at} to {at}"
        self.at = at
        if type(event) is e.Owned and event.epoch <= self.epoch:
            yield f"epoch {event.epoch} came after epoch {self.epoch}"
        if run.status in FINISHED and type(event) not in _AFTER_THE_END:
            yield f"{type(event).__name__} came after the run was {run.status}"
        if self.reopening and type(event) is not e.RunReopened:
            yield f"{type(event).__name__} came after an end that was not reopened"
        self.reopening = run.status in FINISHED and type(event) is e.Owned

    def _start(self, run: Run, event: e.StepStarted, at: float) -> Iterator[str]:
        step = find(run, event.step, event.item)
        key = (event.step, event.item)
        if key in self.done:
            yield f"{_name(key)} started after it was done"
        if run.status != "running":
            yield f"{_name(key)} started while the run was {run.status}"
        limit = run.program.limit
        if limit is not None and run.running >= limit:
            yield f"{_name(key)} started beside {run.running} others; the limit is {limit}"
        if step is None or step.status not in ("ready", "waiting"):
            yield f"{_name(key)} started, which is {'not open' if step is None else step.status}"
            return
        if step.status == "waiting" and (step.due is None or at < step.due):
            yield f"{_name(key)} started at {at}, its retry was due at {step.due}"
        if event.attempt != self.failures.get(key, 0) + 1:
            yield f"{_name(key)} made attempt {event.attempt} after {self.failures.get(key, 0)} failures"

    def _done(self, run: Run, event: e.StepDone, at: float) -> Iterator[str]:
        key = (event.step, event.item)
        if key in self.done:
            yield f"{_name(key)} was done twice"
        self.done.add(key)
        step = find(run, event.step, event.item)
        if step is not None and type(step.ask) is Sleep and (step.due is None or at < step.due):
            yield f"{_name(key)} woke at {at}, it was due at {step.due}"

    def _failure(self, run: Run, event: e.StepFailed, at: float) -> Iterator[str]:
        key = (event.step, event.item)
        self._count(key)
        step = find(run, event.step, event.item)
        if step is None:
            return
        if type(step.ask) is Wait:
            if step.due is None or at < step.due:
                yield f"{_name(key)} gave up at {at}, it was due at {step.due}"
        elif event.attempt != step.attempt or step.status != "running":
            yield f"attempt {event.attempt} of {_name(key)} failed, which is {step.status} at {step.attempt}"
        elif event.error.cause != "lost":
            yield from self._retry(run, step, event, at)

    def _count(self, key: tuple[str, int | None]) -> None:
        self.failures[key] = self.failures.get(key, 0) + 1

    def _retry(self, run: Run, step: Step, event: e.StepFailed, at: float) -> Iterator[str]:
        token = f"{run.id}/{step.id}/{step.item}/{step.attempt}"
        wait = retry_delay(step.policy.retry, step.failures + 1, event.error, token)
        if event.retry_at is not None and (wait is None or abs(event.retry_at - at - wait) > 1e-6):
            yield f"{step} is to be tried again at {event.retry_at}, {wait} s after {at} is what its policy says"
        if event.retry_at is None and wait is not None and not _unwanted(run, step):
            yield f"{step} failed for good, its policy says to try again after {wait} s"

    def _forget_hooks(self) -> None:
        """A hook belongs to an end: when that is undone, it may run again."""
        self.done = {key for key in self.done if "@" not in key[0]}
        self.failures = {key: number for key, number in self.failures.items() if "@" not in key[0]}

    def _final(self, run: Run, event: e.Event) -> Iterator[str]:
        if isinstance(event, e.RunFailed) and event.error.type == "penstock.errors.CodecError":
            return  # a value that cannot be stored, in logs of old, which did not note it before
        kind = {"RunDone": "completed", "RunFailed": "failed"}.get(type(event).__name__, "cancelled")
        if run.final is None or run.final[0] != kind:
            yield f"{type(event).__name__}, but the program's outcome is {run.final and run.final[0]}"
        if run.open or run.running:
            yield f"the run ended with open steps: {', '.join(run.open)}"
        if type(event) is e.RunCancelled and not self.cancel_asked:
            yield "the run was cancelled and nobody asked for it"


def _unwanted(run: Run, step: Step) -> bool:
    if step.key == run.closing:
        return False
    family = step.family
    return (
        step.stopping
        or step.scope.outcome is not None
        or (family is not None and (family.error is not None or family.step.stopping))
    )


def _name(key: tuple[str, int | None]) -> str:
    return key[0] if key[1] is None else f"{key[0]}[{key[1]}]"


def find(run: Run, name: str, item: int | None) -> Step | None:
    """An open step, or an item of one that is in flight."""
    step = run.open.get(name)
    if step is None or item is None or step.family is None:
        return step
    return step.family.active.get(item)


def steps_of(run: Run) -> Iterable[Step]:
    """Every open step, for a map its items in flight, in order of asking."""
    for step in run.open.values():
        if step.family is None:
            yield step
        else:
            yield from step.family.active.values()


def projection(run: Run) -> dict[str, Any]:
    """A run's state as plain values, without what is the engine's own."""
    return {
        "status": run.status,
        "sequence": run.sequence,
        "at": run.at,
        "epoch": run.epoch,
        "running": run.running,
        "deadline": run.deadline,
        "final": None if run.final is None else _outcome(run.final),
        "undoable": [each.name for each in run.undoable],
        "undoing": None if run.undoing is None else (run.undoing.current, list(run.undoing.failed)),
        "steps": [_facts(step) for step in steps_of(run)],
        "maps": [_map_facts(step) for step in run.open.values() if step.family is not None],
        "scopes": {path: scope.open for path, scope in run.scopes.items()},
        "finished": {name: step.status for name, step in run.finished.items()},
        "skipped": dict(run.skipped),
        "published": dict(run.published),
        "signals": {name: list(values) for name, values in run.signals.items() if values},
        "signal_keys": sorted(run.signal_keys),
    }


def _facts(step: Step) -> tuple[Any, ...]:
    return (step.id, step.item, step.status, step.attempt, step.failures, step.due, step.stopping)


def _map_facts(step: Step) -> tuple[Any, ...]:
    family = step.family
    assert family is not None
    return (step.id, bytes(family.marks), family.next, family.done, family.error is None, step.stopping)


def _outcome(final: tuple[str, Any]) -> tuple[str, str]:
    return (final[0], str(final[1]) if final[0] == "failed" else repr(final[1]))


def waits(run: Run) -> list[str]:
    """Why this run does not move just now, a phrase each; empty if there is no reason: then it hangs."""
    if run.status in FINISHED:
        return [f"it is {run.status}"]
    reasons = ["it is paused"] if run.status == "paused" else []
    for step in steps_of(run):
        if step.status == "running":
            reasons.append(f"{step.id} runs")
        elif step.due is not None:
            reasons.append(f"{step.id} is due at {step.due}")
        elif type(step.ask) is Wait:
            reasons.append(f"{step.id} waits for signal {step.ask.signal!r}")
    return reasons
