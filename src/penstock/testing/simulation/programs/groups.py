"""Processes in groups, one after another, their children together or in turn; each group is built from what came before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.limits import Limit
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Ask, Do, End, Fail, Open, Plan
from penstock.testing.simulation.case import Expected, Facts, Fate, Key, Log, dies
from penstock.testing.simulation.programs.work import combine, draw_policy, number_of, under


class GroupsProgram(Plan):
    """Groups in order. A group is (name, parallel, size); its children are known when it opens, from the value before."""

    def __init__(self, groups: Sequence[tuple[str, bool, int]], policies: Mapping[str, Policy]) -> None:
        self.name = "groups"
        self.groups = groups
        self.policies = policies

    def play(self, input: Any) -> GroupsPlay:
        return GroupsPlay(self, input)


class GroupsPlay:
    """See Play: opens one group after another, handing the value on."""

    def __init__(self, program: GroupsProgram, input: Any) -> None:
        self.program = program
        self.input = input
        self.place = 0

    def begin(self, at: float) -> Iterable[Ask]:
        return self._next(self.input)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.place += 1
        return self._next(value)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return [Fail(error)]

    def _next(self, value: Any) -> Iterable[Ask]:
        groups = self.program.groups
        if self.place == len(groups):
            return [End(value)]
        return [Open(groups[self.place][0], GroupProgram(groups[self.place], self.program.policies), value)]


class GroupProgram(Plan):
    """One group as a scope of its own."""

    def __init__(self, group: tuple[str, bool, int], policies: Mapping[str, Policy]) -> None:
        self.name, self.parallel, self.size = group
        self.policies = policies

    def play(self, input: Any) -> GroupPlay:
        return GroupPlay(self, input)


class GroupPlay:
    """See Play: as many children as the value before says, at most `size`."""

    def __init__(self, program: GroupProgram, input: Any) -> None:
        self.program = program
        self.given = number_of(input)
        self.children = children_of(program.name, program.size, self.given)
        self.values: dict[str, Any] = {}

    def begin(self, at: float) -> Iterable[Ask]:
        if not self.children:
            return [End([])]
        first = self.children if self.program.parallel else self.children[:1]
        return [self._ask(child) for child in first]

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.values[key] = value
        if len(self.values) == len(self.children):
            return [End([self.values[child] for child in self.children])]
        return [] if self.program.parallel else [self._ask(self.children[len(self.values)])]

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return [Fail(error)]

    def _ask(self, child: str) -> Ask:
        policy = self.program.policies.get(f"{self.program.name}/{child}", DEFAULT)
        return Do(child, combine, (len(child),), {"given": self.given, "name": child}, policy)


def children_of(group: str, size: int, given: int) -> list[str]:
    """The children of a group, which depend on what it is given."""
    return [f"{group}{chr(97 + n)}" for n in range(given % (size + 1))]


class GroupsCase:
    """See Case."""

    style = "groups"

    def __init__(
        self,
        groups: Sequence[tuple[str, bool, int]],
        policies: Mapping[str, Policy],
        fates: Mapping[Key, Fate],
    ) -> None:
        self.groups = groups
        self.policies = policies
        self.fates = fates
        self.program = GroupsProgram(groups, policies)
        self.input = 3
        self.signals: Sequence[tuple[str, Any]] = ()

    def expected(self, facts: Facts) -> Expected:
        """Straight through: a group after another."""
        value: Any = self.input
        for name, parallel, size in self.groups:
            given = number_of(value)
            children = children_of(name, size, given)
            dead = [child for child in children if self._dies(f"{name}/{child}", facts)]
            if dead:
                return Expected(
                    "failed", blamed=frozenset(f"{name}/{c}" for c in (dead if parallel else dead[:1]))
                )
            value = [combine(len(child), given=given, name=child) for child in children]
        return Expected("completed", value)

    def _dies(self, step: str, facts: Facts) -> bool:
        if (step, None) in facts.timed_out:
            return True
        fate = self.fates.get((step, None))
        attempts = self.policies[step].retry.attempts if step in self.policies else 1
        return fate is not None and dies(fate, attempts, facts)

    def disorder(self, log: Log) -> Iterable[str]:
        """No child of a group starts before all of the group before are done; in a sequence one starts when one is done."""
        order = [name for name, _, _ in self.groups]
        sequences = {name for name, parallel, _ in self.groups if not parallel}
        open_: set[str] = set()
        reached = 0
        for _, _, event in log:
            step = getattr(event, "step", None)
            if not isinstance(step, str) or "/" not in step:
                continue
            if isinstance(event, e.StepStarted):
                group = step.partition("/")[0]
                place = order.index(group)
                if place < reached or any(other.partition("/")[0] != group for other in open_ - {step}):
                    yield f"{step} started while {sorted(open_)} were open"
                if group in sequences and open_ - {step}:
                    yield f"{step} started beside {sorted(open_)}, its group is a sequence"
                reached = max(reached, place)
                open_.add(step)
            elif isinstance(event, e.StepDone):
                open_.discard(step)


def draw_groups(chance: Random, *, limits: Sequence[Limit] = ()) -> GroupsCase:
    """1 to 4 groups."""
    groups = [
        (f"g{n}", chance.random() < 0.6, 1 + int(chance.random() * 5))
        for n in range(1 + int(chance.random() * 4))
    ]
    policies: dict[str, Policy] = {}
    fates: dict[Key, Fate] = {}
    for name, _, size in groups:
        for child in children_of(name, size, size):
            policy, fate = draw_policy(chance)
            policies[f"{name}/{child}"] = under(chance, policy, limits)
            if fate is not None:
                fates[f"{name}/{child}", None] = fate
    return GroupsCase(groups, policies, fates)
