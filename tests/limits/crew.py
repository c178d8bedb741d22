"""Processes on one store whose steps are under limits, and what their logs tell of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from penstock.app import Engine
from penstock.model import events as e
from tests.limits.limited import AT_MOST

LEASE_SECONDS = 30.0
"""Longer than any machine keeps a process waiting."""


class Attempt(NamedTuple):
    """When an attempt of a step under the limit began and ended, and whose it was."""

    began: float
    ended: float
    run: str


class Crew:
    """Processes on one store."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.all: list[subprocess.Popen[str]] = []

    def hire(
        self, count: int, seconds: float, tenant: str, *, lease: float = LEASE_SECONDS
    ) -> subprocess.Popen[str]:
        """A process of `limited` that is ready to begin."""
        return self.begin("tests.limits.limited", count, seconds, tenant, lease)

    def begin(self, module: str, *given: object) -> subprocess.Popen[str]:
        """A process of a module that is ready to begin; the store is its first argument."""
        command = [sys.executable, "-m", module, str(self.store), *map(str, given)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.all.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    @staticmethod
    def go(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    def close(self) -> None:
        for process in self.all:
            process.kill()
            process.communicate()


def attempts(engine: Engine, tenant: str | None = None, step: str = "call") -> list[Attempt]:
    """What the logs tell of steps under the limit, in order of their beginnings."""
    found = []
    for row in engine.durable_store().find("runs", limit=1_000):
        if tenant is not None and f'"{tenant}"' not in row["tags"]:
            continue
        began: dict[int | None, float] = {}
        for _, at, event in engine.get(row["id"]).events():
            if isinstance(event, e.StepStarted) and event.step == step:
                began[event.item] = at
            elif isinstance(event, e.StepDone) and event.step == step and event.item is not None:
                found.append(Attempt(began.pop(event.item), at, row["id"]))
        found += [Attempt(at, float("inf"), row["id"]) for at in began.values()]
    return sorted(found)


def most_at_once(found: list[Attempt]) -> int:
    moments = sorted([(each.ended, -1) for each in found] + [(each.began, 1) for each in found])
    inside = most = 0
    for _, change in moments:
        inside += change
        most = max(most, inside)
    return most


def takes(found: list[Attempt]) -> tuple[list[float], int]:
    """Seconds from each freed slot to who took it, while somebody waited, and how often that was another process."""
    ends = sorted((each.ended, each.run) for each in found)
    pairs = list(zip(ends, found[AT_MOST:], strict=False))
    return [max(0.0, taker.began - end) for (end, _), taker in pairs], sum(
        run != taker.run for (_, run), taker in pairs
    )


def share(values: list[float], part: float) -> float:
    return sorted(values)[int(part * (len(values) - 1))]
