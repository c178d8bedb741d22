"""A simulation as the engine plays it: one step, whose body is the SimPy generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from penstock.model.failure import Failure
from penstock.model.policies import Policy
from penstock.model.program import Ask, Do, End, Fail, Plan

STEP = "simulate"


class SimulationProgram(Plan):
    """Plays `fn(order)`; the run's input is the order, which holds the code."""

    def __init__(self, name: str, version: str, fn: Callable[..., Any], policy: Policy) -> None:
        self.name = name
        self.version = version
        self.fn = fn
        self.policy = policy
        self.calls = {(policy.executor, policy.timeout): [fn]}

    def play(self, input: Any) -> SimulationPlay:
        return SimulationPlay(self, input)


class SimulationPlay:
    """One run."""

    def __init__(self, program: SimulationProgram, order: Any) -> None:
        self.program = program
        self.order = order

    def begin(self, at: float) -> Iterable[Ask]:
        program = self.program
        return [Do(STEP, program.fn, (self.order,), {}, program.policy)]

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return [End(value)]

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return [Fail(error)]
