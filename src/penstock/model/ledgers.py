"""How many steps of one key may be under way at once, how many may start a second, and who goes next. Pure.

A key's *ledger* is all that is known of it: who holds slots, who waits, what each tenant was given, how full its bucket is.
`grant` is the whole rule; times come in with the question:

1. No more hold a slot than `at_most`; a start costs a token, and tokens come evenly, `rate` of them a second.
2. The tenant goes next that was given least. One that was away is owed CREDIT turns at most; then turns alternate.
3. Of one tenant's steps the one that came first goes first; each step of priority counts as AGEING_SECONDS of waiting. So what
   comes later than that overtakes nothing, and nothing waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from penstock.model.limits import FREE, Bounds

AGEING_SECONDS: Final = 10.0
CREDIT: Final = 10


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


def draw(ledger: Ledger, bounds: Bounds, most: int, now: float) -> int:
    """Take so many tokens, or as many as there are, for what nobody waits in line for here; how many. Changes the ledger."""
    refill(ledger, bounds, now)
    drawn = 0
    while drawn < most and _take_token(ledger, bounds):
        drawn += 1
    return drawn


def put_back(ledger: Ledger, bounds: Bounds, tokens: int, now: float) -> int:
    """Give back what was drawn and not used; how many. Changes the ledger."""
    if ledger.tokens is not None:
        ledger.tokens += tokens
    refill(ledger, bounds, now)
    return tokens


def is_idle(ledger: Ledger) -> bool:
    """Whether it holds nothing worth keeping."""
    return not ledger.parts and ledger.tokens is None
