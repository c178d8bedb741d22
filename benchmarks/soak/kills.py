"""kill -9 at random moments of whole runs, with a new seed each round. See tests/faults/kill_loop.py."""

from __future__ import annotations

import tempfile
import time
from itertools import count, cycle
from pathlib import Path

from tests.faults.kill_loop import EXECUTORS, Loop, histogram
from tests.faults.lives import Place, Unit, results

KILLS = 30
"""In one round: of one executor, with one seed, on one store."""


def soak(seconds: float) -> None:
    """Rounds until the time is up; prints where the kills came."""
    deadline = time.monotonic() + seconds
    expected = undisturbed()
    for seed, executor in zip(count(1), cycle(EXECUTORS), strict=False):
        if time.monotonic() > deadline:
            return
        print(f"seed {seed:5}  {one_round(executor, seed, expected)}", flush=True)


def one_round(executor: str, seed: int, expected: dict[Unit, str]) -> str:
    """The histogram of one round. Raises AssertionError for whatever is wrong; its folder is left then."""
    place = Place(Path(tempfile.mkdtemp(prefix="penstock-soak-")))
    try:
        loop = Loop(place, executor, KILLS, seed)
        loop.run_all(expected)
    except BaseException as error:
        error.add_note(f"seed {seed}, executor {executor}; what was left behind: {place.folder}")
        raise
    finally:
        place.close()
    place.remove()
    return histogram(executor, loop.at)


def undisturbed() -> dict[Unit, str]:
    """What every run must give."""
    place = Place(Path(tempfile.mkdtemp(prefix="penstock-soak-")))
    life = place.life("inline")
    run = life.go("only")
    assert life.ended().startswith("done ")
    found = results(place.log(run))
    place.close()
    place.remove()
    return found
