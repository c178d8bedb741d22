"""What is known of a run that does not go on, and the causes that come of it (see `explaining`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from penstock.app.standing import Standing

Kind = Literal[
    "finished", "paused", "cancelling", "driven", "driver_gone", "nobody", "no_worker", "no_code", "no_slot",
    "queue_paused", "queue_bound", "queue_rate", "delayed", "in_queue", "priority", "upstream_not_done", "upstream_failed",
    "not_reached", "timer", "signal", "approval", "retry", "limit", "rate", "limit_turn", "run_limit", "executor_full",
    "starting", "running", "child", "settled",
]  # fmt: skip


class Cause(msgspec.Struct):
    """One thing that a run or a step waits for, or what there is to say instead."""

    kind: Kind
    text: str
    step: str | None = None
    until: float | None = None
    runs: Sequence[str] = ()
    steps: Sequence[str] = ()


class Worker(msgspec.Struct):
    """A worker that serves the run's queue, as it last said of itself."""

    owner: str
    name: str
    alive: bool
    busy: bool
    refusal: str = ""


class Slot(msgspec.Struct):
    """What a step, or the run, waits for under a limit: see app.limits.Waiting."""

    kind: str
    key: str
    bound: str
    holders: Sequence[str] = ()
    until: float | None = None
    ahead: int = 0


class Known(msgspec.Struct):
    """What was looked up. `row` is the run's; `lapses` when its lease does; `owner` who has that, in words.

    `rate` is that of its queue, and `token_in` in how many seconds a run of it may begin, where none may yet.
    `slot` is what the run itself waits for under a limit, `slots` what steps do, and workflows inside the run.
    `ahead` are the runs that a worker takes before it, `later` those of them that were submitted later.
    """

    row: Mapping[str, Any]
    standing: Standing
    now: float
    owner: str = ""
    owner_gone: bool = False
    lapses: float | None = None
    workers: Sequence[Worker] = ()
    queue_paused: bool = False
    bound: int | None = None
    rate: str = ""
    token_in: float | None = None
    holders: Sequence[str] = ()
    ahead: Sequence[str] = ()
    later: Sequence[str] = ()
    neighbours: Sequence[str] = ()
    slot: Slot | None = None
    slots: Mapping[str, Slot] = {}
