"""Durable functions that ask somebody whether they may go on."""

from __future__ import annotations

from functools import partial

from penstock.functions.calls import asked
from penstock.functions.handles import Handle
from penstock.model.approval import APPROVAL, Decision, decided


def approval(name: str = APPROVAL, *, timeout: float | None = None) -> Handle[Decision]:
    """Wait until somebody approves (`penstock approve RUN NAME`); the decision says who.

    Raises Rejected, or StepTimeout after `timeout` seconds.
    """
    who = asked("approval()")
    return who.give(who.play().signal(name, timeout, partial(decided, name), approval=True))  # type: ignore[no-any-return]
