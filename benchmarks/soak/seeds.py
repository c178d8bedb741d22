"""Simulated faults, a seed after another: `python -m benchmarks.soak.seeds --seeds 0..99999 --minutes 30`."""

from __future__ import annotations

import argparse
import sys
import time

from penstock.testing.simulation import simulate
from penstock.testing.simulation.__main__ import seeds_of


def soak(seconds: float) -> None:
    """Seeds that no run has seen before, until the time is up. Raises AssertionError for whatever is wrong."""
    first = int(time.time()) * 1_000
    played(range(first, first + 10**9), seconds / 60)


def played(seeds: range, minutes: float) -> None:
    """These seeds, for so long at most; prints what occurred how often."""
    campaign = simulate(seeds=seeds, minutes=minutes)
    print(campaign.report(), flush=True)
    if campaign.found:
        raise AssertionError(f"seed {campaign.found[0][0]}: {campaign.found[0][1]}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.seeds", description=__doc__)
    parser.add_argument("--seeds", default="0..999999", help="first..last")
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    played(seeds_of(given.seeds), given.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
