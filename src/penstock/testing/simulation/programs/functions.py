"""Random durable functions: loops, gathers, sleeps, signals, races, try and except; a list of moves, interpreted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from penstock.model import events as e
from penstock.model.limits import Limit
from penstock.model.policies import DEFAULT, Policy
from penstock.testing.simulation.case import Expected, Facts, Fate, Key, Log, dies
from penstock.testing.simulation.programs.coroutines import Flow, FunctionProgram, StepBroke
from penstock.testing.simulation.programs.undoing import likely_undone, with_undo
from penstock.testing.simulation.programs.work import BIG, combine, draw_policy, under

Move = tuple[Any, ...]
"""("step", salt) ("loop", times, salt) ("gather", salts) ("sleep", seconds) ("wait", name, times) ("try", salt) ("race", salt)
("patience", name, seconds): a signal nobody sends, waited for that long."""


def step(salt: int, total: int) -> int:
    """What each step does."""
    return combine(salt, total=total)


async def interpret(flow: Flow, moves: Sequence[Move]) -> int:
    """The function: one total through all moves."""
    total = 1
    for move in moves:
        total = await _MOVES[move[0]](flow, total, *move[1:])
    return total


async def _step(flow: Flow, total: int, salt: int) -> int:
    return int(await flow.step(step, salt, total))


async def _loop(flow: Flow, total: int, times: int, salt: int) -> int:
    for _ in range(times):
        total = await flow.step(step, salt, total)
    return total


async def _gather(flow: Flow, total: int, salts: Sequence[int]) -> int:
    return _mix(total, await flow.gather(*[flow.step(step, salt, total) for salt in salts]))


async def _sleep(flow: Flow, total: int, seconds: float) -> int:
    await flow.sleep(seconds)
    return total + 1


async def _wait(flow: Flow, total: int, name: str, times: int) -> int:
    return _mix(total, await flow.gather(*[flow.wait(name) for _ in range(times)]))


async def _try(flow: Flow, total: int, salt: int) -> int:
    try:
        return int(await flow.step(step, salt, total))
    except StepBroke:
        return total * 3 % BIG


async def _race(flow: Flow, total: int, salt: int) -> int:
    """Whoever wins, the total is the same: who does is a matter of time."""
    await flow.race(flow.step(step, salt, total), flow.sleep(1.0))
    return total + 2


async def _patience(flow: Flow, total: int, name: str, seconds: float) -> int:
    try:
        await flow.wait(name, seconds)
    except StepBroke as broke:
        return total + 5 if broke.failure.cause == "timeout" else 0
    return 0


_MOVES: Mapping[str, Callable[..., Any]] = {
    "step": _step, "loop": _loop, "gather": _gather, "sleep": _sleep, "wait": _wait, "try": _try, "race": _race,
    "patience": _patience,
}  # fmt: skip


def _mix(total: int, values: Iterable[Any]) -> int:
    for value in values:
        total = (total * 31 + int(value)) % BIG
    return total


class _Dead(Exception):
    pass


class FunctionCase:
    """See Case. Keys of steps are counted as they are asked for, by the reference as by the flow."""

    style = "function"

    def __init__(
        self, moves: Sequence[Move], policies: Mapping[str, Policy], fates: Mapping[Key, Fate], signals: Any
    ) -> None:
        self.moves = moves
        self.policies = policies
        self.undoes = {key: dict[str, Any]() for key, policy in policies.items() if policy.undo is not None}
        self.fates = fates
        self.signals: Sequence[tuple[str, Any]] = signals
        self.program = FunctionProgram("function", interpret, lambda key: policies.get(key, DEFAULT))
        self.input = [list(move) for move in moves]

    def expected(self, facts: Facts) -> Expected:
        """The moves, one after another, as plain code."""
        reference = _Reference(self, facts)
        try:
            return Expected("completed", reference.total())
        except _Dead as dead:
            return Expected("failed", blamed=frozenset(dead.args[0]))

    def dies(self, key: str, facts: Facts) -> bool:
        fate = self.fates.get((key, None))
        attempts = self.policies.get(key, DEFAULT).retry.attempts
        return (key, None) in facts.timed_out or (fate is not None and dies(fate, attempts, facts))

    def disorder(self, log: Log) -> Iterable[str]:
        """Steps are asked for by number: one that waits for another starts after it."""
        yield from self._short_sleeps(log)
        started = [
            int(event.step[1:])
            for _, _, event in log
            if isinstance(event, e.StepStarted) and event.step.startswith("s")
        ]
        firsts = list(dict.fromkeys(started))
        widest = max((len(move[1]) for move in self.moves if move[0] == "gather"), default=1)
        for place, number in enumerate(firsts):
            if any(earlier > number + widest for earlier in firsts[:place]):
                yield f"s{number} started after {max(firsts[:place])}"

    def _short_sleeps(self, log: Log) -> Iterable[str]:
        """A sleep lasts as long as was asked for, counted from what was recorded last before it at the earliest."""
        seconds = _sleeps(self.moves)
        asked_at = 0.0
        for _, at, event in log:
            if (
                isinstance(event, e.StepDone)
                and event.step in seconds
                and at < asked_at + seconds[event.step] - 1e-6
            ):
                yield f"{event.step} slept {at - asked_at} s, not {seconds[event.step]}"
            if isinstance(event, e.StepDone | e.RunStarted):
                asked_at = at


class _Reference:
    def __init__(self, case: FunctionCase, facts: Facts) -> None:
        self.case = case
        self.facts = facts
        self.number = 0
        self.signals = {name: list(values) for name, values in facts.signals.items()}

    def total(self) -> int:
        total = 1
        for move in self.case.moves:
            total = self._move(total, *move)
        return total

    def _move(self, total: int, kind: str, *how: Any) -> int:
        match kind:
            case "step":
                return self._value(how[0], total)
            case "loop":
                for _ in range(how[0]):
                    total = self._value(how[1], total)
                return total
            case "gather":
                return self._all(total, how[0])
            case "wait":
                self.number += how[1]
                come = self.signals.get(how[0], [])  # fewer only if the run ended before
                return _mix(total, [come.pop(0) if come else 0 for _ in range(how[1])])
            case "try":
                self.number += 1
                dead = self.case.dies(f"s{self.number}", self.facts)
                return total * 3 % BIG if dead else step(how[0], total)
            case "race":
                self.number += 2
                return total + 2
        self.number += 1
        return total + (1 if kind == "sleep" else 5)

    def _value(self, salt: int, total: int) -> int:
        self.number += 1
        if self.case.dies(f"s{self.number}", self.facts):
            raise _Dead([f"s{self.number}"])
        return step(salt, total)

    def _all(self, total: int, salts: Sequence[int]) -> int:
        keys = [f"s{self.number + 1 + n}" for n in range(len(salts))]
        self.number += len(salts)
        dead = [key for key in keys if self.case.dies(key, self.facts)]
        if dead:
            raise _Dead(dead)
        return _mix(total, [step(salt, total) for salt in salts])


def draw_function(chance: Random, *, limits: Sequence[Limit] = ()) -> FunctionCase:
    """1 to 7 moves."""
    moves: list[Move] = []
    signals: list[tuple[str, Any]] = []
    for number in range(1 + int(chance.random() * 7)):
        moves.append(_draw_move(chance, number, signals))
    policies: dict[str, Policy] = {}
    fates: dict[Key, Fate] = {}
    trying = _tried(moves)
    for number in range(1, 40):
        if chance.random() < 0.35:
            policy, fate = draw_policy(chance)
            policies[f"s{number}"] = policy
            if fate is not None:
                lasting = fate.until_reopened and number in trying
                fates[f"s{number}", None] = Fate(99) if lasting else fate
    if chance.random() < likely_undone(fates):
        for number in range(1, 40):
            if chance.random() < 0.5:
                key = f"s{number}"
                policies[key] = with_undo(chance, policies.get(key, DEFAULT), key, fates)
    for key in [f"s{number}" for number in range(1, 40)] if limits else ():
        policies[key] = under(chance, policies.get(key, DEFAULT), limits)
    return FunctionCase(moves, policies, fates, signals)


def _draw_move(chance: Random, number: int, signals: list[tuple[str, Any]]) -> Move:
    salt, kind = int(chance.random() * 500), chance.random()
    if kind < 0.2:
        return ("step", salt)
    if kind < 0.35:
        return ("loop", 1 + int(chance.random() * 5), salt)
    if kind < 0.55:
        return ("gather", [salt + n for n in range(1 + int(chance.random() * 4))])
    if kind < 0.65:
        return ("sleep", round(chance.random() * 4, 3))
    if kind < 0.8:
        times = 1 + int(chance.random() * 3)
        name = f"go{number}-{int(chance.random() * 1e6)}"
        signals.extend((name, salt + n) for n in range(times))
        return ("wait", name, times)
    if kind < 0.88:
        return ("try", salt)
    if kind < 0.95:
        return ("race", salt)
    return ("patience", f"never{number}", round(chance.random() * 3, 3))


def _tried(moves: Sequence[Move]) -> set[int]:
    """Numbers of the steps whose failure the function takes in its stride."""
    return {number for move, number in _numbered(moves) if move[0] in ("try", "race")}


def _sleeps(moves: Sequence[Move]) -> dict[str, float]:
    """The sleeps among them, and how long each is."""
    return {f"z{number}": move[1] for move, number in _numbered(moves) if move[0] == "sleep"}


def _numbered(moves: Sequence[Move]) -> Iterable[tuple[Move, int]]:
    """Each move with the number of its first step."""
    number = 1
    for move in moves:
        yield move, number
        number += (
            {"loop": move[1], "wait": move[-1], "race": 2}.get(move[0], 1)
            if move[0] != "gather"
            else len(move[1])
        )
