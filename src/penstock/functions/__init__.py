"""Durable functions: ordinary Python functions, async or not, whose calls are steps and which go on after a crash."""

from penstock.functions.approving import approval
from penstock.functions.calls import (
    Step,
    continue_as_new,
    gather,
    now,
    publish,
    race,
    random,
    sleep,
    sleep_until,
    start,
    step,
    uuid4,
    wait_for_signal,
)
from penstock.functions.handles import Handle, Winner
from penstock.functions.workflow import DurableFunction, workflow
from penstock.model.approval import Decision

__all__ = [
    "Decision",
    "DurableFunction",
    "Handle",
    "Step",
    "Winner",
    "approval",
    "blocking",
    "continue_as_new",
    "gather",
    "now",
    "publish",
    "race",
    "random",
    "sleep",
    "sleep_until",
    "start",
    "step",
    "uuid4",
    "wait_for_signal",
    "workflow",
]
