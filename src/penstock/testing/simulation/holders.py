"""Counts, from the logs alone and by what cases say of their steps, how many held a slot of a limit at once.

Only where no engine lost a run: when the slots of a lost one became free no log says, and `SlotWatch` knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from penstock.model import events as e
from penstock.model.limits import Limit
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.programs.graphs import GraphCase
from penstock.testing.simulation.replicas import Replica


def limits_in(case: Case, path: str = "") -> Iterator[tuple[str, Limit]]:
    """The steps of a case that are under a limit, by their full names."""
    if isinstance(case, GraphCase):
        for spec in case.specs:
            if spec.inner is not None:
                yield from limits_in(spec.inner, f"{path}{spec.name}/")
            elif spec.policy.limit is not None:
                yield path + spec.name, spec.policy.limit
    for step, policy in getattr(case, "policies", {}).items():
        if policy.limit is not None:
            yield path + step, policy.limit


def check_holders(
    replicas: Mapping[str, Replica], cases: Mapping[str, Case], counts: Counter[str]
) -> Iterator[str]:
    """All logs together, in the order in which they were written: a sentence for each limit that was exceeded."""
    if counts["runs dropped"] or any(counts[name] for name in counts if name.startswith("fault crash")):
        return
    limits = {run_id: dict(limits_in(case)) for run_id, case in cases.items()}
    written = [
        (place, run_id, event)
        for run_id, replica in replicas.items()
        if limits[run_id]
        for place, (_, _, event) in zip(replica.places, replica.log, strict=True)
    ]
    holders: dict[str, set[tuple[str, str, int | None]]] = {}
    for _, run_id, event in sorted(written, key=lambda each: each[0]):
        if not isinstance(event, e.StepStarted | e.StepDone | e.StepFailed | e.StepCancelled):
            continue
        limit = limits[run_id].get(event.step)
        if limit is None or limit.at_most is None:
            continue
        inside = holders.setdefault(str(limit.key), set())
        if not isinstance(event, e.StepStarted):
            inside.discard((run_id, event.step, event.item))
            continue
        inside.add((run_id, event.step, event.item))
        counts["limit counted by the logs alone"] += 1
        if len(inside) > limit.at_most:
            yield f"{sorted(map(str, inside))} held slots of {limit.key!r} at once, which says {limit.at_most}"
