"""Runs that are steps of others in a simulation: how an engine has them, and what must hold of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.engine.recovery import Log, read_log
from penstock.engine.rows import row_of
from penstock.errors import StoreUnavailable
from penstock.model import events as e
from penstock.model.changes import Change, Guard, Letter, Put
from penstock.model.child import PARENT_OVER, PARENT_PAUSED, Child, can_go_on, child_key, ended_as, ends_in
from penstock.model.ids import run_id_for
from penstock.model.state import Run, Step

if TYPE_CHECKING:
    from penstock.testing.simulation.audit import Replica
    from penstock.testing.simulation.engine import SimulatedEngine
    from penstock.testing.simulation.simulation import Simulation


class SimulatedKin:
    """See Kin. Its looks at the store take no time, for nobody else may act while `Children` holds its lock; they may fail."""

    def __init__(self, engine: SimulatedEngine) -> None:
        self._engine = engine
        self._handle = engine.simulation.handle()

    def _store(self) -> Any:
        engine = self._engine
        weather, world = engine.weather, engine.world
        if world.now < weather.outage_until or world.chance.random() < weather.faults.unavailable:
            raise StoreUnavailable("database is locked")
        return self._handle

    def statuses(self, runs: Iterable[str]) -> Mapping[str, str]:
        return {run: row["status"] for run, row in self._store().get("runs", list(runs)).items()}

    def log(self, run: str) -> Log:
        return read_log(self._store(), self._engine.codec, run)

    def begin(self, step: Step, child: Child, key: str, inputs: Mapping[str, Any]) -> None:
        engine, simulation = self._engine, self._engine.simulation
        case = child.case  # type: ignore[attr-defined]
        program, parent = case.program, step.run
        run = run_id_for(program.name, key)
        if run in engine.held:
            return
        simulation.unborn.setdefault(run, case)
        now = engine.clock.now()
        ends = [each for each in (parent.deadline, program.timeout and now + program.timeout) if each]
        queued = child.queue is not None
        event = e.RunStarted(
            program.name, program.version, case.input, 0 if queued else 1, min(ends, default=None),
            parent=parent.id, owner="" if queued else engine.owner,
        )  # fmt: skip
        engine.world.note(engine.name, f"begins {run} as {step.id} of {parent.id}")
        if queued:
            self._submit(run, event, now)
        else:
            engine.start(Run(run, program), event)

    def _submit(self, run: str, event: e.RunStarted, now: float) -> None:
        columns = {
            "workflow": event.workflow,
            "status": "pending",
            "tags": "{}",
            "data": "{}",
            "state": "ready",
        }
        row = row_of(1, now, event, self._engine.codec, [])
        self._store().commit([Change(run, 0, [row], [Put("runs", run, columns)], [Guard("runs", run, None)])])

    def take_up(self, step: Step, child: Child, run: str) -> None:
        engine = self._engine
        engine.simulation.unborn.setdefault(run, child.case)  # type: ignore[attr-defined]
        if (
            run not in engine.held and self.statuses([run]).get(run) == "failed"
        ):  # others are found by whoever looks
            engine.world.later(0.0, engine.keeper, partial(_reopen, engine, run), f"reopens {run}")

    def order(self, run: str, kind: str, reason: str) -> None:
        engine = self._engine
        engine.world.counts[f"{kind} by a parent"] += 1
        held = engine.held.get(run)
        if held is not None:
            engine.driver.post(engine.driver.obey, held, kind, reason)
        else:
            letter = Letter(0, engine.world.now, kind, "", reason, engine.owner)
            self._store().commit([Change(run=run, letters=[letter])])


def _reopen(engine: SimulatedEngine, run: str) -> None:
    engine.reopen(run)


def children_of(replicas: Mapping[str, Replica], parent: str) -> list[Replica]:
    """The runs that are steps of a run."""
    return [replica for replica in replicas.values() if replica.run.parent == parent]


def passed_up(event: e.StepDone | e.StepFailed, child: Replica) -> bool:
    """Whether a child's log has an end of which its step's end may be told."""
    if isinstance(event, e.StepFailed):
        return any(isinstance(each, e.RunFailed | e.RunCancelled) for _, _, each in child.log)
    return any(isinstance(each, e.RunDone) and each.value == event.value for _, _, each in child.log)


def check_children(simulation: Simulation, run_id: str, log: Log) -> Iterator[str]:
    """A step has one run, and another only where that could not go on; where no engine was lost, the parent ends last."""
    replicas = simulation.audit.replicas
    children = children_of(replicas, run_id)
    known = {child.run.id for child in children}
    simulation.world.counts["children"] += len(children)
    for child in children:
        _count(simulation, child.log)
        yield from _ends_before(child, log, replicas[run_id].place)
    for step in {event.step for _, _, event in log if isinstance(event, e.StepStarted)}:
        line = list(_line(replicas, known, run_id, step))
        known -= {child.run.id for child in line}
        if line and _failures(log, step) > sum(ends_in(child.log) for child in line):
            yield f"{step} failed more often than its runs did"
        for child in line[:-1]:
            simulation.world.counts["children that were followed by others"] += 1
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
    if undisturbed and not late and child.place > place:
        yield f"it ended before {child.run.id}, which is a step of it"


def _count(simulation: Simulation, log: Log) -> None:
    for _, _, event in log:
        if isinstance(event, e.Paused | e.CancelAsked) and event.reason in (PARENT_PAUSED, PARENT_OVER):
            simulation.world.counts[f"child {type(event).__name__} as {event.reason}"] += 1
