"""Programs written down as a table of answers, and a hand that plays logs to them event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.machine import Run, evolve, fold
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Ask, Do, Fail, Plan

Answer = Ask | Iterable[Ask] | Callable[[Any], Any]


def nothing(*_: Any, **__: Any) -> None:
    """The function of steps that nobody runs."""


def do(key: str, policy: Policy = DEFAULT) -> Do:
    return Do(key, nothing, (), {}, policy)


def oops(message: str = "oops", cause: Any = "error") -> Failure:
    return Failure("ValueError", message, cause)


class Script(Plan):
    """Asks for `first`; when a step is done or fails, for what its key says (a failure not spoken of fails the scope).

    An answer is an ask, several, or a function of the value or the failure that gives either.
    """

    def __init__(
        self,
        first: Answer,
        done: Mapping[str, Answer] | None = None,
        failed: Mapping[str, Answer] | None = None,
        *,
        name: str = "script",
        hooks: Mapping[str, Do] | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        keep: bool = True,
    ) -> None:
        self.first, self.done, self.failed = first, done or {}, failed or {}
        self.name, self.hooks, self.limit, self.timeout, self.keep = name, hooks or {}, limit, timeout, keep

    def play(self, input: Any) -> ScriptPlay:
        return ScriptPlay(self, input)


class ScriptPlay:
    """One play of a script; `heard` is what it was told."""

    def __init__(self, script: Script, input: Any) -> None:
        self.script = script
        self.input = input
        self.heard: list[tuple[str, str, Any]] = []

    def begin(self, at: float) -> Iterable[Ask]:
        return _asks(self.script.first, self.input)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.heard.append(("done", key, value))
        return _asks(self.script.done.get(key, ()), value)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        self.heard.append(("failed", key, error))
        return _asks(self.script.failed.get(key, lambda e: Fail(e)), error)


def _asks(answer: Any, value: Any) -> Iterable[Ask]:
    if callable(answer):
        answer = answer(value)
    return list(answer) if isinstance(answer, list | tuple) else [answer]


class Hand:
    """Plays events to one run, each a second after the one before, and keeps the log."""

    def __init__(self, script: Plan, input: Any = None, *, started: bool = True, **facts: Any) -> None:
        self.run = Run("r", script)
        self.script = script
        self.log: list[tuple[int, float, e.Event]] = []
        self.now = 0.0
        if started:
            self.play(e.RunStarted(script.name, script.version, input, **facts))

    def play(self, *events: e.Event, at: float | None = None) -> Hand:
        for event in events:
            self.now = at if at is not None else self.now + 1.0
            evolve(self.run, event, self.now)
            self.log.append((self.run.sequence, self.now, event))
            self._record_consequences()
        return self

    def _record_consequences(self) -> None:
        said, self.run.news.said = self.run.news.said, []
        for event in said:
            evolve(self.run, event, self.now)
            self.log.append((self.run.sequence, self.now, event))

    def start(self, *steps: str, item: int | None = None, attempt: int = 1) -> Hand:
        return self.play(*(e.StepStarted(step, item, attempt) for step in steps))

    def done(self, step: str, value: Any = None, item: int | None = None) -> Hand:
        """Started and done."""
        return self.start(step, item=item).end(step, value, item)

    def end(self, step: str, value: Any = None, item: int | None = None) -> Hand:
        return self.play(e.StepDone(step, item, value))

    def fail(
        self, step: str, error: Failure | None = None, item: int | None = None, retry_at: float | None = None
    ) -> Hand:
        """Its attempt, which was started, fails."""
        return self.play(e.StepFailed(step, item, 1, error or oops(), retry_at))

    def again(self, *forgiven: int) -> Run:
        """The same log read once more, by a fresh run that forgives these sequences."""
        return fold(Run("r", self.script, forgiven), self.log)

    @property
    def sequence(self) -> int:
        return self.run.sequence

    @property
    def open(self) -> dict[str, str]:
        """Open steps and their states."""
        return {name: step.status for name, step in self.run.open.items()}

    @property
    def final(self) -> Any:
        return self.run.final

    @property
    def heard(self) -> list[tuple[str, str, Any]]:
        assert self.run.root is not None
        return self.run.root.play.heard  # type: ignore[attr-defined,no-any-return]

    @property
    def ready(self) -> list[str]:
        """What became ready since this was asked last; items as name[number]."""
        steps, self.run.news.ready = self.run.news.ready, []
        return [step.id if step.item is None else f"{step.id}[{step.item}]" for step in steps]

    @property
    def stops(self) -> list[str]:
        """What was asked to stop since this was asked last."""
        steps, self.run.news.stops = self.run.news.stops, []
        return [step.id if step.item is None else f"{step.id}[{step.item}]" for step in steps]
