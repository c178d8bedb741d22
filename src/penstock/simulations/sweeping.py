"""One workflow executed with several values of its parameters, some at a time: what comes of each, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, Protocol

from penstock.errors import InputError, PenstockError
from penstock.simulations.preparing import Ready
from penstock.simulations.records import WorkflowExecution
from penstock.simulations.started import Started

MOST = 1_000
"""So many executions a sweep may have."""


class Beginning(Protocol):
    """What is asked of the runner that executes them; `how` is what its `start` takes."""

    def ready(self, workflow_name: str, version: str | None = None, **how: Any) -> Ready: ...
    def begin(self, ready: Ready) -> Started: ...


def combinations(over: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of values, the last parameter's going round quickest. Raises InputError for none, or too many."""
    empty = [name for name, values in over.items() if not values]
    if not over or empty:
        raise InputError(
            f"there are no values of {empty[0]!r} to sweep over"
            if empty
            else "there is nothing to sweep over"
        )
    found = [dict(zip(over, values, strict=True)) for values in product(*over.values())]
    if len(found) > MOST:
        raise InputError(
            f"{len(found):,} combinations are more than the {MOST:,} that a sweep may have: give fewer values"
        )
    return found


def executed(
    runner: Beginning,
    name: str,
    version: str | None,
    each: Sequence[Mapping[str, Any]],
    jobs: int | None = None,
) -> list[WorkflowExecution]:
    """Execute a workflow with each of these options, `jobs` at a time (left out, one for each processor). The records.

    Nothing is begun before all of them are checked. An interrupt stops those that go on.
    """
    checked = [runner.ready(name, version, **how) for how in each]
    going: deque[Started] = deque()
    begun: list[Started] = []
    try:
        for ready in checked:
            if len(going) >= (jobs or os.cpu_count() or 1):
                going.popleft().wait()
            going.append(runner.begin(ready))
            begun.append(going[-1])
        return [started.wait() for started in begun]
    except BaseException:
        _stop(going)
        raise


def _stop(going: Iterable[Started]) -> None:
    for started in going:
        with suppress(PenstockError):  # it has ended, or its store is gone
            started.stop("interrupted")
