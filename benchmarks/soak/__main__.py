"""Every part for its share of SOAK_SECONDS, 600 if unset; the first thing that is wrong ends it."""

from __future__ import annotations

import os

from benchmarks.soak import kills, limits, schedules, seeds

PARTS = (kills.soak, seeds.soak, schedules.soak, limits.soak)


def main() -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    for part in PARTS:
        part(seconds / len(PARTS))


if __name__ == "__main__":
    main()
