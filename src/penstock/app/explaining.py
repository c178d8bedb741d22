"""Why a run, or a step of it, does not go on: from what is known of it to sentences. Pure.

`explain` is given all that was looked up (see `inquiring`) and answers with causes, the one that holds up most first. Each
has a kind for programs, a sentence for people, and where they apply the moment until when, and runs and steps in the way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from penstock.app.causes import Cause, Known, Slot
from penstock.app.standing import StepStanding
from penstock.model.states import FINISHED
from penstock.model.wording import listed

_OPEN: Final = ("waiting", "ready", "running")
SOON_SECONDS: Final = 60.0


def explain(known: Known, step: str | None = None) -> list[Cause]:
    """Why nothing goes on, or why this step does not; never empty."""
    if step is not None:
        return list(_of_step(known, known.standing.steps[step]))
    causes = list(of_run(known))
    if known.row["status"] not in FINISHED:
        for each in known.standing.steps.values():
            if each.status in _OPEN:
                causes += [cause for cause in _of_step(known, each) if cause.step is not None]
    return causes or [Cause("starting", "it is about to go on")]


# ── the run ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_run(known: Known) -> Iterator[Cause]:
    """What concerns the run as a whole."""
    row, standing = known.row, known.standing
    if row["status"] in FINISHED:
        said = f": {standing.reason}" if standing.reason else ""
        yield Cause("finished", f"the run is {row['status']}{said}")
        return
    if row["status"] == "paused" or standing.status == "paused":
        yield Cause(
            "paused", f"the run is paused{_because(standing.reason)}: penstock resume {row['id'][:8]}"
        )
    if standing.cancelling:
        running = [step.step for step in standing.having("running")]
        yield Cause(
            "cancelling", f"the run is being cancelled, and waits for {listed(running)}", steps=running
        )
    yield from _of_driver(known)
    if known.slot is not None:
        yield _limited(known, None, known.slot)


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _of_driver(known: Known) -> Iterator[Cause]:
    """Who drives the run, or why nobody does."""
    row = known.row
    if row["state"] == "leased":
        yield from _of_lease(known)
    elif row["state"] in ("ready", "delayed"):
        yield from _of_queue(known)
    else:
        yield Cause(
            "nobody", f"nobody drives the run, and it waits in no queue: penstock resume {row['id'][:8]}"
        )


def _of_lease(known: Known) -> Iterator[Cause]:
    lapses = known.lapses if known.lapses is not None else known.now
    if not known.owner_gone and lapses > known.now:
        yield Cause("driven", f"{known.owner} drives the run, and holds it until {clock(lapses, known.now)} at least, longer"
                    " as long as it lives", until=lapses)  # fmt: skip
        return
    gone = "is gone" if known.owner_gone else "has given no sign of life"
    if any(worker.alive for worker in known.workers):
        when = f"a worker takes it over, at the latest at {clock(max(lapses, known.now), known.now)}"
    else:
        when = f"no worker is there to take it over: start one, or penstock resume {known.row['id'][:8]}"
    yield Cause("driver_gone", f"{known.owner}, which drove the run, {gone}; {when}", until=lapses)


def _of_queue(known: Known) -> Iterator[Cause]:
    row, queue = known.row, known.row["queue"]
    if known.queue_paused:
        yield Cause("queue_paused", f"queue {queue} is paused: penstock queues resume {queue}")
    if known.bound is not None and len(known.holders) >= known.bound:
        held = listed(_short(known.holders))
        said = f"queue {queue} is bounded to {known.bound} at once, which are {held}"
        yield Cause("queue_bound", said, runs=known.holders)
    if known.token_in is not None:
        when, until = _until(known.token_in, known.now), known.now + known.token_in
        said = f"queue rate: the next may begin {when} ({known.rate} in queue {queue})"
        yield Cause("queue_rate", said, until=until)
    if row["state"] == "delayed":
        yield Cause("delayed", f"it may not be taken before {clock(row['due'], known.now)}", until=row["due"])
    yield from _of_workers(known)
    if known.later:
        yield Cause("priority", f"{_runs(len(known.later))} of higher priority, submitted later, {_go(known.later)} first:"
                    f" {listed(_short(known.later))}", runs=known.later)  # fmt: skip
    place = f"at place {len(known.ahead) + 1}" if known.ahead else "first in line"
    yield Cause("in_queue", f"it waits in queue {queue}, {place}", runs=known.ahead)


def _of_workers(known: Known) -> Iterator[Cause]:
    alive = [worker for worker in known.workers if worker.alive]
    refusing = [worker for worker in known.workers if worker.refusal]
    queue = known.row["queue"]
    if not alive:
        yield Cause("no_worker", f"no worker takes runs of queue {queue}: penstock worker")
    elif all(worker.refusal for worker in alive):
        why = refusing[0].refusal.splitlines()[0]
        yield Cause("no_code", f"no worker has its code; {refusing[0].name} says: {why}")
    elif all(worker.busy or worker.refusal for worker in alive):
        names = [worker.name for worker in alive if worker.busy]
        yield Cause("no_slot", f"every worker has as many runs as it takes: {listed(names)}")


# ── one step ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_step(known: Known, step: StepStanding) -> Iterator[Cause]:
    """Why a step does not run. What holds the whole run up comes first, and names no step."""
    if step.status not in _OPEN:
        yield Cause("settled", f"{step.step} is {step.status}{_because(_end_of(step))}", step.step)
        return
    if known.row["status"] in FINISHED:
        yield from of_run(known)
        yield Cause("not_reached", f"the run had ended before {step.step} was done", step.step)
        return
    yield from (cause for cause in of_run(known) if cause.kind != "driven" or step.status == "running")
    yield _cause_of(known, step)


def _end_of(step: StepStanding) -> str:
    return step.reason or ("" if step.error is None else str(step.error))


def _cause_of(known: Known, step: StepStanding) -> Cause:
    name = step.step
    if not step.asked:
        return _upstream(known, step)
    if step.status == "running":
        since = f" since {clock(step.since, known.now)}" if step.since is not None else ""
        if step.child is not None:
            said = f"{name} is run {step.child} of its own: penstock why {step.child[:8]}"
            return Cause("child", said, name, runs=[step.child])
        waits = f", and {step.items['waiting']} items wait" if step.items.get("waiting") else ""
        return Cause("running", f"{name} runs{since}{waits}", name)
    if step.waits and step.status == "waiting":
        return _waits(known, step)
    return _ready(known, step)


def _upstream(known: Known, step: StepStanding) -> Cause:
    steps = known.standing.steps
    failed = [
        name for name in step.upstream if name in steps and steps[name].status in ("failed", "cancelled")
    ]
    if failed:
        return Cause(
            "upstream_failed", f"{step.step} is not reached: {_told(known, failed)}", step.step, steps=failed
        )
    left = [name for name in step.upstream if name not in steps or steps[name].status in _OPEN]
    return Cause("upstream_not_done", f"{step.step} waits for {_told(known, left)}", step.step, steps=left)


def _told(known: Known, names: Sequence[str]) -> str:
    steps = known.standing.steps
    return listed(f"{name} ({steps[name].status})" if name in steps else name for name in names)


def _waits(known: Known, step: StepStanding) -> Cause:
    name, due = step.step, step.due
    until = "" if due is None else f", until {clock(due, known.now)} at most"
    short = known.standing.run[:8]
    match step.waits:
        case "timer":
            assert due is not None
            return Cause("timer", f"{name} sleeps until {clock(due, known.now)}", name, due)
        case "signal":
            how = f"penstock signal {short} {step.signal}"
            return Cause("signal", f"{name} waits for signal {step.signal!r}{until}: {how}", name, due)
        case "approval":
            how = f"penstock approve {short} {step.signal}"
            return Cause("approval", f"{name} waits until somebody approves{until}: {how}", name, due)
        case _:
            error = "" if step.error is None else f": {step.error}"
            when = "soon" if due is None else f"at {clock(due, known.now)}"
            said = f"{name} is tried again {when}, for the {_nth(step.attempts + 1)} time, after it failed{error}"
            return Cause("retry", said, name, due)


def _ready(known: Known, step: StepStanding) -> Cause:
    name, standing = step.step, known.standing
    if (slot := known.slots.get(name)) is not None and slot.kind != "lane":
        return _limited(known, name, slot)
    running = [each for each in standing.having("running") if each.executor is not None or each.attempts]
    names = [each.step for each in running]
    if standing.limit is not None and len(running) >= standing.limit:
        return Cause("run_limit", f"{name} is ready; the run has {standing.limit} steps under way, as many as it may:"
                     f" {listed(names)}", name, steps=names)  # fmt: skip
    beside = [each.step for each in running if each.executor == step.executor]
    if known.row["state"] != "leased" or standing.status == "paused" or known.slot is not None:
        return Cause("starting", f"{name} is ready, and starts when the run goes on", name)
    if beside or known.neighbours:
        return _crowded(known, step, beside)
    return Cause("starting", f"{name} is ready, and about to start", name)


def _limited(known: Known, name: str | None, slot: Slot) -> Cause:
    """Why a step, or the run itself, waits for a slot."""
    limit, who = f"limit {slot.key}", name or "the run"
    match slot.kind:
        case "limit":
            said = f"{who} is ready; {limit} ({slot.bound}) is reached by {listed(slot.holders)}"
            return Cause("limit", said, name, steps=slot.holders)
        case "rate":
            when = "soon" if slot.until is None else f"at {clock(slot.until, known.now)}"
            said = f"{who} is ready; the next start under {limit} ({slot.bound}) is {when}"
            return Cause("rate", said, name, slot.until)
        case _:
            others = f"{slot.ahead} step{'s' * (slot.ahead != 1)}"
            said = f"{who} is ready; {others} go{'es' * (slot.ahead == 1)} first under {limit}"
            return Cause("limit_turn", said, name)


def _crowded(known: Known, step: StepStanding, beside: Sequence[str]) -> Cause:
    where = "what runs it" if step.executor is None else f"executor {step.executor}"
    busy = f"busy with {listed(beside)}" if beside else "busy"
    others = f"; its process also drives {listed(_short(known.neighbours))}" if known.neighbours else ""
    said = f"{step.step} is ready; {where} is {busy}{others}"
    return Cause("executor_full", said, step.step, runs=known.neighbours, steps=beside)


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def clock(at: float, now: float) -> str:
    """A moment of today, or of another day."""
    day = "" if time.localtime(at)[:3] == time.localtime(now)[:3] else "%Y-%m-%d "
    return time.strftime(f"{day}%H:%M:%S", time.localtime(at))


def _until(seconds: float, now: float) -> str:
    return f"in {seconds:.1f} s" if seconds < SOON_SECONDS else f"at {clock(now + seconds, now)}"


def _short(runs: Sequence[str]) -> list[str]:
    return [run[:8] for run in runs]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _go(what: Sequence[Any]) -> str:
    return "goes" if len(what) == 1 else "go"


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
