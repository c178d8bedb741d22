"""The state of one run, and how each event of its log changes it.

`evolve` is the only way the state changes, live and in replay, so that the same log gives the same state:

- A step is open from the moment its program asks for it until it settles. A scope ends when it has an outcome and nothing in
  it is open: what did not start is dropped, what runs is drained and recorded, and the program is asked nothing more.
- A final failure that a later `RunReopened` forgives is read as a retry: reopening a run is a replay, not an undoing.
- What the state made necessary is left in `news` for the engine: steps that became ready, timers, stops, consequences to
  record. In replay nobody looks at it.

`evolve` is one if-chain with the most frequent events first: it runs twice for each step.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from penstock.errors import InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model.failure import Failure, failure_of
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Ask, Do, End, Fail, Map, Open, Play, Program, Skip, Sleep, Stop, Wait
from penstock.model.states import RUN, RunStatus, StepStatus

Kind = Literal["completed", "failed", "cancelled"]
Outcome = tuple[Kind, Any]

ACTIVE, COMPLETED, FAILED, CANCELLED = 1, 2, 3, 4
"""What `Family.marks` holds for an item; 0 is an item that was not dispatched."""


class Scope:
    """One play of a program inside a run. `open` counts what is open in it and in all scopes below it."""

    __slots__ = ("blame", "digest", "faults", "key", "open", "outcome", "parent", "path", "play", "said")

    def __init__(self, parent: Scope | None, key: str, play: Play) -> None:
        self.parent = parent
        self.key = key
        self.path: str = "" if parent is None else f"{parent.path}{key}/"
        self.play = play
        self.open = 0
        self.outcome: Outcome | None = None
        self.blame: list[int] = []  # sequences of the step failures that brought it down
        self.faults: dict[str, list[int]] = {}  # key of a step that failed -> sequences of what brought that down
        self.said: list[str] | None = None
        self.digest = ""


class Step(msgspec.Struct, eq=False):
    """One unit of work that was asked for: a call, an item of a map, a timer, a wait for a signal, a map as a whole."""

    run: Run
    scope: Scope
    key: str
    id: str
    ask: Any
    policy: Policy
    status: StepStatus
    attempt: int = 0
    failures: int = 0
    due: float | None = None
    item: int | None = None
    family: Family | None = None
    value: Any = None
    stopping: bool = False
    live: bool = False  # the engine's: an executor has it
    needs: int = 0  # the engine's: the batch that made it legal
    lane: Any = None  # the engine's: where it runs

    def __repr__(self) -> str:
        return f"<Step {self.id}{'' if self.item is None else f'[{self.item}]'} {self.status}>"


def _step_of(run: Run, scope: Scope, ask: Any, policy: Policy, status: StepStatus) -> Step:
    return Step(run, scope, ask.key, scope.path + ask.key, ask, policy, status)


class Family:
    """The items of one map: a mark an item, a window of them in flight, the results in order."""

    __slots__ = ("active", "blame", "done", "error", "marks", "next", "results", "step")

    def __init__(self, step: Step, size: int) -> None:
        self.step = step
        self.marks = bytearray(size)
        self.results: list[Any] = [None] * size
        self.active: dict[int, Step] = {}
        self.next = 0
        self.done = 0
        self.error: Failure | None = None
        self.blame: list[int] = []


class News:
    """What one or more events made necessary; the engine empties it."""

    __slots__ = ("rare", "ready", "said", "stops", "timers")

    def __init__(self) -> None:
        self.rare = False  # whether there may be more than steps that became ready
        self.ready: list[Step] = []
        self.timers: list[Step] = []
        self.stops: list[Step] = []
        self.said: list[e.Event] = []


class Run:
    """The state of one run. Nobody but `evolve` changes it, save the fields marked as the engine's."""

    __slots__ = (
        "at", "closing", "deadline", "epoch", "final", "finished", "forgiven", "gone", "handle", "id", "input",
        "letters", "news", "open", "parked", "program", "root", "running", "scopes", "sequence", "signal_keys", "signals",
        "skipped", "source", "started_at", "status", "tags", "taken", "todo", "told", "waiters", "workflow",
    )  # fmt: skip

    def __init__(self, id: str, program: Program, forgiven: Iterable[int] = ()) -> None:
        self.id = id
        self.program = program
        self.workflow = program.name
        self.status: RunStatus = "pending"
        self.sequence = 0
        self.at = 0.0
        self.started_at = 0.0
        self.epoch = 0
        self.input: Any = None
        self.tags: dict[str, str] = {}
        self.source: dict[str, Any] = {}
        self.deadline: float | None = None
        self.root: Scope | None = None
        self.scopes: dict[str, Scope] = {}
        self.open: dict[str, Step] = {}
        self.finished: dict[str, Step] = {}
        self.skipped: dict[str, str] = {}
        self.running = 0
        self.signals: dict[str, deque[Any]] = {}
        self.signal_keys: set[str] = set()
        self.waiters: dict[str, deque[Step]] = {}
        self.forgiven = frozenset(forgiven)
        self.closing: str | None = None
        self.final: Outcome | None = None
        self.todo: deque[tuple[Callable[[Run, Any, float], None], Any]] = deque()
        self.news = News()
        self.parked: deque[Step] = deque()  # the engine's: ready, but the run is paused or at its limit
        self.letters = 0  # the engine's: number of the last letter carried out
        self.taken = 0  # the engine's: number of the last letter removed from the inbox
        self.told = False  # the engine's: quiet was announced
        self.gone = False  # the engine's: the lease was lost, the state is a guess
        self.handle: Any = None  # the engine's: whoever waits for it


def fold(run: Run, log: Iterable[tuple[int, float, e.Event]]) -> Run:
    """Replay a log, given as (sequence, at, event), into a fresh run."""
    for sequence, at, event in log:
        if sequence != run.sequence + 1:
            raise InvariantBroken(f"run {run.id}: event {sequence} follows event {run.sequence}")
        evolve(run, event, at)
        if run.news.said:
            _tick_off(run.news, event)
    return run


def _tick_off(news: News, event: e.Event) -> None:
    """A consequence that is in the log need not be recorded; one that a forgiven failure held back is left."""
    if isinstance(event, e.StepSkipped | e.Opened):
        news.said = [s for s in news.said if type(s) is not type(event) or s.step != event.step]  # type: ignore[union-attr]


def forgiven_in(log: Iterable[e.Event]) -> set[int]:
    """Sequence numbers of all failures that the log's `RunReopened` events forgive."""
    return {number for event in log if type(event) is e.RunReopened for number in event.forgiven}


def evolve(run: Run, event: e.Event, at: float) -> None:
    """Change the run's state by the next event of its log, recorded at `at` (never earlier than the one before)."""
    run.sequence += 1
    run.at = at
    kind = type(event)
    if kind is e.StepDone:
        _step_done(run, event, at)  # type: ignore[arg-type]
    elif kind is e.StepStarted:
        _step_started(run, event, at)  # type: ignore[arg-type]
    elif kind is e.StepFailed:
        _step_failed(run, event, at)  # type: ignore[arg-type]
    else:
        _RARE[kind](run, event, at)


def _find(run: Run, name: str, item: int | None) -> Step | None:
    step = run.open.get(name)
    if step is None:
        if "@" in name and run.forgiven:  # a hook of an ending that was forgiven
            return None
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} speaks of step {name!r}, which the program did not ask for;"
            f" open are: {', '.join(sorted(run.open)[:10]) or 'none'}"
        )
    if item is None or step.family is None:
        return step
    member = step.family.active.get(item)
    if member is None:
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} speaks of item {item} of {name!r}, which is not in flight"
        )
    return member


def _step_started(run: Run, event: e.StepStarted, at: float) -> None:
    step = run.open.get(event.step)
    if step is None or event.item is not None:
        step = _find(run, event.step, event.item)
        if step is None:
            return
    if step.status != "ready" and (step.status == "running" or step.due is None or step.due > at):
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} starts step {step.id!r}, which is {step.status}"
        )
    step.status = "running"
    step.attempt = event.attempt
    step.due = None
    run.running += 1


def _step_done(run: Run, event: e.StepDone, at: float) -> None:
    step = run.open.get(event.step)
    if step is None or event.item is not None:
        step = _find(run, event.step, event.item)
        if step is None:
            return
    if step.status == "running":
        run.running -= 1
    elif type(step.ask) is not Sleep:
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} completes step {step.id!r}, which is {step.status}"
        )
    step.status = "completed"
    if step.item is not None:
        _item_done(run, step, event.value, at)
    else:
        _complete(run, step, event.value, at)


def _complete(run: Run, step: Step, value: Any, at: float) -> None:
    """A step has its value: close it and let its program go on."""
    scope = step.scope
    if scope.parent is None:
        del run.open[step.id]
        if run.program.keep:
            run.finished[step.id] = step
        scope.open -= 1
    else:
        _close(run, step)
    step.value = value
    if scope.outcome is None:
        if not step.stopping:
            _tell(run, scope, step.key, value, at)
        if not scope.open and scope.outcome is None:
            _stuck(run, scope)
    elif not scope.open:
        run.todo.append((_ended, scope))
    if run.todo:
        _settle(run, at)


def _close(run: Run, step: Step) -> None:
    del run.open[step.id]
    if run.program.keep:
        run.finished[step.id] = step
    scope: Scope | None = step.scope
    while scope is not None:
        scope.open -= 1
        scope = scope.parent


def _tell(run: Run, scope: Scope, key: str, value: Any, at: float) -> None:
    try:
        for ask in scope.play.done(key, value, at):
            if type(ask) is Do and scope.outcome is None:
                _do(run, scope, ask)
            else:
                _ask(run, scope, ask, at)
    except Nondeterminism:
        raise
    except Exception as error:
        _outcome(run, scope, ("failed", failure_of(error)))


def _do(run: Run, scope: Scope, ask: Do) -> None:
    name = scope.path + ask.key
    if name in run.open:
        raise _asked_twice(run, name)
    step = run.open[name] = Step(run, scope, ask.key, name, ask, ask.policy, "ready")
    run.news.ready.append(step)
    scope.open += 1
    while (scope := scope.parent) is not None:  # type: ignore[assignment]
        scope.open += 1


def _asked_twice(run: Run, name: str) -> InvariantBroken:
    return InvariantBroken(
        f"run {run.id}: step {name!r} was asked for twice; every step needs a name of its own"
    )


def _open(run: Run, step: Step) -> None:
    if step.id in run.open:
        raise _asked_twice(run, step.id)
    run.open[step.id] = step
    scope: Scope | None = step.scope
    while scope is not None:
        scope.open += 1
        scope = scope.parent


# What a program asks for


def _ask(run: Run, scope: Scope, ask: Ask, at: float) -> None:
    if scope.outcome is not None:
        raise InvariantBroken(f"run {run.id}: the program asked for {ask} after it had ended")
    match ask:
        case Do():
            _do(run, scope, ask)
        case Map():
            _map(run, scope, ask, at)
        case Open():
            _open_scope(run, scope, ask)
        case Sleep():
            _sleep(run, scope, ask, at)
        case Wait():
            _wait(run, scope, ask, at)
        case Stop():
            _stop(run, scope, ask)
        case Skip():
            run.skipped[scope.path + ask.key] = ask.reason
            run.news.rare = True
            run.news.said.append(e.StepSkipped(scope.path + ask.key, ask.reason))
        case End():
            _outcome(run, scope, ("completed", ask.value))
        case Fail():
            for key in ask.blamed:
                scope.blame.extend(scope.faults.get(key, ()))
            _outcome(run, scope, ("failed", ask.error))
        case _:
            raise InvariantBroken(f"run {run.id}: a program asked for {ask!r}, which is no ask")


def _map(run: Run, scope: Scope, ask: Map, at: float) -> None:
    step = _step_of(run, scope, ask, ask.policy, "ready")
    family = step.family = Family(step, len(ask.items))
    _open(run, step)
    if ask.items:
        _top_up(run, family)
    else:
        step.value = []
        run.todo.append((_done_at_once, step))


def _done_at_once(run: Run, step: Step, at: float) -> None:
    """A step that had its value in the moment it was asked for."""
    if run.open.get(step.id) is step:
        step.status = "completed"
        _complete(run, step, step.value, at)


def _top_up(run: Run, family: Family) -> None:
    whole = family.step
    ask: Map = whole.ask
    while len(family.active) < ask.window and family.next < len(family.marks):
        step = _step_of(run, whole.scope, ask, whole.policy, "ready")
        step.item = family.next
        step.family = family
        family.marks[family.next] = ACTIVE
        family.active[family.next] = step
        family.next += 1
        run.news.ready.append(step)


def _item_done(run: Run, step: Step, value: Any, at: float) -> None:
    family, item = step.family, step.item
    assert family is not None and item is not None  # noqa: PT018
    family.results[item] = value
    _item_settled(run, family, item, COMPLETED, at)


def _item_settled(run: Run, family: Family, item: int, mark: int, at: float) -> None:
    del family.active[item]
    family.marks[item] = mark
    family.done += 1
    whole = family.step
    if family.error is None and not whole.stopping and whole.scope.outcome is None:
        if family.next < len(family.marks):
            _top_up(run, family)
        elif not family.active:
            whole.status = "completed"
            _complete(run, whole, family.results, at)
    elif not family.active:
        _family_over(run, family, at)


def _family_over(run: Run, family: Family, at: float) -> None:
    """A family that will not complete has drained."""
    whole = family.step
    if family.error is not None:
        whole.status = "failed"
        _failed(run, whole, family.error, at)
    else:
        whole.status = "cancelled"
        _drained(run, whole, at)


def _open_scope(run: Run, parent: Scope, ask: Open) -> None:
    path = f"{parent.path}{ask.key}/"
    if path in run.scopes:
        raise InvariantBroken(f"run {run.id}: scope {path!r} was opened twice")
    scope = Scope(parent, ask.key, ask.program.play(ask.input))
    scope.said = []
    run.scopes[path] = scope
    above: Scope | None = parent
    while above is not None:
        above.open += 1
        above = above.parent
    run.todo.append((_begin, scope))


def _sleep(run: Run, scope: Scope, ask: Sleep, at: float) -> None:
    step = _step_of(run, scope, ask, DEFAULT, "waiting")
    step.due = ask.until if ask.until is not None else at + (ask.seconds or 0.0)
    _open(run, step)
    run.news.rare = True
    run.news.timers.append(step)


def _wait(run: Run, scope: Scope, ask: Wait, at: float) -> None:
    step = _step_of(run, scope, ask, DEFAULT, "waiting")
    _open(run, step)
    buffered = run.signals.get(ask.signal)
    if buffered:
        step.value = buffered.popleft()
        run.todo.append((_done_at_once, step))
        return
    run.waiters.setdefault(ask.signal, deque()).append(step)
    if ask.timeout is not None:
        step.due = at + ask.timeout
        run.news.rare = True
        run.news.timers.append(step)


def _stop(run: Run, scope: Scope, ask: Stop) -> None:
    step = run.open.get(scope.path + ask.key)
    if step is not None:
        _drop(run, step, stop=True)


# How scopes and runs end


def _outcome(run: Run, scope: Scope, outcome: Outcome) -> None:
    """A scope has an outcome: drop what did not start; a scope that completed stops what still runs in it."""
    scope.outcome = outcome
    if scope.open:
        _drop_all(run, scope, stop=outcome[0] != "failed")
    if not scope.open:
        run.todo.append((_ended, scope))


def _drop_all(run: Run, scope: Scope, *, stop: bool) -> None:
    for below in [s for s in run.scopes.values() if s is not scope and _inside(s, scope)]:
        if below.outcome is None:
            below.outcome = ("cancelled", None)
    for step in [s for s in run.open.values() if _inside(s.scope, scope)]:
        _drop(run, step, stop=stop)
    for below in sorted(
        (s for s in run.scopes.values() if s is not scope and _inside(s, scope)), key=_depth, reverse=True
    ):
        if not below.open:
            _leave(run, below)


def _depth(scope: Scope) -> int:
    return scope.path.count("/")


def _inside(scope: Scope | None, ancestor: Scope) -> bool:
    while scope is not None and scope is not ancestor:
        scope = scope.parent
    return scope is ancestor


def _drop(run: Run, step: Step, *, stop: bool) -> None:
    """Give a step up: if it runs it is stopped (or only drained), else it is cancelled on the spot."""
    if step.family is not None and step.item is None:
        _drop_family(run, step, stop=stop)
    elif step.status == "running":
        step.stopping = step.stopping or stop
        if stop:
            run.news.rare = True
            run.news.stops.append(step)
    else:
        step.status = "cancelled"
        _close(run, step)


def _drop_family(run: Run, whole: Step, *, stop: bool) -> None:
    family = whole.family
    assert family is not None
    whole.stopping = whole.stopping or stop
    for item, step in list(family.active.items()):
        if step.status == "running":
            step.stopping = step.stopping or stop
            if stop:
                run.news.rare = True
                run.news.stops.append(step)
        else:
            step.status = "cancelled"
            family.marks[item] = CANCELLED
            del family.active[item]
    if not family.active:
        whole.status = "cancelled"
        _close(run, whole)


def _settle(run: Run, at: float) -> None:
    """Work off what the last event set in motion, without recursion: scopes nest as deep as they like."""
    todo = run.todo
    while todo:
        what, whom = todo.popleft()
        what(run, whom, at)


def _begin(run: Run, scope: Scope, at: float) -> None:
    if scope.outcome is not None:
        return
    try:
        asks = list(scope.play.begin(at))
        _announce(run, scope, asks)
        for ask in asks:
            _ask(run, scope, ask, at)
    except Nondeterminism:
        raise
    except Exception as error:
        _outcome(run, scope, ("failed", failure_of(error)))
    if not scope.open and scope.outcome is None:
        _stuck(run, scope)


def _announce(run: Run, scope: Scope, asks: list[Ask]) -> None:
    """A scope built at run time leaves a digest of what it asked first in the log."""
    if scope.said is None:
        return
    scope.said = [f"{type(ask).__name__} {getattr(ask, 'key', '')}".strip() for ask in asks]
    scope.digest = hashlib.sha256("\n".join(scope.said).encode()).hexdigest()[:16]
    run.news.rare = True
    run.news.said.append(e.Opened(scope.path[:-1], scope.digest, scope.said[:50]))


def _ended(run: Run, scope: Scope, at: float) -> None:
    """A scope has an outcome and nothing in it is open: its parent hears of it, or the run ends."""
    if scope.open or run.scopes.get(scope.path, run.root) is not scope:
        return
    parent, outcome = scope.parent, scope.outcome
    if parent is None or outcome is None:
        _close_run(run)
        return
    _leave(run, scope)
    if parent.outcome is not None:
        parent.blame.extend(scope.blame)
        if not parent.open:
            run.todo.append((_ended, parent))
    elif outcome[0] == "completed":
        _tell(run, parent, scope.key, outcome[1], at)
    else:
        _tell_failed(run, parent, scope.key, outcome[1], scope.blame, at)
    if not parent.open and parent.outcome is None:
        _stuck(run, parent)


def _tell_failed(run: Run, scope: Scope, key: str, error: Failure, blame: list[int], at: float) -> None:
    scope.faults[key] = blame
    blamed = len(scope.blame)
    try:
        for ask in scope.play.failed(key, error, at):
            _ask(run, scope, ask, at)
    except Nondeterminism:
        raise
    except Exception as raised:
        _outcome(run, scope, ("failed", failure_of(raised)))
    if scope.outcome is not None and scope.outcome[0] == "failed" and len(scope.blame) == blamed:
        scope.blame.extend(blame)


def _leave(run: Run, scope: Scope) -> None:
    if run.scopes.pop(scope.path, None) is None:
        return
    above = scope.parent
    while above is not None:
        above.open -= 1
        above = above.parent


def _close_run(run: Run) -> None:
    """The root scope has ended: run the hook for this outcome, if there is one and it did not run yet, then be final."""
    assert run.root is not None
    assert run.root.outcome is not None
    kind, value = run.root.outcome
    hook = run.program.hooks.get(kind)
    if hook is not None and run.closing is None:
        run.closing = hook.key
        _do(run, run.root, Do(hook.key, hook.fn, (value,), {}, hook.policy))
    else:
        run.final = run.root.outcome


def _stuck(run: Run, scope: Scope) -> None:
    name = scope.path[:-1] or run.workflow
    message = f"{name!r} asked for nothing more and did not end: it is stuck"
    _outcome(run, scope, ("failed", Failure("penstock.errors.Stuck", message, "stuck")))


# The rarer events


def _step_failed(run: Run, event: e.StepFailed, at: float) -> None:
    step = _find(run, event.step, event.item)
    if step is None:
        return
    if step.status == "running":
        run.running -= 1
    if event.error.cause != "lost":
        step.failures += 1
    if event.retry_at is not None:
        _again(run, step, event.retry_at, at)
    elif run.sequence in run.forgiven:
        step.failures = 0
        _again(run, step, at, at)
    else:
        _fail(run, step, event.error, at)


def _again(run: Run, step: Step, retry_at: float, at: float) -> None:
    if retry_at <= at:
        step.status = "ready"
        run.news.ready.append(step)
    else:
        step.status = "waiting"
        step.due = retry_at
        run.news.rare = True
        run.news.timers.append(step)


def unwanted(step: Step) -> bool:
    """Whether nobody waits for this step any more, so that it is not worth another attempt."""
    family = step.family
    if step.key == step.run.closing:
        return False
    return (
        step.stopping or step.scope.outcome is not None or (family is not None and family.error is not None)
    )


def _fail(run: Run, step: Step, error: Failure, at: float) -> None:
    step.status = "failed"
    if step.scope.outcome is not None and step.key != run.closing:
        step.scope.blame.append(run.sequence)  # it might have been tried again, had its scope not been ending
    if step.item is not None:
        _item_failed(run, step, error, at)
    else:
        if type(step.ask) is Wait:
            run.waiters[step.ask.signal].remove(step)
        _failed(run, step, error, at)


def _failed(run: Run, step: Step, error: Failure, at: float) -> None:
    _close(run, step)
    scope = step.scope
    step.value = error if error.step else _at_step(error, step.id)
    if scope.outcome is None and not step.stopping:
        blame = [run.sequence] if step.family is None else step.family.blame
        _tell_failed(run, scope, step.key, step.value, blame, at)
    if not scope.open:
        if scope.outcome is None:
            _stuck(run, scope)
        run.todo.append((_ended, scope))
    _settle(run, at)


def _at_step(error: Failure, step: str) -> Failure:
    return Failure(
        error.type,
        error.message,
        error.cause,
        error.bases,
        error.traceback,
        error.after,
        error.asked,
        step,
        error.exception,
    )


def _item_failed(run: Run, step: Step, error: Failure, at: float) -> None:
    family, item = step.family, step.item
    assert family is not None and item is not None  # noqa: PT018
    whole = family.step
    if whole.ask.partial == "collect":
        family.results[item] = _at_step(error, f"{step.id}[{item}]")
    else:
        family.blame.append(run.sequence)
        if family.error is None:
            family.error = _at_step(error, f"{step.id}[{item}]")
            _drop_unstarted(family)
    _item_settled(run, family, item, FAILED, at)


def _drop_unstarted(family: Family) -> None:
    for item, step in list(family.active.items()):
        if step.status in ("ready", "waiting"):
            step.status = "cancelled"
            family.marks[item] = CANCELLED
            del family.active[item]


def _run_started(run: Run, event: e.RunStarted, at: float) -> None:
    _move(run, event)
    run.workflow, run.input, run.epoch = event.workflow, event.input, event.epoch
    run.deadline, run.tags, run.source, run.started_at = event.deadline, event.tags, event.source, at
    try:
        run.root = Scope(None, "", run.program.play(event.input))
    except Exception as error:
        run.root = Scope(None, "", _Nothing())
        run.root.outcome = ("failed", failure_of(error))
    run.todo.append((_begin if run.root.outcome is None else _ended, run.root))
    _settle(run, at)


class _Nothing:
    """The play of a program that could not even be made."""

    def begin(self, at: float) -> Iterable[Ask]:
        return ()

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return ()

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return ()


def _owned(run: Run, event: e.Owned, at: float) -> None:
    run.epoch = event.epoch


def _step_cancelled(run: Run, event: e.StepCancelled, at: float) -> None:
    step = _find(run, event.step, event.item)
    if step is None:
        return
    if step.status == "running":
        run.running -= 1
    if run.forgiven and not unwanted(step):
        _again(run, step, at, at)  # it was stopped because of a failure that is forgiven
    else:
        _cancel(run, step, at)


def _cancel(run: Run, step: Step, at: float) -> None:
    step.status = "cancelled"
    if step.item is not None:
        assert step.family is not None
        _item_settled(run, step.family, step.item, CANCELLED, at)
    else:
        _drained(run, step, at)


def _drained(run: Run, step: Step, at: float) -> None:
    """A step is over and its program does not hear of it."""
    _close(run, step)
    scope = step.scope
    if not scope.open:
        if scope.outcome is None:
            _stuck(run, scope)
        run.todo.append((_ended, scope))
    _settle(run, at)


def _step_reused(run: Run, event: e.StepReused, at: float) -> None:
    step = _find(run, event.step, None)
    if step is not None:
        step.status = "reused"
        _complete(run, step, event.value, at)


def _opened(run: Run, event: e.Opened, at: float) -> None:
    scope = run.scopes.get(event.step + "/")
    if scope is not None and scope.digest != event.digest:
        raise Nondeterminism(
            f"run {run.id}: scope {event.step!r} was built otherwise than when it was recorded (event {run.sequence});"
            f" then: {', '.join(event.asks)}; now: {', '.join((scope.said or [])[:50])}"
        )


def _signalled(run: Run, event: e.Signalled, at: float) -> None:
    if event.key is not None:
        run.signal_keys.add(event.key)
    waiters = run.waiters.get(event.name)
    while waiters:
        step = waiters.popleft()
        if step.status == "waiting":
            step.status = "completed"
            _complete(run, step, event.value, at)
            return
    run.signals.setdefault(event.name, deque()).append(event.value)


def _noted(run: Run, event: e.Noted, at: float) -> None:
    if event.topic == "deadline" and run.sequence not in run.forgiven:
        late = Failure(
            "penstock.errors.StepTimeout", f"run {run.id} took longer than it was allowed", "timeout"
        )
        _conclude(run, ("failed", late), at, blame=run.sequence)


def _conclude(run: Run, outcome: Outcome, at: float, *, blame: int | None = None) -> None:
    """The run as a whole is given an outcome from outside."""
    if run.root is None:
        run.final = outcome
        return
    if blame is not None:
        run.root.blame.append(blame)
    _outcome(run, run.root, outcome)
    _settle(run, at)


def _paused(run: Run, event: e.Paused, at: float) -> None:
    _move(run, event)


def _resumed(run: Run, event: e.Resumed, at: float) -> None:
    _move(run, event)


def _cancel_asked(run: Run, event: e.CancelAsked, at: float) -> None:
    if run.final is None:
        _conclude(run, ("cancelled", event.reason), at)


def _reopened(run: Run, event: e.RunReopened, at: float) -> None:
    _move(run, event)
    run.deadline = event.deadline


def _run_done(run: Run, event: e.RunDone, at: float) -> None:
    _move(run, event)


def _run_failed(run: Run, event: e.RunFailed, at: float) -> None:
    _move(run, event)


def _run_cancelled(run: Run, event: e.RunCancelled, at: float) -> None:
    _move(run, event)


def _skipped(run: Run, event: e.StepSkipped, at: float) -> None:
    if event.step not in run.skipped:
        raise Nondeterminism(
            f"run {run.id}: event {run.sequence} skips step {event.step!r}, which the program did not"
        )


def _move(run: Run, event: e.Event) -> None:
    status = RUN.get((run.status, type(event)))
    if status is None:
        raise InvariantBroken(f"run {run.id}: {type(event).__name__} while {run.status}")
    run.status = status


_RARE: dict[type, Any] = {
    e.RunStarted: _run_started,
    e.Owned: _owned,
    e.StepCancelled: _step_cancelled,
    e.StepReused: _step_reused,
    e.StepSkipped: _skipped,
    e.Opened: _opened,
    e.Signalled: _signalled,
    e.Noted: _noted,
    e.Paused: _paused,
    e.Resumed: _resumed,
    e.CancelAsked: _cancel_asked,
    e.RunReopened: _reopened,
    e.RunDone: _run_done,
    e.RunFailed: _run_failed,
    e.RunCancelled: _run_cancelled,
}
