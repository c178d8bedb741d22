"""How a run stands, as of any event of its log: what each step did, and what it waits for if it waits. Pure.

The log up to that event is folded against the code, where that is at hand and fits: then steps that were asked for and have no
event yet are known, and what they wait for. Else the events alone tell, which know of neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from penstock.context.references import is_async
from penstock.engine.recovery import Log, refold
from penstock.errors import PenstockError
from penstock.model import events as e
from penstock.model import machine
from penstock.model.dropping import close_play
from penstock.model.failure import Failure
from penstock.model.history import StepRecord, steps_in
from penstock.model.outline import STEPS, Graph, depends_on, flat, split
from penstock.model.policies import CHILD
from penstock.model.program import Do, Map, Program, Sleep, Wait
from penstock.model.states import RunStatus, StepStatus

What = Literal["", "timer", "signal", "approval", "retry"]
ON_DRIVER: Final = "its driver's thread"


class StepStanding(msgspec.Struct):
    """A step. `waits` says for what, `due` until when at most; `upstream` are the steps that it depends on.

    `asked` is whether the program has come to it; one that it has not is waiting, and nothing waits yet. `executor` is where
    it runs or is to run, where that is known. `under` says whether it is under a limit of its own; `child` is the run it is.
    """

    step: str
    status: StepStatus
    attempts: int = 0
    value: Any = None
    error: Failure | None = None
    reason: str = ""
    asked: bool = True
    waits: What = ""
    signal: str = ""
    due: float | None = None
    since: float | None = None
    executor: str | None = None
    under: bool = False
    child: str | None = None
    upstream: Sequence[str] = ()
    items: Mapping[str, int] = {}


class Standing(msgspec.Struct):
    """A run as of event `sequence`, recorded at `at`. `folded` is whether its code was played, `misfit` why it did not fit.

    `limit` bounds how many of its steps are in flight. `cancelling` says that it was asked to end.
    """

    run: str
    workflow: str
    sequence: int
    at: float
    status: RunStatus
    steps: dict[str, StepStanding]
    reason: str = ""
    cancelling: bool = False
    deadline: float | None = None
    limit: int | None = None
    folded: bool = False
    misfit: str = ""

    def having(self, *statuses: StepStatus) -> list[StepStanding]:
        """The steps of these statuses."""
        return [step for step in self.steps.values() if step.status in statuses]


def standing_of(
    run_id: str, log: Log, program: Program | None = None, graph: Graph | None = None
) -> Standing:
    """How a run stands at the end of this log, or of the beginning of one."""
    started = log[0][2]
    assert isinstance(started, e.RunStarted)
    sequence, at, _ = log[-1]
    status, reason = _status(log)
    found = Standing(run_id, started.workflow, sequence, at, status, {}, reason, deadline=started.deadline)
    found.steps = {name: _recorded(record) for name, record in steps_in(log).items()}
    for _, _, event in log:
        if isinstance(event, e.CancelAsked):
            found.cancelling = True
        elif isinstance(event, e.RunReopened):
            found.deadline = event.deadline
        elif isinstance(event, e.Noted) and event.topic == CHILD and event.step in found.steps:
            found.steps[event.step].child = event.data["run"]
    if program is not None:
        _fold_in(found, log, program)
    if graph is not None:
        _plan_in(found, graph)
    return found


def _status(log: Log) -> tuple[RunStatus, str]:
    status: RunStatus = "running"
    reason = ""
    for _, _, event in log:
        match event:
            case e.Paused():
                status, reason = "paused", event.reason
            case e.Resumed() | e.RunReopened():
                status, reason = "running", ""
            case e.RunDone():
                status = "completed"
            case e.RunFailed():
                status, reason = "failed", str(event.error)
            case e.RunCancelled():
                status, reason = "cancelled", event.reason
    return status, reason


def _recorded(record: StepRecord) -> StepStanding:
    last = record.attempts[-1] if record.attempts else None
    return StepStanding(
        record.name,
        record.status,
        len(record.attempts),
        [record.values.get(item) for item in sorted(record.items)] if record.items else record.value,
        record.error if record.status in ("failed", "waiting") else None,
        record.reason,
        waits="retry" if record.status == "waiting" else "",
        since=last.started_at if last is not None and record.status == "running" else None,
        items={status: count for status, count in record.counts.items() if count},
    )


def _fold_in(found: Standing, log: Log, program: Program) -> None:
    """What only the program tells: steps that were asked for, what they wait for, values that have no event of their own."""
    state: machine.Run | None = None
    try:
        state = refold(found.run, program, log)
    except (PenstockError, AssertionError) as error:
        found.misfit = str(error)
        return
    found.folded = True
    found.limit = program.limit
    for name, settled in state.finished.items():
        known = found.steps.setdefault(name, StepStanding(name, settled.status))
        known.status = settled.status if known.status != "reused" else "reused"
        known.value = None if isinstance(settled.value, Failure) else settled.value
    for name, reason in state.skipped.items():
        found.steps.setdefault(name, StepStanding(name, "skipped", reason=reason))
    for path in state.scopes:
        found.steps.setdefault(path[:-1], StepStanding(path[:-1], "running"))
    for step in state.open.values():
        _open_in(found, step)
    for scope in (*state.scopes.values(), state.root):
        if scope is not None and state.final is None:
            close_play(scope, "its log was read")


def _open_in(found: Standing, step: machine.Step) -> None:
    known = found.steps.setdefault(step.id, StepStanding(step.id, step.status))
    ask = step.ask
    known.status = step.status if step.family is None else _together(step)
    known.due = step.due
    known.under = step.policy.limit is not None
    if isinstance(ask, Sleep):
        known.waits = "timer"
    elif isinstance(ask, Wait):
        known.waits, known.signal = "approval" if ask.approval else "signal", ask.signal
    elif isinstance(ask, Do | Map):
        known.waits = "retry" if known.status == "waiting" else ""
        known.executor = step.policy.executor or ("asyncio" if is_async(ask.fn) else None)
        if step.family is not None:
            retries = [m.due for m in step.family.active.values() if m.status == "waiting" and m.due]
            known.due = min(retries, default=None)
            rest = len(step.family.marks) - sum(known.items.values())
            known.items = {**known.items, **({"waiting": rest} if rest else {})}


def _together(whole: machine.Step) -> StepStatus:
    """A map's status by those of its items that are in flight."""
    assert whole.family is not None
    statuses = {step.status for step in whole.family.active.values()}
    return next((s for s in ("running", "ready", "waiting") if s in statuses), "waiting")


def _plan_in(found: Standing, graph: Graph) -> None:
    """Steps that the definition names and the run has not come to, and what each depends on."""
    whole = flat(graph)
    needs = depends_on(whole, split(whole)[0])
    kinds = {node.name: node.kind for node in whole.nodes}
    inside = _with_insides(graph)
    for name, upstream in needs.items():
        if name not in found.steps and kinds[name] in STEPS and found.status != "completed":
            found.steps[name] = StepStanding(name, "waiting", asked=False)
        if name in found.steps:
            found.steps[name].upstream = upstream
    for name, upstream in inside.items():
        if name in found.steps and not found.steps[name].upstream:
            found.steps[name].upstream = upstream


def _with_insides(graph: Graph) -> dict[str, tuple[str, ...]]:
    """What the nodes that have graphs inside them depend on."""
    needs = depends_on(graph, split(graph)[0])
    return {node.name: needs[node.name] for node in graph.nodes if node.inner is not None}
