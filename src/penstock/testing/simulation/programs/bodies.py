"""A simulation as one step: its body is a generator that stops every few events; what it published is its value."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.policies import Policy, RetryPolicy
from penstock.model.program import Ask, Do, End, Fail, Plan
from penstock.testing.simulation.case import Expected, Facts, Fate, Key, Log, dies


def bank(customers: int, salt: int) -> Generator[None, None, list[list[float]]]:
    """Customers at one counter: [arrived, served] of each; stops after every four events."""
    waiting: list[tuple[float, int]] = []
    for number in range(customers):
        heappush(waiting, ((number * salt) % 11 / 2, number))
    free_at, published = 0.0, []
    for count in range(customers):
        arrived, number = heappop(waiting)
        free_at = max(free_at, arrived) + 0.5 + (number * salt) % 3
        published.append([arrived, free_at])
        if count % 4 == 3:
            yield
    return published


class BodyProgram(Plan):
    """One step, run where bodies can be run slice by slice."""

    def __init__(self, customers: int, salt: int, policy: Policy) -> None:
        self.name = "body"
        self.customers = customers
        self.salt = salt
        self.policy = policy

    def play(self, input: Any) -> BodyPlay:
        return BodyPlay(self)


class BodyPlay:
    """See Play."""

    def __init__(self, program: BodyProgram) -> None:
        self.program = program

    def begin(self, at: float) -> Iterable[Ask]:
        program = self.program
        return [Do("simulate", bank, (program.customers, program.salt), {}, program.policy)]

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return [End(value)]

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return [Fail(error)]


class BodyCase:
    """See Case."""

    style = "body"

    def __init__(self, customers: int, salt: int, policy: Policy, fates: dict[Key, Fate]) -> None:
        self.program = BodyProgram(customers, salt, policy)
        self.fates = fates
        self.input = None
        self.signals: Sequence[tuple[str, Any]] = ()

    def expected(self, facts: Facts) -> Expected:
        """The body itself, run to its end."""
        fate = self.fates.get(("simulate", None))
        if fate is not None and dies(fate, self.program.policy.retry.attempts, facts):
            return Expected("failed", blamed=frozenset({"simulate"}))
        body = bank(self.program.customers, self.program.salt)
        while True:
            try:
                next(body)
            except StopIteration as end:
                return Expected("completed", end.value)

    def disorder(self, log: Log) -> Iterable[str]:
        """One completion."""
        if sum(isinstance(event, e.StepDone) for _, _, event in log) > 1:
            yield "the simulation was done twice"


def draw_body(chance: Random) -> BodyCase:
    """3 to 40 customers; sometimes it fails once."""
    fates: dict[Key, Fate] = {}
    if chance.random() < 0.3:
        fates["simulate", None] = Fate(int(chance.random() * 3))
    policy = Policy(RetryPolicy(2, delay=0.2), executor="wide")
    return BodyCase(3 + int(chance.random() * 38), 1 + int(chance.random() * 50), policy, fates)
