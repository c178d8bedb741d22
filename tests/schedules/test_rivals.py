"""Processes that share a store: each moment of each schedule becomes exactly one run. `make soak` goes on with it."""

from __future__ import annotations

from pathlib import Path

from tests.schedules.rivals import PROCESSES, fire


def test_four_processes_fire_each_moment_once(tmp_path: Path) -> None:
    fired = fire(tmp_path, schedules=50, moments=20)
    assert len(fired.runs) == 1_000
    assert set(fired.runs.values()) == {1}
    assert sum(fired.by_process) == 1_000
    assert len(fired.by_process) == PROCESSES


def test_processes_that_are_killed_or_stopped_lose_and_double_nothing(tmp_path: Path) -> None:
    fired = fire(tmp_path, schedules=10, moments=20, blows=6, seed=1)
    assert len(fired.runs) == 200
    assert set(fired.runs.values()) == {1}
