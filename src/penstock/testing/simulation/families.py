"""What must hold of runs that are steps of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from penstock.engine.recovery import Log
from penstock.model import events as e
from penstock.model.child import PARENT_OVER, PARENT_PAUSED, can_go_on, child_key, ended_as, ends_in
from penstock.model.ids import run_id_for
from penstock.testing.simulation.replicas import Replica


def children_of(replicas: Mapping[str, Replica], parent: str) -> list[Replica]:
    """The runs that are steps of a run."""
    return [replica for replica in replicas.values() if replica.run.parent == parent]


def passed_up(event: e.StepDone | e.StepFailed, child: Replica) -> bool:
    """Whether a child's log has an end of which its step's end may be told."""
    if isinstance(event, e.StepFailed):
        return any(isinstance(each, e.RunFailed | e.RunCancelled) for _, _, each in child.log)
    return any(isinstance(each, e.RunDone) and each.value == event.value for _, _, each in child.log)


def check_children(
    replicas: Mapping[str, Replica], counts: Counter[str], run_id: str, log: Log
) -> Iterator[str]:
    """A step has one run, and another only where that could not go on; where no engine was lost, the parent ends last."""
    children = children_of(replicas, run_id)
    known = {child.run.id for child in children}
    counts["children"] += len(children)
    for child in children:
        _count(counts, child.log)
        yield from _ends_before(child, log, replicas[run_id].places[-1])
    for step in {event.step for _, _, event in log if isinstance(event, e.StepStarted)}:
        line = list(_line(replicas, known, run_id, step))
        known -= {child.run.id for child in line}
        if line and _failures(log, step) > sum(ends_in(child.log) for child in line):
            yield f"{step} failed more often than its runs did"
        for child in line[:-1]:
            counts["children that were followed by others"] += 1
            end = ended_as(child.log)
            if end is None or can_go_on(end) or isinstance(end, e.RunDone):
                yield f"{step} has a second run, though {child.run.id} could go on"
    if known:
        yield f"runs {sorted(known)} are steps of it that it did not start"


def _failures(log: Log, step: str) -> int:
    """How often a step has failed, but for its run's deadline, of which its child need not have heard."""
    return sum(
        isinstance(event, e.StepFailed)
        and event.step == step
        and event.error.cause not in ("lost", "timeout")
        for _, _, event in log
    )


def _line(replicas: Mapping[str, Replica], known: set[str], parent: str, step: str) -> Iterator[Replica]:
    """The runs of a step, in order."""
    names = {replicas[run].run.workflow for run in known}
    number = 1
    while found := [
        run for name in sorted(names) if (run := run_id_for(name, child_key(parent, step, number))) in known
    ]:
        yield replicas[found[0]]
        number += 1


def _ends_before(child: Replica, log: Log, place: int) -> Iterator[str]:
    undisturbed = not any(isinstance(event, e.Owned) for _, _, event in [*child.log, *log])
    late = any(isinstance(event, e.Noted) and event.topic == "deadline" for _, _, event in log)
    if undisturbed and not late and child.places[-1] > place:
        yield f"it ended before {child.run.id}, which is a step of it"


def _count(counts: Counter[str], log: Log) -> None:
    for _, _, event in log:
        if isinstance(event, e.Paused | e.CancelAsked) and event.reason in (PARENT_PAUSED, PARENT_OVER):
            counts[f"child {type(event).__name__} as {event.reason}"] += 1
