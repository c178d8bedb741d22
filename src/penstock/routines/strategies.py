"""What becomes of a job when an activation of it fails: error strategies, for a routine or for all of a flow."""

from __future__ import annotations

from enum import Enum
from typing import Any

from penstock.errors import DefinitionError
from penstock.model.policies import DEFAULT, Policy, RetryPolicy
from penstock.model.texts import class_name


class ErrorStrategy(Enum):
    """STOP fails the job. CONTINUE records the failure and goes on; SKIP too, and marks the routine skipped. RETRY tries again.

    What a failed activation had emitted is dropped.
    """

    STOP = "stop"
    CONTINUE = "continue"
    RETRY = "retry"
    SKIP = "skip"


class ErrorHandler:
    """A strategy with its settings; a routine's own comes before its flow's.

    RETRY makes `1 + max_retries` attempts of an activation; the n-th wait is `retry_delay * retry_backoff**(n-1)` seconds. Only
    `retryable_exceptions` are tried again; after the last attempt the job fails. Where the routine `is_critical`, a failure
    that remains fails the job under CONTINUE and SKIP too.
    """

    def __init__(
        self,
        strategy: ErrorStrategy | str = ErrorStrategy.STOP,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        retry_backoff: float = 2.0,
        retryable_exceptions: tuple[type[BaseException], ...] | None = None,
        is_critical: bool = False,
    ) -> None:
        self.strategy = _strategy(strategy)
        _check_numbers(max_retries, retry_delay, retry_backoff)
        self.max_retries = max_retries
        self.retry_delay = retry_delay
        self.retry_backoff = retry_backoff
        self.retryable_exceptions = _classes(retryable_exceptions)
        self.is_critical = is_critical

    def policy(self) -> Policy:
        """What the engine is told of it: the engine's own retries are the only ones."""
        if self.strategy is not ErrorStrategy.RETRY:
            return DEFAULT
        everything = Exception in self.retryable_exceptions
        names = () if everything else tuple(class_name(each) for each in self.retryable_exceptions)
        return Policy(RetryPolicy(1 + self.max_retries, self.retry_delay, self.retry_backoff, on=names))

    @property
    def goes_on(self) -> str:
        """The word for a routine whose failure does not stop the job; empty where it does."""
        if self.is_critical:
            return ""
        return {ErrorStrategy.CONTINUE: "error_continued", ErrorStrategy.SKIP: "skipped"}.get(
            self.strategy, ""
        )

    def settings(self) -> tuple[object, ...]:
        """All that it says, to see whether it was changed."""
        return (
            self.strategy,
            self.max_retries,
            self.retry_delay,
            self.retry_backoff,
            self.retryable_exceptions,
            self.is_critical,
        )

    def __repr__(self) -> str:
        return f"<ErrorHandler {self.strategy.value}>"


def _strategy(strategy: ErrorStrategy | str) -> ErrorStrategy:
    try:
        return ErrorStrategy(strategy.lower() if isinstance(strategy, str) else strategy)
    except ValueError:
        known = ", ".join(each.value for each in ErrorStrategy)
        raise DefinitionError(f"there is no error strategy {strategy!r}; there are {known}") from None


def _classes(given: Any) -> tuple[type[BaseException], ...]:
    if given is None:
        return (Exception,)
    if isinstance(given, type):
        return (given,)
    classes = tuple(given)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise DefinitionError(f"retryable_exceptions must be exception classes; {each!r} is none")
    return classes


def _check_numbers(retries: int, delay: float, backoff: float) -> None:
    if retries < 0 or int(retries) != retries:
        raise DefinitionError(f"max_retries={retries!r} must be a whole number, 0 or more")
    if delay < 0:
        raise DefinitionError(f"retry_delay={delay!r} must be 0 seconds or more")
    if backoff < 1:
        raise DefinitionError(
            f"retry_backoff={backoff!r} must be 1 or more: each wait is that many times the last"
        )
