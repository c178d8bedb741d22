"""How many steps of one key may be under way at once, how many may start a second, and who goes next. Pure.

A key's *ledger* is all that is known of it: who holds slots, who waits, what each tenant was given, how full its bucket is.
`grant` is the whole rule; times come in with the question:

1. No more hold a slot than `at_most`; a start costs a token, and tokens come evenly, `rate` of them a second.
2. The tenant goes next that was given least. One that was away is owed CREDIT turns at most; then turns alternate.
3. Of one tenant's steps the one that came first goes first; each step of priority counts as AGEING_SECONDS of waiting. So what
   comes later than that overtakes nothing, and nothing waits for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from penstock.errors import DefinitionError
from penstock.model.wording import shown

AGEING_SECONDS: Final = 10.0
CREDIT: Final = 10
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


class Waiter(msgspec.Struct, array_like=True, frozen=True):
    """A step that holds a slot or waits for one: `id` is its engine's own for it; `rank` the order among its tenant's."""

    id: str
    run: str
    step: str
    tenant: str
    rank: float
    since: float


class Part(msgspec.Struct, array_like=True):
    """One engine's part of a ledger: what of it holds slots, what waits foremost, and how many wait behind, by run.

    `epoch` numbers the engine's lease on its part; `bounds` is what its code says.
    """

    epoch: int
    bounds: Bounds = FREE
    held: list[Waiter] = []
    waiting: list[Waiter] = []
    behind: dict[str, int] = {}


class Ledger(msgspec.Struct):
    """All that is known of a key: parts by engine; how many turns each tenant has had, and the turn that is had now; a bucket.

    `tokens` were in the bucket at the moment `at`; None: it is full. `last` is what code said, as long as that matters.
    """

    parts: dict[str, Part] = {}
    taken: dict[str, int] = {}
    turn: int = 0
    tokens: float | None = None
    at: float = 0.0
    last: Bounds = FREE


def rank_of(since: float, priority: int) -> float:
    """The place among waiting steps of one tenant, smallest first."""
    return since - AGEING_SECONDS * priority


def turns_of(ledger: Ledger, tenant: str) -> int:
    """How many turns count as had by a tenant."""
    return max(ledger.taken.get(tenant, 0), ledger.turn - CREDIT)


def bounds_of(ledger: Ledger, said: Bounds | None) -> Bounds:
    """What holds: the store's word, else the tightest of what any engine's code says."""
    if said is not None:
        return said
    if not ledger.parts:
        return ledger.last
    parts = [part.bounds for part in ledger.parts.values()]
    rates = [each for each in parts if each.rate is not None]
    slowest = min(rates, key=lambda each: each.rate or 0.0) if rates else FREE
    at_most = min((each.at_most for each in parts if each.at_most is not None), default=None)
    return Bounds(at_most, slowest.rate, slowest.burst)


def refill(ledger: Ledger, bounds: Bounds, now: float) -> None:
    """What has dripped into the bucket since; a clock that was set back drips nothing."""
    if bounds.rate is None or ledger.tokens is None:
        ledger.tokens = None
    else:
        ledger.tokens += max(0.0, now - ledger.at) * bounds.rate
        if ledger.tokens >= bounds.burst:
            ledger.tokens = None
    ledger.at = now


def room(ledger: Ledger, bounds: Bounds) -> int | None:
    """How many more may hold a slot; None: any number."""
    if bounds.at_most is None:
        return None
    return max(0, bounds.at_most - sum(len(part.held) for part in ledger.parts.values()))


def next_token(ledger: Ledger, bounds: Bounds) -> float | None:
    """The moment at which there is a token again; None: there is one."""
    if bounds.rate is None or ledger.tokens is None or ledger.tokens >= _whole(bounds.rate):
        return None
    return ledger.at + (1.0 - ledger.tokens) / bounds.rate


def _whole(rate: float) -> float:
    """What counts as a whole token: one that was waited for may be short by as much as times are rounded."""
    return 1.0 - rate * 1e-6


def grant(ledger: Ledger, bounds: Bounds, now: float) -> list[tuple[str, Waiter]]:
    """Give slots to those whose turn it is, as long as there are any: (engine, step) in order. Changes the ledger."""
    refill(ledger, bounds, now)
    ledger.last = bounds if ledger.parts else ledger.last
    slots = room(ledger, bounds)
    lines = _lines(ledger)
    given: list[tuple[str, Waiter]] = []
    while lines and (slots is None or len(given) < slots) and _take_token(ledger, bounds):
        tenant = next_tenant(ledger, {name: line[-1][0] for name, line in lines.items()})
        _, owner, waiter = lines[tenant].pop()
        if not lines[tenant]:
            del lines[tenant]
        take_turn(ledger, tenant)
        given.append((owner, waiter))
    _move(ledger, given)
    return given


def _move(ledger: Ledger, given: list[tuple[str, Waiter]]) -> None:
    """Those that wait no more hold a slot."""
    moved = {id(waiter) for _, waiter in given}
    for owner in {owner for owner, _ in given}:
        part = ledger.parts[owner]
        part.held = [*part.held, *(waiter for other, waiter in given if other == owner)]
        part.waiting = [each for each in part.waiting if id(each) not in moved]


def next_tenant(ledger: Ledger, ranks: Mapping[str, float]) -> str:
    """Which tenant's turn it is; `ranks` holds the foremost step of each that waits."""
    return min(ranks, key=lambda tenant: (turns_of(ledger, tenant), ranks[tenant], tenant))


def take_turn(ledger: Ledger, tenant: str) -> None:
    """A tenant has its turn. What would count as nothing anyway is forgotten."""
    turns = turns_of(ledger, tenant)
    ledger.taken[tenant] = turns + 1
    if turns > ledger.turn:
        ledger.turn = turns
        ledger.taken = {name: had for name, had in ledger.taken.items() if had > turns - CREDIT}


def order(ledger: Ledger, lines: Mapping[str, Iterable[float]], most: int) -> list[str]:
    """The tenants of the next so many turns, if nobody else waited; `lines` holds each one's ranks, in order."""
    ahead = Ledger(taken=dict(ledger.taken), turn=ledger.turn)
    left = {tenant: iter(ranks) for tenant, ranks in lines.items()}
    first = {tenant: rank for tenant, ranks in left.items() if (rank := next(ranks, None)) is not None}
    turns: list[str] = []
    while first and len(turns) < most:
        tenant = next_tenant(ahead, first)
        take_turn(ahead, tenant)
        turns.append(tenant)
        following = next(left[tenant], None)
        if following is None:
            del first[tenant]
        else:
            first[tenant] = following
    return turns


def _lines(ledger: Ledger) -> dict[str, list[tuple[float, str, Waiter]]]:
    """Who waits, by tenant, the foremost last."""
    lines: dict[str, list[tuple[float, str, Waiter]]] = {}
    for owner, part in ledger.parts.items():
        for each in part.waiting:
            lines.setdefault(each.tenant, []).append((each.rank, owner, each))
    for line in lines.values():
        line.sort(
            key=lambda entry: entry[0]
        )  # of one rank, each engine's in the order in which it named them
        line.reverse()
    return lines


def _take_token(ledger: Ledger, bounds: Bounds) -> bool:
    if bounds.rate is None:
        return True
    tokens = float(bounds.burst) if ledger.tokens is None else ledger.tokens
    if tokens < _whole(bounds.rate):
        return False
    ledger.tokens = tokens - 1.0
    return True


def is_idle(ledger: Ledger) -> bool:
    """Whether it holds nothing worth keeping."""
    return not ledger.parts and ledger.tokens is None


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
