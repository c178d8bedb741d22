"""What a step says of keeping its result for other runs: by which inputs, for how long, under which version. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import msgspec

from penstock.errors import DefinitionError
from penstock.model.wording import shown

CACHED: Final = "cache"
"""The topic of the note that says why a step with a cache ran."""

REFRESH: Final = "refresh"
EVERYTHING: Final = "*"
"""What a run's source says of the steps that are to run though their results are known: names, or all of them."""

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")


class Cache(msgspec.Struct, frozen=True):
    """What a step says of the results that it leaves to other runs.

    A result is used again where the inputs, the code and the `version` are what they were. `expires` is how long: seconds, a
    timedelta, or text such as "90s", "12h", "7d". `key` is a function of some of the step's arguments, by name: what it gives
    stands for the inputs, so that others do not count, or more than the arguments does.
    """

    version: str = ""
    expires: float | str | timedelta | None = None
    key: Callable[..., Any] | None = None

    @property
    def seconds(self) -> float | None:
        """How long a result is used again; None: for ever."""
        return None if self.expires is None else _seconds_of(self.expires)


def check_cache(given: Any, where: str) -> Cache | None:
    """What was said as a cache: True, False, None or a Cache. Raises DefinitionError for what means nothing."""
    if given is None or given is False:
        return None
    found = Cache() if given is True else given
    if not isinstance(found, Cache):
        raise DefinitionError(f"{where}: cache={shown(given)} must be True, False or a Cache")
    if not isinstance(found.version, str):
        raise DefinitionError(
            f"{where}: version={shown(found.version)} of its cache must be text, such as '2'"
        )
    if found.key is not None and not callable(found.key):
        raise DefinitionError(
            f"{where}: key={shown(found.key)} of its cache must be a function of the step's arguments"
        )
    seconds = found.seconds
    if seconds is not None and not 0 < seconds < 1e12:
        raise DefinitionError(f"{where}: expires={shown(found.expires)} of its cache must be a time above 0")
    return found


def _seconds_of(expires: Any) -> float:
    if isinstance(expires, timedelta):
        return expires.total_seconds()
    if isinstance(expires, int | float) and not isinstance(expires, bool):
        return float(expires)
    said = _SPAN.fullmatch(expires.strip()) if isinstance(expires, str) else None
    if said is None:
        raise DefinitionError(
            f"expires={shown(expires)} of a cache must be seconds, a timedelta, or text such as '90s', '12h' or '7d'"
        )
    return float(said[1]) * _SECONDS[said[2]]
