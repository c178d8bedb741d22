"""A run that really happened, as it stands in a test that replays it: see `record`, which writes such tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from penstock.app import Run
from penstock.catalogue import load
from penstock.codecs import JsonCodec
from penstock.model.failure import Cause, Failure
from penstock.model.wording import listed
from penstock.ports import Job, Outcome
from penstock.testing.kit.engine import Answer, Stuck
from penstock.testing.kit.rehearsal import Rehearsal, Rehearsed


class Stored(NamedTuple):
    """A value as a store keeps it: its JSON text."""

    text: str


class Ended(NamedTuple):
    """One attempt: `at` seconds after the run began it had returned or failed. With neither it was stopped."""

    at: float
    item: int | None
    value: Any
    failure: Failure | None
    stopped: bool = False


def returned(at: float, value: Any, *, item: int | None = None) -> Ended:
    """An attempt that returned a value."""
    return Ended(at, item, value, None)


def raised(  # noqa: PLR0913 - what a log says of a failure
    at: float,
    type: str,
    message: str = "",
    *,
    bases: Sequence[str] = (),
    cause: Cause = "error",
    after: float | None = None,
    asked: bool = False,
    item: int | None = None,
) -> Ended:
    """An attempt that failed with an exception of this type."""
    failure = Failure(type, message, cause, tuple(bases), after=after, asked=asked)
    return Ended(at, item, None, failure)


def stopped(at: float, *, item: int | None = None) -> Ended:
    """An attempt that was stopped before it had ended."""
    return Ended(at, item, None, None, stopped=True)


class Recording:
    """What a run was given and how each attempt of its steps ended, in order.

    `code` is where its workflow is, FILE:NAME or MODULE:NAME; a file is sought from the folder of the file `beside`. `signals`
    are (seconds after the run began, name, value); `resumed` says how often it was resumed after it had failed.
    """

    by_the_clock = True

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        code: str,
        *,
        beside: str,
        inputs: Any,
        steps: Mapping[str, Sequence[Ended]],
        signals: Sequence[tuple[float, str, Any]] = (),
        timeout: float | None = None,
        resumed: int = 0,
    ) -> None:
        self._code = code
        self._beside = beside
        self._inputs = inputs
        self._steps = steps
        self._signals = signals
        self._timeout = timeout
        self._resumed = resumed
        self._codec = JsonCodec()
        self._unknown: list[str] = []

    def replay(self) -> Rehearsed:
        """Run the workflow as it is now; its steps end as they ended then.

        An attempt that the recording does not have never ends. Raises AssertionError if the run waits for one.
        """
        definition = load(_found(self._code, Path(self._beside).parent))
        with Rehearsal(definition, self) as rehearsal:
            rehearsal.engine.learn(definition)
            self._codec = rehearsal.engine.codec
            try:
                return self._played(rehearsal)
            except Stuck as stuck:
                if not self._unknown:
                    raise
                raise AssertionError(
                    f"{listed(self._unknown)} did not run when this was recorded: the workflow has changed since. If it was"
                    " meant to, record a run anew: penstock record RUN"
                ) from stuck

    def _played(self, rehearsal: Rehearsal) -> Rehearsed:
        for at, name, value in self._signals:
            rehearsal.after(at, partial(_send, name, self.value(value)))
        run = rehearsal.play(self._values(self._inputs), self._timeout)
        for _ in range(self._resumed):
            run = rehearsal.resume(run)
        return run

    def play(self, job: Job, elapsed: float) -> Answer | None:
        """See Script."""
        context = job.context
        attempts = [each for each in self._steps.get(context.step, ()) if each.item == context.item]
        if context.attempt > len(attempts):
            self._unknown.append(str(context.key).partition("/")[2] + _ordinal(context.attempt))
            return None
        ended = attempts[context.attempt - 1]
        if ended.stopped:
            return None
        return Outcome(self.value(ended.value), ended.failure), max(0.0, ended.at - elapsed)

    def value(self, value: Any) -> Any:
        """A value as it was, also one that is written down as its JSON text."""
        return self._codec.decode(value.text) if isinstance(value, Stored) else value

    def _values(self, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            return {name: self.value(each) for name, each in inputs.items()}
        return self.value(inputs)


def _found(code: str, folder: Path) -> str:
    file, _, name = code.partition(":")
    return f"{folder / file}:{name}" if file.endswith(".py") else code


def _send(name: str, value: Any, run: Run[Any]) -> None:
    run.signal(name, value)


def _ordinal(attempt: int) -> str:
    return "" if attempt == 1 else f" (attempt {attempt})"
