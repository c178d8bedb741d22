"""Processes that share a store and its schedules: many are due at one instant, ten times a second, and each moment is one run.

python -m tests.schedules.rivals STORE      fires the schedules of STORE until SIGTERM, then says how many runs it made
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import penstock
from penstock import Workflow, task
from penstock.app.scheduling.rules import between, named
from penstock.app.scheduling.serving import Serving

PROCESSES = 4
SECONDS = 0.1
LIMIT_SECONDS = 180.0


@task
def nothing(moment: str) -> str:
    return moment


flow = Workflow("nothing")
flow.add_task(nothing)


class Fired(NamedTuple):
    """The (schedule, moment) that were to be fired, the runs there are of each, and how many each process says that it made.

    A schedule that was added late, on a busy machine, begins later.
    """

    wanted: set[tuple[str, str]]
    runs: Counter[tuple[str, str]]
    by_process: list[int]


def fire(folder: Path, schedules: int, moments: int, *, blows: int = 0, seed: int = 0) -> Fired:
    """Have so many schedules fired by rival processes, some of which are killed or stopped for a while."""
    store = folder / "runs.db"
    with penstock.open(store) as engine:
        processes = [_rival(store) for _ in range(PROCESSES)]
        try:
            _await_ready(processes)
            begin = round(time.time() + 0.3 + 0.02 * schedules, 1)
            bounds = {"start": _named(begin), "until": _named(begin + SECONDS * (moments - 1))}
            how: dict[str, Any] = {
                "every": SECONDS,
                "moment_input": "moment",
                "catch_up": "all",
                "at_most": 1_000,
            }
            added = [engine.schedules.add(f"s{n}", flow, **how, **bounds) for n in range(schedules)]
            hired = _strike(processes, store, blows, random.Random(seed))
            deadline = time.monotonic() + LIMIT_SECONDS
            while any(each.next is not None for each in engine.schedules.all()):
                assert time.monotonic() < deadline, engine.schedules.all()
                time.sleep(0.05)
            _await_ready(process for process in processes if process in hired)
            by_process = [_ended(process) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        tags = [json.loads(row["tags"]) for row in engine.rows(limit=1_000_000)]
    wanted = {
        (each.name, named(moment))
        for each in added
        for moment in between(each.rule, each.next or 0.0, each.until or 0.0)
    }
    return Fired(wanted, Counter((tag["schedule"], tag["moment"]) for tag in tags), by_process)


def _strike(
    processes: list[subprocess.Popen[str]], store: Path, blows: int, chance: random.Random
) -> list[subprocess.Popen[str]]:
    """Kill a process and start another, or stop one for a quarter of a second, so many times; those that were started."""
    hired = []
    for number in range(blows):
        time.sleep(chance.uniform(0.0, 0.25))
        place = chance.randrange(PROCESSES)
        if number % 2:
            processes[place].kill()
            processes[place].communicate()
            processes[place] = _rival(store)
            hired.append(processes[place])
        else:
            processes[place].send_signal(signal.SIGSTOP)
            time.sleep(0.25)
            processes[place].send_signal(signal.SIGCONT)
    return hired


def _await_ready(processes: Iterable[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"


def _rival(store: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.schedules.rivals", str(store)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})


def _ended(process: subprocess.Popen[str]) -> int:
    process.terminate()
    said = process.communicate(timeout=LIMIT_SECONDS)[0]
    assert process.returncode == 0, said
    return int(said)


def _named(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def main() -> None:
    with penstock.open(sys.argv[1]) as engine:
        serving = Serving(engine)

        def stop(*_: Any) -> None:
            serving.stop()

        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        serving.serve()
        print(serving.fired, flush=True)


if __name__ == "__main__":
    main()
