"""Routines that send messages: delivered depth-first, a step a delivery; what it emitted and changed is that step's value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Ask, Do, End, Fail, Plan
from penstock.testing.simulation.case import Expected, Facts, Fate, Key, Log, dies
from penstock.testing.simulation.programs.work import BIG, draw_policy

Message = list[Any]
"""[routine, depth, number]"""


def handle(routine: int, state: int, depth: int, number: int, salt: int) -> list[Any]:
    """What a routine does with a message: [messages it emits, its new state]."""
    mixed = (number * 31 + state * 7 + routine * 3 + salt) % BIG
    emits = [[(mixed + n) % 3, depth - 1, (mixed * 5 + n) % 1_000] for n in range(mixed % 3)] if depth else []
    return [emits, (state + mixed) % BIG]


class MessagesProgram(Plan):
    """A stack of messages; `limit_` deliveries at most."""

    def __init__(self, salt: int, most: int, policies: Mapping[str, Policy]) -> None:
        self.name = "messages"
        self.salt = salt
        self.most = most
        self.policies = policies

    def play(self, input: Any) -> MessagesPlay:
        return MessagesPlay(self, input)


class MessagesPlay:
    """See Play."""

    def __init__(self, program: MessagesProgram, input: Sequence[Message]) -> None:
        self.program = program
        self.stack: list[Message] = [list(message) for message in reversed(input)]
        self.states = [0, 0, 0]
        self.trace: list[list[int]] = []
        self.number = 0

    def begin(self, at: float) -> Iterable[Ask]:
        return self._next()

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        emits, state = value
        routine, _, number = self.stack.pop()
        self.trace.append([routine, number])
        self.states[routine] = state
        self.stack.extend(reversed(emits))
        return self._next()

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return [Fail(error)]

    def _next(self) -> Iterable[Ask]:
        if not self.stack or self.number == self.program.most:
            return [End([self.states, self.trace])]
        routine, depth, number = self.stack[-1]
        self.number += 1
        key = f"n{self.number}"
        arguments = (routine, self.states[routine], depth, number, self.program.salt)
        return [Do(key, handle, arguments, {}, self.program.policies.get(key, DEFAULT))]


class MessagesCase:
    """See Case."""

    style = "messages"

    def __init__(
        self,
        salt: int,
        most: int,
        first: list[Message],
        policies: Mapping[str, Policy],
        fates: Mapping[Key, Fate],
    ) -> None:
        self.salt = salt
        self.most = most
        self.policies = policies
        self.fates = fates
        self.program = MessagesProgram(salt, most, policies)
        self.input = first
        self.signals: Sequence[tuple[str, Any]] = ()

    def expected(self, facts: Facts) -> Expected:
        """By recursion: a message, then all that came of it, then the next."""
        states, trace = [0, 0, 0], []
        number = 0

        class Dead(Exception):
            pass

        def deliver(message: Message) -> None:
            nonlocal number
            if number == self.most:
                return
            number += 1
            if self._dies(f"n{number}", facts):
                raise Dead(f"n{number}")
            routine, depth, body = message
            emits, states[routine] = handle(routine, states[routine], depth, body, self.salt)
            trace.append([routine, body])
            for emitted in emits:
                deliver(emitted)

        try:
            for message in self.input:
                deliver(message)
        except Dead as dead:
            return Expected("failed", blamed=frozenset({str(dead)}))
        return Expected("completed", [states, trace])

    def _dies(self, step: str, facts: Facts) -> bool:
        fate = self.fates.get((step, None))
        attempts = self.policies.get(step, DEFAULT).retry.attempts
        return (step, None) in facts.timed_out or (fate is not None and dies(fate, attempts, facts))

    def disorder(self, log: Log) -> Iterable[str]:
        """One delivery at a time, in order."""
        last = 0
        for _, _, event in log:
            if isinstance(event, e.StepDone | e.StepReused):
                number = int(event.step[1:])
                if number != last + 1:
                    yield f"delivery {number} came after {last}"
                last = number


def draw_messages(chance: Random) -> MessagesCase:
    """1 to 3 messages to begin with, 25 deliveries at most."""
    first = [
        [int(chance.random() * 3), 1 + int(chance.random() * 4), int(chance.random() * 100)]
        for _ in range(1 + int(chance.random() * 3))
    ]
    policies: dict[str, Policy] = {}
    fates: dict[Key, Fate] = {}
    for number in range(1, 26):
        if chance.random() < 0.3:
            policy, fate = draw_policy(chance)
            policies[f"n{number}"] = policy
            if fate is not None:
                fates[f"n{number}", None] = fate
    return MessagesCase(int(chance.random() * 1_000), 25, first, policies, fates)
