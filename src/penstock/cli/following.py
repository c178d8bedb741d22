"""Reads what another process writes of a run, as it writes it."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.model.states import FINISHED

if TYPE_CHECKING:
    from penstock.app import Engine

LOOK_SECONDS = 0.2

T = TypeVar("T", bound=tuple[Any, ...])


def follow(engine: Engine, run_id: str, read: Callable[[int], Sequence[T]], after: int = 0) -> Iterator[T]:
    """What `read(after)` gives, again and again, until the run has finished; the first field numbers it."""
    with closing(engine.durable_store().watch([f"run:{run_id}"])) as bell:
        while True:
            over = engine.status_of(run_id) in FINISHED  # asked first: what was recorded before is read below
            while found := read(after):
                yield from found
                after = found[-1][0]
            if over:
                return
            if select.select([bell], [], [], LOOK_SECONDS)[0]:
                bell.drain()
