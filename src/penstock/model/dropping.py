"""Giving up what nobody waits for any more: steps that did not start are dropped, what runs is stopped or drained."""

from __future__ import annotations

from penstock.model.gates import tell
from penstock.model.opening import close_step
from penstock.model.policies import CHILD
from penstock.model.state import CANCELLED, Run, Scope, Step


def drop_all(run: Run, scope: Scope, *, stop: bool) -> None:
    for below in [s for s in run.scopes.values() if s is not scope and _inside(s, scope)]:
        if below.outcome is None:
            below.outcome = ("cancelled", None)
            close_play(below, None)
    for step in [s for s in run.open.values() if _inside(s.scope, scope)]:
        drop(run, step, stop=stop)
    for below in sorted(
        (s for s in run.scopes.values() if s is not scope and _inside(s, scope)), key=_depth, reverse=True
    ):
        if not below.open:
            leave(run, below)


def close_play(scope: Scope, why: object) -> None:
    """Tell a play that wants to know that it is asked nothing more, though it did not end."""
    close = getattr(scope.play, "close", None)
    if close is not None:
        close("" if why is None else str(why))


def drop(run: Run, step: Step, *, stop: bool) -> None:
    """Give a step up: if it runs it is stopped (or only drained), else it is cancelled on the spot.

    One that is a run of its own is stopped also where others are drained: it may have days to go.
    """
    stop = stop or step.policy.executor == CHILD
    if step.family is not None and step.item is None:
        _drop_family(run, step, stop=stop)
    elif step.status == "running":
        step.stopping = step.stopping or stop
        if stop:
            run.news.rare = True
            run.news.stops.append(step)
    else:
        step.status = "cancelled"
        close_step(run, step)
        if step.key == run.closing and not step.attempt:
            run.closing = None  # a hook that never ran: another outcome has a hook of its own


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
        close_step(run, whole)


def _inside(scope: Scope | None, ancestor: Scope) -> bool:
    while scope is not None and scope is not ancestor:
        scope = scope.parent
    return scope is ancestor


def _depth(scope: Scope) -> int:
    return scope.path.count("/")


def leave(run: Run, scope: Scope) -> None:
    if run.scopes.pop(scope.path, None) is None:
        return
    above = scope.parent
    while above is not None:
        above.open -= 1
        above = above.parent
    if scope.gate is not None:
        tell(run, scope)
    if run.watcher is not None:
        run.watcher.left(scope)
