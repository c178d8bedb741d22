"""How jobs of a flow are begun, paused, resumed and cancelled, on an engine that records them or one that keeps nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from penstock.context import current
from penstock.errors import CommandRefused, RunFailed, UserError
from penstock.routines.activation import Place, logger
from penstock.routines.job_state import JobState
from penstock.routines.keeping import bring_to_life, known_of, restore, state_of
from penstock.routines.messages import renamed
from penstock.routines.parties import Holding, Sink
from penstock.routines.program import JOB, FlowProgram
from penstock.routines.progress import Progress
from penstock.routines.tracker import ExecutionTracker

if TYPE_CHECKING:
    from penstock.app import Engine, Run

EPHEMERAL = "ephemeral"

Start = Callable[..., "Run[Any]"]


class Driven(Holding, Protocol):
    """What jobs are of."""

    flow_id: str
    hooks: list[Any]
    history: int
    store: str | Engine | None
    execution_tracker: ExecutionTracker
    job_state: JobState | None
    jobs: list[JobState]

    @property
    def name(self) -> str: ...
    def as_program(self) -> FlowProgram: ...


def execute(
    flow: Driven,
    place: Place,
    params: dict[str, Any],
    how: dict[str, Any],
    store: str | Engine | None,
    options: Mapping[str, Any],
) -> JobState:
    """See Flow.execute."""
    slot = "" if place.slot is None else place.slot.name
    job = _job(flow, how)
    plain = {"id": job.job_id, "pending": [[place.id, slot, params]], "begins": True}
    return _begin(flow, job, _engine(store), plain, options)


def deliver(flow: Driven, messages: Iterable[tuple[Sink, dict[str, Any], Mapping[str, str]]]) -> None:
    """Hand messages to slots of a flow in a job of their own. Raises what a handler raised."""
    ids = {id(routine): name for name, routine in flow.routines.items()}
    pending = [[ids[id(slot.routine)], slot.name, renamed(data, names)] for slot, data, names in messages]
    job = _job(flow, {"strategy": "sequential", "workers": 1})
    _begin(flow, job, _engine(None), {"id": job.job_id, "pending": pending}, {})
    if job.error is not None:
        raise job.error.exception or RunFailed(str(job.error))


def resume(flow: Driven, job: JobState | str | None, store: str | Engine | None) -> JobState:
    """See Flow.resume."""
    job = _recorded(flow, job, store) if isinstance(job, str) else _chosen(flow, job)
    if not job.left.is_set():
        if _is_inside(job) or job.status != "paused":
            _command(job, "resume", "running")
            return job
        job.left.wait()  # it is being paused by whoever drives it
    if job.outcome in ("completed", "cancelled"):
        job.status = job.outcome
        return job
    if job.flow_id != flow.flow_id:
        raise UserError(f"job {job.job_id} is of flow {job.flow_id!r}, not of {flow.flow_id!r}")
    known_here = job.flow is flow
    flow.job_state, job.flow = job, flow
    if job.run_id is not None and job.store is not None:
        return _take_up(flow, job, _engine(store if store is not None else job.store))
    plain = job.progress.plain()
    if not known_here:
        restore(flow.routines, plain["fields"])
    return _begin(flow, job, _engine(store if store is not None else flow.store), plain, {})


def pause(flow: Driven, job: JobState | None, reason: str, checkpoint: Any) -> JobState:
    """See Flow.pause."""
    job = _chosen(flow, job)
    job.pause_points.append(
        {
            "timestamp": datetime.now(UTC).isoformat(),
            "reason": reason,
            "checkpoint": checkpoint,
            "current_routine_id": job.current_routine_id,
        }
    )
    _command(job, "pause", "paused", reason)
    return job


def cancel(flow: Driven, job: JobState | None, reason: str) -> JobState:
    """See Flow.cancel."""
    job = _chosen(flow, job)
    _command(job, "cancel", "cancelled", reason)
    return job


def wait_for(flow: Driven, timeout: float | None) -> bool:
    """See Flow.wait_for_completion."""
    deadline = None if timeout is None else time.monotonic() + timeout
    for job in list(flow.jobs):
        if not job.left.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
            return False
    return True


# ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _engine(store: str | Engine | None) -> Engine:
    from penstock.app import engine_at

    return engine_at(EPHEMERAL if store is None else store)


def _job(flow: Driven, how: dict[str, Any]) -> JobState:
    job = JobState(flow.flow_id)
    job.flow, job.how = flow, how
    flow.job_state = job
    return job


def _recorded(flow: Driven, run: str, store: str | Engine | None) -> JobState:
    """The job that a run records, to be resumed."""
    from penstock.app.logs import read_start

    engine = _engine(store if store is not None else flow.store)
    run_id = engine.get(run).id
    engine.learn(flow)
    started = read_start(engine, run_id)
    told = started.input.get(JOB) or {}
    job = JobState(started.workflow, told.get("id") or run_id)
    job.input_id = told.get("id", "")
    job.run_id, job.store = run_id, engine.address
    job.how = {name: told[name] for name in ("strategy", "workers") if name in told}
    return job


def _begin(
    flow: Driven, job: JobState, engine: Engine, plain: dict[str, Any], options: Mapping[str, Any]
) -> JobState:
    """A run of its own for what is to be delivered yet."""
    recorded = engine.store is not None
    program = flow.as_program()
    progress = Progress(job.job_id, history=flow.history)
    if recorded:
        plain["fields"] = state_of(flow.routines)
        progress.known = known_of(plain["fields"])
    input = {JOB: {**plain, **job.how, "recorded": recorded}}

    def start(began: Callable[[Run[Any]], None]) -> Run[Any]:
        return engine.run(flow, input, resting=True, began=began, **options)

    return _drive(flow, job, engine, program.expected, progress, start)


def _take_up(flow: Driven, job: JobState, engine: Engine) -> JobState:
    """Go on with the run that records it."""
    run_id = job.run_id
    assert run_id is not None

    def start(began: Callable[[Run[Any]], None]) -> Run[Any]:
        return engine.resume(run_id, flow, wait=True, resting=True, began=began)

    progress = Progress(job.job_id, history=flow.history)
    job = _drive(flow, job, engine, flow.as_program().expected, progress, start)
    bring_to_life(flow.routines, job.progress)
    return job


def _drive(
    flow: Driven,
    job: JobState,
    engine: Engine,
    expected: dict[str, Progress],
    progress: Progress,
    start: Start,
) -> JobState:
    """Run a job on this thread until it is over or paused."""

    def began(run: Run[Any]) -> None:
        job.run_id = run.id
        job.store = engine.address if engine.store is not None else None

    input_id = job.job_id if job.input_id is None else job.input_id
    job.progress = expected[input_id] = progress
    job.status, job.engine = "running", engine
    job.left.clear()
    flow.jobs.append(job)
    flow.execution_tracker.job_began()
    _tell(flow, "on_job_start", job)
    run: Run[Any] | None = None
    try:
        run = start(began)
    finally:
        expected.pop(input_id, None)
        with job.lock:
            job.engine = None
            job.outcome = None if run is None or run.rested else run.status
            job.status = job.outcome or "paused"
            if job.outcome is None:
                progress.take_back()
            elif run is not None and job.outcome == "failed":
                progress.error = progress.error or run.error
        flow.execution_tracker.job_left()
        flow.jobs.remove(job)
        job.left.set()
        _tell(flow, "on_job_end", job)
    return job


def _chosen(flow: Driven, job: JobState | None) -> JobState:
    found = job if job is not None else flow.job_state
    if found is None:
        raise CommandRefused(f"flow {flow.flow_id!r} has no job yet: begin one with execute(...)")
    return found


def _is_inside(job: JobState) -> bool:
    """Whether this is an activation of the job itself."""
    context = current()
    return context is not None and context.run == job.run_id


def _command(job: JobState, kind: str, status: str, reason: str = "") -> None:
    """Ask it of the engine while the job is driven; of one that is not, only what is in hand changes."""
    with job.lock:
        job.status = status
        if job.engine is None:
            if job.outcome is None and kind == "cancel":
                job.outcome = status
        elif job.run_id is not None:
            try:
                job.engine.command(job.run_id, kind, reason)
            except CommandRefused:  # it was quicker: it has ended, or was asked before
                return


def _tell(flow: Driven, name: str, job: JobState) -> None:
    for hook in flow.hooks:
        told = getattr(hook, name, None)
        if told is not None:
            try:
                told(job)
            except Exception:
                logger.exception("hook %r failed in %s", hook, name)
