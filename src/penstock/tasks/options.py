"""What a task may be told about how it runs, checked where it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, get_args

from penstock.errors import DefinitionError
from penstock.model.graph import nearest
from penstock.model.policies import DEFAULT, NO_RETRY, Jitter, Policy, RetryPolicy


class Options(TypedDict, total=False):
    """Keyword options of `@task` and `Workflow.add_task`; times are in seconds.

    retries: how often it is tried again, or a RetryPolicy. retry_delay, retry_backoff, retry_ceiling, retry_jitter: the waits.
    retry_on, never_retry_on: exception classes. timeout: of one attempt. executor: "inline", "threads", "processes",
    "asyncio" or a name given to the engine. pure: has no effects, so it may start before its inputs are durable.
    optional: its failure does not fail the run.
    """

    retries: int | RetryPolicy
    retry_delay: float
    retry_backoff: float
    retry_ceiling: float
    retry_jitter: Jitter
    retry_on: type[BaseException] | tuple[type[BaseException], ...]
    never_retry_on: type[BaseException] | tuple[type[BaseException], ...]
    timeout: float | None
    executor: str | None
    pure: bool
    optional: bool


OPTION_NAMES = frozenset(Options.__annotations__)


def check_options(options: Mapping[str, Any], where: str) -> None:
    """Raise DefinitionError for an unknown option, naming the nearest, and for a value that means nothing."""
    for name in options:
        if name not in OPTION_NAMES:
            close = nearest(name, OPTION_NAMES)
            hint = f"did you mean {close!r}?" if close else f"known are {', '.join(sorted(OPTION_NAMES))}"
            raise DefinitionError(f"{where}: there is no option {name!r}; {hint}")
    retries = options.get("retries", 0)
    if not isinstance(retries, RetryPolicy) and (
        not isinstance(retries, int) or isinstance(retries, bool) or retries < 0
    ):
        raise DefinitionError(
            f"{where}: retries={retries!r} must be a whole number from 0 up, or a RetryPolicy"
        )
    timeout = options.get("timeout")
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise DefinitionError(f"{where}: timeout={timeout!r} must be a number of seconds above 0, or None")
    for name in ("retry_delay", "retry_backoff", "retry_ceiling"):
        value = options.get(name, 0)
        if not isinstance(value, int | float) or value < 0:
            raise DefinitionError(f"{where}: {name}={value!r} must be a number from 0 up")
    if options.get("retry_jitter", "none") not in get_args(Jitter):
        raise DefinitionError(
            f"{where}: retry_jitter={options['retry_jitter']!r} must be 'none', 'full' or 'equal'"
        )
    for name in ("retry_on", "never_retry_on"):
        if not all(map(_is_exception, _several(options.get(name, ())))):
            raise DefinitionError(
                f"{where}: {name}={options[name]!r} must be an exception class, or a tuple of them"
            )


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The policy that checked options describe."""
    if not options.keys() & {*OPTION_NAMES} - {"optional"}:
        return DEFAULT
    return Policy(
        retry=_retry_policy(options),
        timeout=options.get("timeout"),
        executor=options.get("executor"),
        pure=options.get("pure", False),
    )


def _retry_policy(options: Mapping[str, Any]) -> RetryPolicy:
    retries = options.get("retries", 0)
    if isinstance(retries, RetryPolicy):
        return retries
    if not retries and not any(name.startswith("retry") for name in options):
        return NO_RETRY
    return RetryPolicy(
        attempts=retries + 1,
        delay=options.get("retry_delay", 0.0),
        backoff=options.get("retry_backoff", 1.0),
        ceiling=options.get("retry_ceiling", 3600.0),
        jitter=options.get("retry_jitter", "none"),
        on=_names(options.get("retry_on", ())),
        never=_names(options.get("never_retry_on", ())),
    )


def _names(classes: type[BaseException] | tuple[type[BaseException], ...]) -> tuple[str, ...]:
    return tuple(
        c.__qualname__ if c.__module__ == "builtins" else f"{c.__module__}.{c.__qualname__}"
        for c in _several(classes)
    )


def _several(classes: Any) -> tuple[Any, ...]:
    return classes if isinstance(classes, tuple) else (classes,)


def _is_exception(what: Any) -> bool:
    return isinstance(what, type) and issubclass(what, BaseException)
