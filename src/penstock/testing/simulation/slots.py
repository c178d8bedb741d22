"""Watches that no more steps are under way under a limit than it says, by what was written and whose lease stood; and that no
more were begun since the beginning than its rate lets through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from penstock.app.ledgers import lease_id
from penstock.model import events as e
from penstock.model.invariants import find
from penstock.model.limits import Bounds
from penstock.model.state import Run
from penstock.ports import Store
from penstock.testing.simulation.world import World

ROUNDING = 0.001


class Inside(NamedTuple):
    """An attempt under a limit that the log says is under way, and the lease under which its engine began it."""

    key: str
    owner: str
    epoch: int


class SlotWatch:
    """Told of every event when it was written, before the run is changed by it."""

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world
        self._counts = world.counts
        self._opened_at = world.now
        self._begun: Counter[str] = Counter()
        self._inside: dict[tuple[str, str, int | None], Inside] = {}

    def seen(self, run: Run, owner: str, event: e.Event) -> Iterator[str]:
        """What is wrong with it, a sentence each."""
        if isinstance(event, e.StepStarted):
            yield from self._begins(run, owner, event)
        elif isinstance(event, e.StepDone | e.StepFailed | e.StepCancelled):
            gone = self._inside.pop((run.id, event.step, event.item), None)
            lost = isinstance(event, e.StepFailed) and event.error.cause == "lost"
            if gone is not None and gone.owner == owner and not lost and self._epoch(owner) != gone.epoch:
                yield f"{event.step} ended after its engine had lost its slot"

    def dropped(self, run: str, owner: str) -> None:
        """An engine lets go of a run: it records nothing more of it, and frees its slots."""
        self._inside = {
            place: each for place, each in self._inside.items() if (place[0], each.owner) != (run, owner)
        }

    def _begins(self, run: Run, owner: str, event: e.StepStarted) -> Iterator[str]:
        step = find(run, event.step, event.item)
        limit = None if step is None else step.policy.limit
        if limit is None:
            return
        epoch = self._epoch(owner)
        if epoch is None:
            yield f"{event.step} began though its engine has no lease on its slots"
            return
        key = str(limit.key)
        self._inside[run.id, event.step, event.item] = Inside(key, owner, epoch)
        together = [each for each in self._inside.values() if each.key == key]
        inside = [each for each in together if self._epoch(each.owner) == each.epoch]
        if limit.at_most is not None:
            self._counts[f"limit {'full' if len(inside) == limit.at_most else 'held'}"] += 1
            if len(inside) > limit.at_most:
                yield f"{len(inside)} steps are under way under {key!r}, which says {limit.at_most}"
        if len(together) > len(inside):
            self._counts["limit slot of a lost engine"] += 1
        if len({run_id for (run_id, _, _), each in self._inside.items() if each in inside}) > 1:
            self._counts["limit shared by runs"] += 1
        yield from self._too_often(key, limit.bounds)

    def _too_often(self, key: str, bounds: Bounds) -> Iterator[str]:
        if bounds.rate is None:
            return
        self._begun[key] += 1
        seconds = self._world.now - self._opened_at
        self._counts["limit of a rate"] += 1
        if self._begun[key] > bounds.burst + bounds.rate * seconds + ROUNDING:
            yield f"{self._begun[key]} steps began under {key!r} in {seconds:.3f} s, which says {bounds.rate} a second"

    def _epoch(self, owner: str) -> int | None:
        """The number of the lease that an engine has on its slots; None: it has none."""
        row = self._store.get("queued", [lease_id(owner)]).get(lease_id(owner))
        return None if row is None or row["owner"] != owner else int(row["epoch"])
