"""What a worker takes: runs that wait in its queues, in order and within what is said of these, and lapsed leases."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final, NamedTuple

from penstock.app.pacing import Pace
from penstock.app.parts import Parts
from penstock.app.queues import Queues, gate_of, limits_in, queue_of, rates_in
from penstock.model.limits import Bounds
from penstock.ports import Candidate, Claim

MANY: Final = 64
"""A claim that was shown fewer runs than this was shown all there are: stores show some hundreds."""


class Taking:
    """What one worker takes from `queues` (None: all), first ones first. Every call may raise StoreError."""

    def __init__(self, engine: Parts, queues: Sequence[str] | None) -> None:
        self._engine = engine
        self._store = engine.durable_store()
        self._names = queues
        self._queues = Queues(engine)
        self.pace = Pace(self._store)

    def take(self, free: int, left_to_others: Container[str]) -> list[Claim]:
        """Claim so many runs at most."""
        rules = self._queues.said()
        self.pace.draw(self._rates(rates_in(rules)), free, self._has_waiting)
        rule = Rule(left_to_others, limits_in(rules), self.pace.tokens)
        claims: list[Claim] = []
        for queue in [None] if self._names is None else self._names:
            claims += self._claim(queue, free - len(claims), rule)
        return claims

    def _rates(self, rates: dict[str, Bounds]) -> dict[str, Bounds]:
        if self._names is None:
            return rates
        mine = map(gate_of, self._names)
        return {gate: rates[gate] for gate in mine if gate in rates}

    def _has_waiting(self, gate: str) -> bool:
        return self._store.next_due("runs", [queue_of(gate)]) == 0

    def _claim(self, queue: str | None, free: int, rule: Rule) -> list[Claim]:
        """From one queue, or from all: what is shown then may be held back by a queue, and what others have stand behind it."""
        engine = self._engine
        claims: list[Claim] = []
        closed: set[str] = set()
        while free > len(claims):
            picker = Picker(rule)
            found = self._store.claim(
                "runs",
                engine.owner,
                ttl=engine.lease_seconds,
                limit=free - len(claims),
                queue=queue,
                choose=picker,
                skip=closed,
            )
            for claim in found:
                gate = claim.gate
                if gate is not None and gate in rule.tokens and claim.data["status"] == "pending":
                    self.pace.spend(claim.id, gate)
            claims += found
            if queue is not None or picker.shown < MANY or picker.closed <= closed:
                break
            closed |= picker.closed
        return claims


class Rule(NamedTuple):
    """The rule of a claim: which runs are left to others, how many of a gate may be under way, and how many more may begin.

    A gate that `tokens` does not name has no rate.
    """

    left_to_others: Container[str]
    limits: Mapping[str, int]
    tokens: Mapping[str, int]


def choose(
    rule: Rule, candidates: Sequence[Candidate], held: Mapping[str, int], shut: frozenset[str]
) -> tuple[list[str], set[str]]:
    """The runs to take, and the gates that held something back. Pure."""
    taken, tokens = dict(held), dict(rule.tokens)
    chosen: list[str] = []
    closed: set[str] = set()
    for each in candidates:
        gate = each.gate
        if each.id in rule.left_to_others:
            continue
        if gate is not None:
            is_first = gate in tokens and not each.begun
            full = taken.get(gate, 0) >= rule.limits.get(gate, taken.get(gate, 0) + 1)
            if gate in shut or full or (is_first and not tokens[gate]):
                closed.add(gate)
                continue
            taken[gate] = taken.get(gate, 0) + 1
            if is_first:
                tokens[gate] -= 1
        chosen.append(each.id)
    return chosen, closed


class Picker:
    """A claim's rule in use. It remembers how many runs it was shown last, and which gates held some of them back."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.shown = 0
        self.closed: set[str] = set()

    def __call__(
        self, candidates: Sequence[Candidate], held: Mapping[str, int], shut: frozenset[str]
    ) -> list[str]:
        chosen, self.closed = choose(self._rule, candidates, held, shut)
        self.shown = len(candidates)
        return chosen
