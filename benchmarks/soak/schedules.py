"""Cron at every transition of every time zone over 20 years, and rival processes that fire 1,000 moments a round."""

from __future__ import annotations

import tempfile
import time
import zoneinfo
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path

from tests.schedules.agreeing import disagreements, transitions_of
from tests.schedules.rivals import fire

SCHEDULES, MOMENTS, BLOWS = 50, 20, 8


def soak(seconds: float) -> None:
    """All zones once, then rivals until the time is up. Raises AssertionError for whatever is wrong."""
    deadline = time.monotonic() + seconds
    zones()
    for seed in count(1):
        rivals(seed)
        if time.monotonic() > deadline:
            return


def zones() -> None:
    """Every zone; of those whose clocks are set at the same moments in the same way, one."""
    names = sorted(zoneinfo.available_timezones())
    distinct = {transitions_of(name): name for name in names}
    with ProcessPoolExecutor() as pool:
        found = [line for lines in pool.map(disagreements, distinct.values()) for line in lines]
    told = sum(len(transitions) for transitions in distinct)
    print(f"cron: {len(names)} zones, {len(distinct)} of them distinct, {told:,} transitions", flush=True)
    assert not found, found[:10]


def rivals(seed: int) -> None:
    """One round: some of the processes are killed, some stopped for a while."""
    with tempfile.TemporaryDirectory(prefix="penstock-soak-") as folder:
        fired = fire(Path(folder), SCHEDULES, MOMENTS, blows=BLOWS, seed=seed)
    doubled = {moment: runs for moment, runs in fired.runs.items() if runs != 1}
    amiss = fired.wanted ^ set(fired.runs)
    assert not amiss, f"seed {seed}: lost or made up {sorted(amiss)}"
    assert not doubled, f"seed {seed}: {doubled}"
    print(f"schedules: seed {seed:5}, {len(fired.runs):,} moments, each one run", flush=True)
