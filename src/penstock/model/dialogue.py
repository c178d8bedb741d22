"""The dialogue with programs: what they are told, what they ask for, and how their scopes end.

A step is open from the moment its program asks for it until it settles. A scope ends when it has an outcome and nothing in
it is open: what did not start is dropped, what runs is drained and recorded, and the program is asked nothing more.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any

from penstock.errors import InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model.bulletin import publish
from penstock.model.dropping import close_play, drop, drop_all, leave
from penstock.model.failure import Failure, failure_of
from penstock.model.gates import enter
from penstock.model.opening import asked_twice, close_step, new_play, open_step, step_of
from penstock.model.policies import DEFAULT
from penstock.model.program import Ask, Do, End, Fail, Map, Open, Publish, Skip, Sleep, Stop, Wait
from penstock.model.state import ACTIVE, Family, Outcome, Run, Scope, Step, at_step
from penstock.model.undoing import next_at_the_end, undo_failed


def complete(run: Run, step: Step, value: Any, at: float) -> None:
    """A step has its value: close it and let its program go on."""
    scope = step.scope
    if scope.parent is None and step.family is None and step.status == "completed":
        del run.open[step.id]  # what close_step does, where nearly every step goes
        if run.program.keep:
            run.results[step.id] = value
        scope.open -= 1
    else:
        step.value = value
        close_step(run, step)
    if scope.outcome is None:
        if not step.stopping:
            _tell(run, scope, step.key, value, at)
        if not scope.open and scope.outcome is None:
            stuck(run, scope)
    elif not scope.open:
        run.todo.append((ended, scope))
    if run.todo:
        settle(run, at)


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
        give_outcome(run, scope, ("failed", failure_of(error)))


def _do(run: Run, scope: Scope, ask: Do) -> None:
    name = scope.path + ask.key
    if name in run.open:
        raise asked_twice(run, name)
    step = run.open[name] = Step(run, scope, ask.key, name, ask, ask.policy, "ready")
    run.news.ready.append(step)
    scope.open += 1
    while (scope := scope.parent) is not None:  # type: ignore[assignment]
        scope.open += 1


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
        case Publish():
            publish(run, scope.path, ask.values)
        case Skip():
            run.skipped[scope.path + ask.key] = ask.reason
            run.news.rare = True
            run.news.said.append(e.StepSkipped(scope.path + ask.key, ask.reason))
        case End():
            give_outcome(run, scope, ("completed", ask.value))
        case Fail():
            for key in ask.blamed:
                scope.blame.extend(scope.faults.get(key, ()))
            give_outcome(run, scope, ("failed", ask.error))
        case _:
            raise InvariantBroken(f"run {run.id}: a program asked for {ask!r}, which is no ask")


def _map(run: Run, scope: Scope, ask: Map, at: float) -> None:
    step = step_of(run, scope, ask, ask.policy, "waiting")
    family = step.family = Family(step, len(ask.items))
    open_step(run, step)
    if ask.items:
        top_up(run, family)
    else:
        step.value = []
        run.todo.append((_done_at_once, step))


def _done_at_once(run: Run, step: Step, at: float) -> None:
    """A step that had its value in the moment it was asked for."""
    if run.open.get(step.id) is step:
        step.status = "completed"
        complete(run, step, step.value, at)


def top_up(run: Run, family: Family) -> None:
    whole = family.step
    ask: Map = whole.ask
    while len(family.active) < ask.window and family.next < len(family.marks):
        step = step_of(run, whole.scope, ask, whole.policy, "ready")
        step.item = family.next
        step.family = family
        family.marks[family.next] = ACTIVE
        family.active[family.next] = step
        family.next += 1
        run.news.ready.append(step)


def _open_scope(run: Run, parent: Scope, ask: Open) -> None:
    path = f"{parent.path}{ask.key}/"
    if path in run.scopes:
        raise InvariantBroken(f"run {run.id}: scope {path!r} was opened twice")
    scope = Scope(parent, ask.key, new_play(run, ask.program, path, ask.input))
    scope.said = []
    run.scopes[path] = scope
    enter(run, scope, ask)
    above: Scope | None = parent
    while above is not None:
        above.open += 1
        above = above.parent
    run.todo.append((begin, scope))


def _sleep(run: Run, scope: Scope, ask: Sleep, at: float) -> None:
    step = step_of(run, scope, ask, DEFAULT, "waiting")
    step.due = ask.until if ask.until is not None else at + (ask.seconds or 0.0)
    open_step(run, step)
    run.news.rare = True
    run.news.timers.append(step)


def _wait(run: Run, scope: Scope, ask: Wait, at: float) -> None:
    step = step_of(run, scope, ask, DEFAULT, "waiting")
    open_step(run, step)
    run.waiters.setdefault(ask.signal, deque()).append(step)
    if run.signals.get(ask.signal):
        run.todo.append((match_signals, ask.signal))
    if ask.timeout is not None:
        step.due = at + ask.timeout
        run.news.rare = True
        run.news.timers.append(step)


def match_signals(run: Run, name: str, at: float) -> None:
    """Hand what came to those who wait for it, both in order."""
    signals, waiters = run.signals.get(name), run.waiters.get(name)
    while signals and waiters:
        step = waiters.popleft()
        if step.status == "waiting":
            step.status = "completed"
            complete(run, step, signals.popleft(), at)


def _stop(run: Run, scope: Scope, ask: Stop) -> None:
    name = scope.path + ask.key
    step, below = run.open.get(name), run.scopes.get(name + "/")
    if step is not None:
        drop(run, step, stop=True)
    elif below is not None:
        below.stopped = True
        give_outcome(run, below, ("cancelled", None))


def give_outcome(run: Run, scope: Scope, outcome: Outcome) -> None:
    """A scope has an outcome: drop what did not start; a scope that completed stops what still runs in it."""
    scope.outcome = outcome
    if outcome[0] != "completed":
        close_play(scope, outcome[1])
    if scope.open:
        drop_all(run, scope, stop=outcome[0] != "failed")
    if not scope.open:
        run.todo.append((ended, scope))


def settle(run: Run, at: float) -> None:
    """Work off what the last event set in motion, without recursion: scopes nest as deep as they like."""
    if run.settling:
        return
    run.settling = True
    try:
        while run.todo:
            todo, run.todo = run.todo, []
            for what, whom in todo:
                what(run, whom, at)
    finally:
        run.settling = False


def begin(run: Run, scope: Scope, at: float) -> None:
    if scope.outcome is not None:
        return
    try:
        asks = list(scope.play.begin(at))
        structure = getattr(scope.play, "structure", None)
        if structure or scope.said is not None:
            _announce(run, scope, asks, structure or ())
        for ask in asks:
            if type(ask) is Do and scope.outcome is None:
                _do(run, scope, ask)
            else:
                _ask(run, scope, ask, at)
    except Nondeterminism:
        raise
    except Exception as error:
        give_outcome(run, scope, ("failed", failure_of(error)))
    if not scope.open and scope.outcome is None:
        stuck(run, scope)


def _announce(run: Run, scope: Scope, asks: list[Ask], structure: Sequence[str]) -> None:
    """A scope built at run time leaves a digest of what it asked first in the log, and of its `structure` if it tells one."""
    scope.said = [f"{type(ask).__name__} {getattr(ask, 'key', '')}".strip() for ask in asks]
    scope.said.extend(structure)
    scope.digest = hashlib.sha256("\n".join(scope.said).encode()).hexdigest()[:16]
    run.news.rare = True
    run.news.said.append(e.Opened(scope.path[:-1], scope.digest, scope.said[:50]))


def ended(run: Run, scope: Scope, at: float) -> None:
    """A scope has an outcome and nothing in it is open: its parent hears of it, or the run ends."""
    if scope.open or run.scopes.get(scope.path, run.root) is not scope:
        return
    parent, outcome = scope.parent, scope.outcome
    if parent is None or outcome is None:
        ask = next_at_the_end(run)
        if ask is None:
            run.final = scope.outcome
        else:
            run.closing = ask.key
            _do(run, scope, ask)
        return
    leave(run, scope)
    if parent.outcome is not None:
        parent.blame.extend(scope.blame)
        if not parent.open:
            run.todo.append((ended, parent))
    elif scope.stopped:
        pass
    elif outcome[0] == "completed":
        if run.program.keep:
            run.results[scope.path[:-1]] = outcome[1]
        _tell(run, parent, scope.key, outcome[1], at)
    else:
        if run.program.keep:
            run.others[scope.path[:-1]] = _ended_badly(run, parent, scope, outcome[1])
        tell_failed(run, parent, scope.key, outcome[1], scope.blame, at)
    if not parent.open and parent.outcome is None:
        stuck(run, parent)


def _ended_badly(run: Run, parent: Scope, scope: Scope, error: Failure) -> Step:
    return Step(run, parent, scope.key, scope.path[:-1], None, DEFAULT, "failed", value=error)


def tell_failed(run: Run, scope: Scope, key: str, error: Failure, blame: list[int], at: float) -> None:
    scope.faults[key] = blame
    blamed = len(scope.blame)
    try:
        for ask in scope.play.failed(key, error, at):
            _ask(run, scope, ask, at)
    except Nondeterminism:
        raise
    except Exception as raised:
        give_outcome(run, scope, ("failed", failure_of(raised)))
    if scope.outcome is not None and scope.outcome[0] == "failed" and len(scope.blame) == blamed:
        scope.blame.extend(blame)


def stuck(run: Run, scope: Scope) -> None:
    name = scope.path[:-1] or run.workflow
    message = f"{name!r} asked for nothing more and did not end: it is stuck"
    give_outcome(run, scope, ("failed", Failure("penstock.errors.Stuck", message, "stuck")))


def failed(run: Run, step: Step, error: Failure, at: float) -> None:
    step.value = error if error.step else at_step(error, step.id)
    close_step(run, step)
    scope = step.scope
    if step.key == run.closing:
        undo_failed(run, step, error)
    if scope.outcome is None and not step.stopping:
        blame = [run.sequence] if step.family is None else step.family.blame
        tell_failed(run, scope, step.key, step.value, blame, at)
    if not scope.open:
        if scope.outcome is None:
            stuck(run, scope)
        run.todo.append((ended, scope))
    settle(run, at)


def drained(run: Run, step: Step, at: float) -> None:
    """A step is over and its program does not hear of it."""
    close_step(run, step)
    scope = step.scope
    if not scope.open:
        if scope.outcome is None:
            stuck(run, scope)
        run.todo.append((ended, scope))
    settle(run, at)
