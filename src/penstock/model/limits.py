"""What is said of limits where steps and workflows are defined, and checked there. What comes of it: `model.ledgers`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from penstock.errors import DefinitionError
from penstock.model.wording import shown

HIGHEST_PRIORITY: Final = 100
LONGEST_KEY: Final = 200

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h|d)")


class Bounds(NamedTuple):
    """What is said of a key. `rate` is starts a second, `burst` how many may start at once after a rest; None is no bound."""

    at_most: int | None = None
    rate: float | None = None
    burst: int = 1

    @property
    def bind(self) -> bool:
        """Whether they bound anything."""
        return self.at_most is not None or self.rate is not None


FREE: Final = Bounds()


class Limit(msgspec.Struct, frozen=True):
    """What a step says of the limit that it is under.

    `key` names it: some text, in which `{name}` stands for an argument of the step, or a function of some of its arguments.
    `fair_by` names the argument (or is a function) by which waiting steps take turns. `priority`, from -100 to 100, is a number
    or names an argument. `rate` is text such as "10/s" or "600/m". What the store says of a key goes before at_most and rate.
    """

    key: str | Callable[..., str]
    at_most: int | None = None
    rate: str | None = None
    burst: int = 1
    fair_by: str | Callable[..., Any] | None = None
    priority: int | str = 0

    @property
    def bounds(self) -> Bounds:
        """What it says itself."""
        if self.at_most is None and self.rate is None:
            return FREE
        return Bounds(self.at_most, None if self.rate is None else rate_of(self.rate), self.burst)


def rate_of(text: Any) -> float:
    """Starts a second. Raises DefinitionError for what is no rate."""
    found = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not 0 < float(found[1]) < 1e9:
        raise DefinitionError(
            f"rate={shown(text)} must be a number for s, m, h or d, such as '10/s' or '600/m'"
        )
    return float(found[1]) / _UNITS[found[2]]


def check_limit(limit: Any, where: str) -> Limit:
    """What was said as a limit: text, a function or a Limit. Raises DefinitionError for what means nothing."""
    found = limit if isinstance(limit, Limit) else Limit(limit)
    key: Any = found.key
    if not callable(key) and not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        raise DefinitionError(
            f"{where}: limit={shown(limit)} must be a key such as 'api', a function that makes one, or a Limit"
        )
    for name, least, value in (("at_most", 1, found.at_most), ("burst", 1, found.burst)):
        if value is not None and not (_is_whole(value) and value >= least):
            raise DefinitionError(
                f"{where}: {name}={shown(value)} of its limit must be a whole number above 0"
            )
    if found.rate is not None:
        try:
            rate_of(found.rate)
        except DefinitionError as error:
            raise DefinitionError(f"{where}: {error}") from None
    number = _is_whole(found.priority) and abs(found.priority) <= HIGHEST_PRIORITY  # type: ignore[arg-type]
    if not number and not (isinstance(found.priority, str) and found.priority.isidentifier()):
        raise DefinitionError(
            f"{where}: priority={shown(found.priority)} of its limit must be a whole number from -100 to 100,"
            " or the name of an argument that holds one"
        )
    return found


def bounds_of_runs(limit: Any, where: str) -> tuple[int | None, Limit | None]:
    """What a workflow is told as its limit: a number of steps of one run, or what its runs themselves are under."""
    return (None, check_limit(limit, where)) if isinstance(limit, Limit) else (limit, None)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
