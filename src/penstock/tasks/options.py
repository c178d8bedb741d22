"""What a task and a workflow may be told about how they run, checked where it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict, get_args

from penstock.errors import DefinitionError
from penstock.model.caching import Cache, check_cache
from penstock.model.limits import Limit, check_limit
from penstock.model.policies import DEFAULT, NO_RETRY, Jitter, Policy, RetryPolicy
from penstock.model.program import OnChange, Partial
from penstock.model.texts import class_name
from penstock.model.wording import guess, shown


class Options(TypedDict, total=False):
    """Keyword options of `@task` and `Workflow.add_task`; times are in seconds.

    retries: how often it is tried again, or a RetryPolicy. retry_delay, retry_backoff, retry_ceiling, retry_jitter: the waits.
    retry_on, never_retry_on: exception classes. timeout: of one attempt. executor: "inline", "threads", "processes",
    "asyncio" or a name given to the engine. transaction: its parameter `connection` writes to the store's own SQLite file, in
    one commit with the record that it is done. pure: has no effects, so it may start before its inputs are durable.
    optional: its failure does not fail the run. on_status_change: told (name, status) of each change of a run's task.
    limit: the key of a limit, a function that makes one, or a Limit: it runs when it has a slot under that.
    on_retry: told (name, attempt) of an attempt that failed and will be made again. undo: a function or a task that undoes
    it if its run fails or is cancelled; it is given the result, and by name the task's arguments that it has parameters for.
    cache: its result is used again in other runs where inputs and code are the same; True, or a Cache that says more.
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
    transaction: bool
    pure: bool
    optional: bool
    undo: Callable[..., object] | None
    limit: str | Callable[..., str] | Limit | None
    cache: bool | Cache | None
    on_status_change: Callable[[str, Any], object] | None
    on_retry: Callable[[str, int], object] | None


OPTION_NAMES = frozenset(Options.__annotations__)
CALLBACKS = frozenset({"on_status_change", "on_retry"})
LONGEST_NAME = 200
MOST = 1_000_000
"""Larger counts of retries, or of steps in flight, are slips."""
_LARGEST = 1e12
_UNSHOWN = ("Cc", "Cs", "Zl", "Zp")


def check_options(options: Mapping[str, Any], where: str) -> None:
    """Raise DefinitionError for an unknown option, naming the nearest, and for a value that means nothing."""
    for name in options:
        if name not in OPTION_NAMES:
            hint = guess(name, sorted(OPTION_NAMES), "known are")
            raise DefinitionError(f"{where}: there is no option {name!r}; {hint}")
    for name, value in options.items():
        fits, wanted = _RULES[name]
        if not fits(value):
            raise DefinitionError(f"{where}: {name}={shown(value)} must be {wanted}")

    if options.get("limit") is not None:
        check_limit(options["limit"], where)
    if check_cache(options.get("cache"), where) is not None and options.get("transaction"):
        raise DefinitionError(
            f"{where}: transaction=True writes to the store, which a result that is used again would not: leave the cache out"
        )
    if options.get("transaction") and options.get("executor") is not None:
        raise DefinitionError(
            f"{where}: transaction=True runs on the thread that drives the run: leave executor={options['executor']!r} out"
        )


def check_settings(where: str, **given: Any) -> None:
    """Raise DefinitionError for what a workflow is told as a whole, where it means nothing."""
    for name, value in given.items():
        fits, wanted = _SETTINGS[name]
        if value is not None and not fits(value):
            raise DefinitionError(f"{where}: {name}={shown(value)} must be {wanted}")


def check_name(name: Any, what: str) -> None:
    """Raise DefinitionError for what cannot name a workflow or a task: it stands in tables, files and command lines."""
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"{what} needs a name, some text; {shown(name)} is none")
    if name.startswith("undo:"):
        raise DefinitionError(
            f"{what} cannot be named {name!r}: what begins with 'undo:' undoes another step"
        )
    if len(name) > LONGEST_NAME:
        raise DefinitionError(
            f"{what} has a name of {len(name):,} characters, {shown(name)}: use {LONGEST_NAME} or fewer"
        )
    if not name.isprintable() and any(map(_cannot_be_shown, name)):
        raise DefinitionError(f"{what} cannot be named {name!r}: use only characters that can be shown")


def check_alone(name: str, *, mapped: bool) -> None:
    """Raise DefinitionError for a task that cannot be called as a step of a durable function."""
    if mapped:
        raise DefinitionError(f"{name}.map(...) is for workflows of tasks; here say step({name}).map(...)")
    if "/" in name or "@" in name:
        raise DefinitionError(f"{name!r} cannot name a step: '/' and '@' stand for something else, say '-'")


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The policy that checked options describe."""
    if not options.keys() & OPTION_NAMES - CALLBACKS - {"optional", "undo"}:
        return DEFAULT
    return Policy(
        retry=_retry_policy(options),
        timeout=options.get("timeout"),
        executor="transaction" if options.get("transaction") else options.get("executor"),
        pure=options.get("pure", False),
        limit=None if options.get("limit") is None else check_limit(options["limit"], "a task"),
        cache=check_cache(options.get("cache"), "a task"),
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
    return tuple(map(class_name, _several(classes)))


def _cannot_be_shown(character: str) -> bool:
    import unicodedata

    return unicodedata.category(character) in _UNSHOWN


def _is_seconds(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _is_retries(value: Any) -> bool:
    if not isinstance(value, RetryPolicy):
        return _is_whole(value)
    numbers = (value.delay, value.backoff, value.ceiling)
    return _is_whole(value.attempts) and value.attempts > 0 and all(map(_is_number, numbers))


def _is_executor(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _are_exceptions(value: Any) -> bool:
    return all(map(_is_exception, _several(value)))


def _are_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(each, str) for pair in value.items() for each in pair
    )


_NUMBER = (_is_number, "a number from 0 up, at most 1e12")
_TRUTH = (_is_truth, "True or False")
_EXCEPTIONS = (_are_exceptions, "an exception class, or a tuple of them")
_EXECUTOR = (_is_executor, "the name of an executor, such as 'threads', or None")
_HOOK = (callable, "a function, or None")
_CALLBACK = (lambda value: value is None or callable(value), "a function, or None")
_RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "retries": (
        _is_retries,
        "a whole number from 0 up, or a RetryPolicy of numbers; at least one attempt, and a million at most",
    ),
    "retry_delay": _NUMBER,
    "retry_backoff": _NUMBER,
    "retry_ceiling": _NUMBER,
    "retry_jitter": (lambda value: value in get_args(Jitter), "'none', 'full' or 'equal'"),
    "retry_on": _EXCEPTIONS,
    "never_retry_on": _EXCEPTIONS,
    "timeout": (lambda value: value is None or _is_seconds(value), "a number of seconds above 0, or None"),
    "executor": _EXECUTOR,
    "transaction": _TRUTH,
    "pure": _TRUTH,
    "limit": (
        lambda value: value is None or isinstance(value, str | Limit) or callable(value),
        "a key, a function or a Limit",
    ),
    "cache": (
        lambda value: value is None or isinstance(value, bool | Cache),
        "True, False or a Cache",
    ),
    "optional": _TRUTH,
    "undo": (
        lambda value: value is None or callable(value),
        "a function or a task, whose first parameter is given the step's result",
    ),
    "on_status_change": _CALLBACK,
    "on_retry": _CALLBACK,
}
_SETTINGS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "limit": (
        lambda value: isinstance(value, Limit) or (_is_whole(value) and value > 0),
        "a whole number, at least 1 and at most a million, a Limit, or None",
    ),
    "window": (
        lambda value: _is_whole(value) and value > 0,
        "a whole number, at least 1 and at most a million",
    ),
    "partial": (lambda value: value in get_args(Partial), "'fail' or 'collect'"),
    "timeout": (_is_seconds, "a number of seconds above 0, or None"),
    "executor": _EXECUTOR,
    "inputs": (
        lambda value: callable(value) or isinstance(value, Mapping),
        "a dict of names and types, or a function whose parameters they are",
    ),
    "resources": (lambda value: isinstance(value, Mapping), "a dict of names and resources"),
    "on_change": (lambda value: value in get_args(OnChange), "'continue', 'refuse' or 'new_run'"),
    "tags": (_are_texts, "a dict of texts, such as {'team': 'data'}"),
    "on_success": _HOOK,
    "on_failure": _HOOK,
    "on_cancel": _HOOK,
}


def _several(classes: Any) -> tuple[Any, ...]:
    return classes if isinstance(classes, tuple) else (classes,)


def _is_exception(what: Any) -> bool:
    return isinstance(what, type) and issubclass(what, BaseException)
