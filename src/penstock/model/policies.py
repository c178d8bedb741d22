"""What a step is allowed: how often it is tried, how long it may take, where it runs, what undoes it.

Pure rules: jitter comes from a digest of the attempt's own id, never from chance, so that a replay agrees with what was lived.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from penstock.model.failure import Failure
from penstock.model.limits import Limit

if TYPE_CHECKING:
    from penstock.model.caching import Cache

Jitter = Literal["none", "full", "equal"]


class RetryPolicy(msgspec.Struct, frozen=True):
    """`attempts` tries in all. The n-th wait is delay * backoff**(n-1) seconds, at most `ceiling`.

    jitter "full" draws from [0, wait], "equal" from [wait/2, wait]. `on` and `never` are names of exception classes (qualified,
    as `Failure.type`); a class matches its subclasses; an empty `on` means every `Exception`.
    """

    attempts: int = 1
    delay: float = 0.0
    backoff: float = 1.0
    ceiling: float = 3600.0
    jitter: Jitter = "none"
    on: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True):
    """All a step is allowed. `executor` None is the run's default. `pure` steps may start before what they need is durable.

    `undo` is how it is undone, once it has completed, if its run fails or is cancelled; `limit` is what it needs a slot under;
    `cache` is how its result is used again in other runs.
    """

    retry: RetryPolicy = RetryPolicy()
    timeout: float | None = None
    executor: str | None = None
    pure: bool = False
    undo: Undo | None = None
    limit: Limit | None = None
    cache: Cache | None = None


class Need(NamedTuple):
    """What decides where a step runs: the executor it names, if any, whether its code is async, and its timeout in seconds."""

    executor: str | None
    asynchronous: bool
    timeout: float | None


CHILD = "child"
"""The executor of steps that are runs of their own."""

LOSSES = 5
"""So many attempts in a row may lose their worker before the step fails for good."""

NO_RETRY = RetryPolicy()
DEFAULT = Policy()


class Undo(msgspec.Struct, frozen=True):
    """`fn(result, **arguments)` undoes a step. `names` are the step's arguments that it takes (None: all there are).

    `places` names the step's parameters by place, `defaults` are those of its parameters that may not be given.
    """

    fn: Callable[..., Any]
    policy: Policy = DEFAULT
    takes_result: bool = True
    names: tuple[str, ...] | None = ()
    places: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = {}

    def arguments(
        self, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What it is called with to undo a step that was called with these and came to `result`."""
        given = {**self.defaults, **dict(zip(self.places, args, strict=False)), **kwargs}
        names = given.keys() if self.names is None else [name for name in self.names if name in given]
        return ((result,) if self.takes_result else ()), {name: given[name] for name in names}


def policy_under(limit: Any, policy: Policy) -> Policy:
    """A step's policy where its class may say what it is under; what is no Limit is none."""
    return msgspec.structs.replace(policy, limit=limit) if isinstance(limit, Limit) else policy


def retry_delay(policy: RetryPolicy, failures: int, failure: Failure, token: str) -> float | None:
    """Seconds to wait after the `failures`-th counted failure of a step, or None if it is not to be tried again.

    `token` names the attempt (run, step, item, attempt); it alone decides the jitter. A step that raised `Retry(after=...)`
    is tried after that many seconds; having asked, it is tried under a policy without retries as well, at most 100 times.
    """
    attempts = max(policy.attempts, 100) if failure.asked and policy.attempts == 1 else policy.attempts
    if failures >= attempts or not _retryable(policy, failure):
        return None
    if failure.after is not None:
        return max(0.0, failure.after)
    wait = _wait(policy, failures)
    if policy.jitter == "none" or wait == 0.0:
        return wait
    share = zlib.crc32(token.encode()) / 2**32
    return wait * share if policy.jitter == "full" else wait * (0.5 + share / 2)


def loss_delay(policy: RetryPolicy, losses: int, failure: Failure) -> float | None:
    """Seconds to wait after the `losses`-th attempt in a row whose worker died, or None: killing workers must end some time.

    A lost attempt is no counted failure and asks for no retry policy; only `never` can forbid another.
    """
    if losses >= LOSSES or {failure.type, *failure.bases} & set(policy.never):
        return None
    return 0.0


def _wait(policy: RetryPolicy, failures: int) -> float:
    if not policy.delay:
        return 0.0
    try:
        return min(policy.ceiling, policy.delay * policy.backoff ** (failures - 1))
    except OverflowError:
        return policy.ceiling


def _retryable(policy: RetryPolicy, failure: Failure) -> bool:
    if failure.asked:
        return True
    if failure.cause == "cancelled":
        return False
    names = {failure.type, *failure.bases}
    if names & set(policy.never):
        return False
    return not policy.on or bool(names & set(policy.on))
