"""Watches that no more steps are under way under a limit than it says, by what was written and whose lease stood; and that no
more were begun since the beginning than its rate lets through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from penstock.app.ledgers import lease_id
from penstock.model import events as e
from penstock.model.gates import limit_of
from penstock.model.invariants import find
from penstock.model.limits import Bounds, Limit
from penstock.model.state import Run, Scope
from penstock.model.states import FINISHED
from penstock.ports import Store
from penstock.testing.simulation.world import World

ROUNDING = 0.001


class Inside(NamedTuple):
    """An attempt under a limit that the log says is under way, and the lease under which its engine began it."""

    key: str
    owner: str
    epoch: int


class Within(NamedTuple):
    """A run, or a workflow inside one, that holds a slot as a whole, as the log tells it: see `Inside`."""

    inside: Inside
    run: Run
    scope: Scope

    @property
    def over(self) -> bool:
        there = self.run.scopes.get(self.scope.path, self.run.root)
        return there is not self.scope or self.run.status in FINISHED


class SlotWatch:
    """Told of every event when it was written, before the run is changed by it."""

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world
        self._counts = world.counts
        self._opened_at = world.now
        self._begun: Counter[str] = Counter()
        self._inside: dict[tuple[str, str, int | None], Inside] = {}
        self._lost: dict[str, str] = {}  # whose slots went with it, by key
        self._within: dict[tuple[str, str], Within] = {}

    def seen(self, run: Run, owner: str, event: e.Event) -> Iterator[str]:
        """What is wrong with it, a sentence each."""
        if isinstance(event, e.StepStarted):
            yield from self._begins(run, owner, event)
        elif isinstance(event, e.StepDone | e.StepFailed | e.StepCancelled):
            gone = self._inside.pop((run.id, event.step, event.item), None)
            lost = isinstance(event, e.StepFailed) and event.error.cause == "lost"
            if gone is not None and gone.owner == owner and not lost and self._epoch(owner) != gone.epoch:
                yield f"{event.step} ended after its engine had lost its slot"
            if gone is not None and lost:
                self._lost[gone.key] = gone.owner

    def dropped(self, run: str, owner: str) -> None:
        """An engine lets go of a run: it records nothing more of it, and frees its slots."""
        self._inside = {
            place: each for place, each in self._inside.items() if (place[0], each.owner) != (run, owner)
        }
        self._within = {
            place: each
            for place, each in self._within.items()
            if (place[0], each.inside.owner) != (run, owner) and not each.over
        }

    def _begins(self, run: Run, owner: str, event: e.StepStarted) -> Iterator[str]:
        step = find(run, event.step, event.item)
        if step is None:
            return
        scope: Scope | None = step.scope
        while scope is not None:
            if scope.gate is not None:
                yield from self._begins_within(run, owner, scope, limit_of(scope.gate.program))
            scope = scope.parent
        limit = step.policy.limit
        if limit is None:
            return
        epoch = self._epoch(owner)
        if epoch is None:
            yield f"{event.step} began though its engine has no lease on its slots"
            return
        key = str(limit.key)
        self._inside[run.id, event.step, event.item] = Inside(key, owner, epoch)
        if self._lost.pop(key, owner) != owner:
            self._counts["limit taken by another after a crash"] += 1
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

    def _begins_within(self, run: Run, owner: str, scope: Scope, limit: Limit | None) -> Iterator[str]:
        """A step begins in what needs a slot as a whole."""
        assert limit is not None
        epoch = self._epoch(owner)
        if epoch is None:
            yield f"a step of {scope.path or run.id} began though its engine has no lease on its slots"
            return
        inside = Inside(str(limit.key), owner, epoch)
        known = self._within.get((run.id, scope.path))
        if known is not None and known.inside == inside and known.scope is scope:
            return
        self._within[run.id, scope.path] = Within(inside, run, scope)
        together = [
            each
            for each in self._within.values()
            if each.inside.key == inside.key
            and not each.over
            and self._epoch(each.inside.owner) == each.inside.epoch
        ]
        self._counts["limit of a workflow"] += 1
        if limit.at_most is not None and len(together) > limit.at_most:
            yield f"{len(together)} workflows are under way under {inside.key!r}, which says {limit.at_most}"

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
