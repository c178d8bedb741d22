"""kill -9 at random moments of whole runs, again and again. A longer version: `make soak`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.kill_loop import EXECUTORS, Loop, histogram
from tests.faults.lives import STEPS, Place, Unit

KILLS = 26
"""For each executor: 104 in all."""


@pytest.mark.parametrize("executor", EXECUTORS)
def test_whatever_moment_kill_9_comes_nothing_done_is_done_again_and_the_run_finishes(
    executor: str, place: Place, undisturbed: dict[Unit, str], record_property: Callable[[str, object], None]
) -> None:
    loop = Loop(place, executor, KILLS, seed=len(executor))
    loop.run_all(undisturbed)
    record_property("told", histogram(executor, loop.at))
    inside = sum(0 <= steps < STEPS for steps in loop.at)
    assert inside > len(loop.at) / 2, "most kills should lie inside the run"
