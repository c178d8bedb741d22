"""Processes that share a store: each moment of each schedule becomes exactly one run. `make soak` goes on with it."""

from __future__ import annotations

from pathlib import Path

from tests.schedules.rivals import PROCESSES, Fired, fire


def check_each_once(fired: Fired) -> None:
    assert set(fired.runs) == fired.wanted
    assert set(fired.runs.values()) == {1}


def test_four_processes_fire_each_moment_once(tmp_path: Path) -> None:
    fired = fire(tmp_path, schedules=50, moments=20)
    check_each_once(fired)
    assert sum(fired.by_process) == len(fired.runs)
    assert len(fired.by_process) == PROCESSES


def test_processes_that_are_killed_or_stopped_lose_and_double_nothing(tmp_path: Path) -> None:
    check_each_once(fire(tmp_path, schedules=10, moments=20, blows=6, seed=1))
