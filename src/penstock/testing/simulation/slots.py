"""Watches that no more steps are under way under a limit than it says, by what was written and whose lease stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from penstock.app.ledgers import lease_id
from penstock.model import events as e
from penstock.model.invariants import find
from penstock.model.state import Run
from penstock.ports import Store


class Inside(NamedTuple):
    """An attempt under a limit that the log says is under way, and the lease under which its engine began it."""

    key: str
    owner: str
    epoch: int


class SlotWatch:
    """Told of every event when it was written, before the run is changed by it."""

    def __init__(self, store: Store, counts: Counter[str]) -> None:
        self._store = store
        self._counts = counts
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
        inside = [each for each in self._inside.values() if each.key == key and self._stands(each)]
        if limit.at_most is not None:
            self._counts[f"limit {'full' if len(inside) == limit.at_most else 'held'}"] += 1
            if len(inside) > limit.at_most:
                yield f"{len(inside)} steps are under way under {key!r}, which says {limit.at_most}"

    def _stands(self, inside: Inside) -> bool:
        stands = self._epoch(inside.owner) == inside.epoch
        if not stands:
            self._counts["limit slot of a lost engine"] += 1
        return stands

    def _epoch(self, owner: str) -> int | None:
        """The number of the lease that an engine has on its slots; None: it has none."""
        row = self._store.get("queued", [lease_id(owner)]).get(lease_id(owner))
        return None if row is None or row["owner"] != owner else int(row["epoch"])
