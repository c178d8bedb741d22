"""The suite every front door inherits: its programs come to the same end whatever happens to the engines that drive them.

    from penstock.testing.program_suite import Example, ProgramSuite

    class TestMyDoor(ProgramSuite):
        def examples(self):
            return {"chain": Example(my_flow.as_program(), {"x": 1}, value=7), "wait": Example(..., signals=[("go", 1)])}

An example's steps must answer the same to the same arguments. Its end is what it says, or what it came to when nothing went
wrong; crashes before and after every commit, takeovers, lost replies, jumping clocks and all the rest must not change it.
Nor does a fork of its run, where it needs no signals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import pytest

from penstock.model import events as e
from penstock.model.program import Play, Program
from penstock.testing.simulation.case import Expected, Facts, Fate, Key, Log
from penstock.testing.simulation.faults import Faults, calm
from penstock.testing.simulation.simulation import Simulation
from penstock.testing.simulation.verdicts import leveled

_UNSAID: Any = object()


class Example:
    """A program with its input, the signals it needs as (name, value), and the value it completes with.

    `failed_step` names the step at which it must fail instead. See penstock.testing.simulation.Case.
    """

    style = "example"
    fates: Mapping[Key, Fate] = {}

    def __init__(
        self,
        program: Program,
        input: Any = None,
        *,
        signals: Sequence[tuple[str, Any]] = (),
        value: Any = _UNSAID,
        failed_step: str | None = None,
    ) -> None:
        self.program = program
        self.input = input
        self.signals = signals
        self.value = value
        self.failed_step = failed_step

    def __call__(self, chance: Random) -> Example:
        """As a draw: itself."""
        return self

    def expected(self, facts: Facts) -> Expected:
        """See Case."""
        if self.failed_step is not None:
            return Expected("failed", blamed=frozenset({self.failed_step}))
        return Expected("completed", self.value)

    def disorder(self, log: Log) -> Iterable[str]:
        """See Case."""
        last = log[-1][2]
        if self.value is _UNSAID and isinstance(last, e.RunDone):
            self.value = leveled(last.value)
        return ()


class ProgramSuite:
    """A front door gives `examples`."""

    seeds: ClassVar[int] = 40
    """How many seeds of random faults each example is played with."""

    def examples(self) -> Mapping[str, Example]:
        """By name. Each call makes them anew."""
        raise NotImplementedError

    def test_its_programs_are_programs(self) -> None:
        for name, example in self.examples().items():
            assert isinstance(example.program, Program), f"{name} is no program"
            assert isinstance(example.program.play(example.input), Play), f"{name} makes no play"

    def test_examples_end_as_they_say_when_nothing_goes_wrong(self) -> None:
        for example in self.examples().values():
            _undisturbed(example)

    def test_a_crash_at_any_commit_changes_nothing(self) -> None:
        for example in self.examples().values():
            _undisturbed(example)
            edge = 1
            while _crashed_at(example, edge):
                edge += 1
            assert edge > 2, "there was no commit to crash at"

    def test_no_fault_changes_how_an_example_ends(self) -> None:
        for name, example in self.examples().items():
            _undisturbed(example)
            for seed in range(self.seeds):
                try:
                    Simulation(seed, [example], scheduled=False).play()
                except AssertionError as error:
                    pytest.fail(f"{name}, seed {seed}: {error}")

    def test_the_same_seed_gives_the_same_log(self) -> None:
        for name in self.examples():
            first, second = (
                Simulation(7, [self.examples()[name]], steered=False).play().digest() for _ in range(2)
            )
            assert first == second, f"{name} has a clock or chance in it"


def _undisturbed(example: Example) -> None:
    Simulation(1, [example], faults=calm(), engines=1, runs=1, commands=False, steered=False).play()


def _crashed_at(example: Example, edge: int) -> bool:
    """Play it with one crash at that edge of a commit. False if it has no such edge."""
    simulation = Simulation(
        1, [example], faults=Faults(crash_at=edge), engines=1, runs=1, commands=False, steered=False
    ).play()
    return any(simulation.world.counts[f"fault crash {when} commit"] for when in ("before", "after"))
