"""The facts a run's log consists of. A kind in SQL and JSON is the class's name in snake_case (`step_done`).

Names and fields are promises: old logs are read for ever. A field added later has a default.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from penstock.model.failure import Failure


class RunStarted(msgspec.Struct, gc=False):
    """The run's first event: what was started, with which input, by whom, under which lease.

    `chance` names the run whose random numbers it goes on with, where that is another: what it was forked from. `timeout` is
    its time in seconds, where whoever started it said so; else its program does.
    """

    workflow: str
    version: str
    input: Any
    epoch: int = 0
    deadline: float | None = None
    source: dict[str, Any] = {}
    tags: dict[str, str] = {}
    parent: str | None = None
    owner: str = ""
    chance: str | None = None
    timeout: float | None = None


class Owned(msgspec.Struct, gc=False):
    """An engine took the run over: from here on (run, sequence) itself is the fence."""

    epoch: int
    owner: str = ""


class StepStarted(msgspec.Struct, gc=False):
    """An attempt of a step, or of one item of a map, may start."""

    step: str
    item: int | None = None
    attempt: int = 1


class StepDone(msgspec.Struct, gc=False):
    """A step (or item) completed with a value; it is never run again in this run."""

    step: str
    item: int | None
    value: Any
    text: str | None = None


class StepFailed(msgspec.Struct, gc=False):
    """An attempt failed; with `retry_at` it will be tried again then, without it the step has failed."""

    step: str
    item: int | None
    attempt: int
    error: Failure
    retry_at: float | None = None


class StepSkipped(msgspec.Struct, gc=False):
    """The program decided not to run this step."""

    step: str
    reason: str = ""


class StepCancelled(msgspec.Struct, gc=False):
    """A step was stopped, or will not run because its run was cancelled."""

    step: str
    item: int | None = None


class StepReused(msgspec.Struct, gc=False):
    """A step, or one item of a map, takes its value from another run instead of running.

    `edited` says that somebody gave it another value.
    """

    step: str
    value: Any
    source: str
    text: str | None = None
    edited: bool | None = None
    item: int | None = None


class Opened(msgspec.Struct, gc=False):
    """A scope was built at run time; `digest` stands for what it asked first."""

    step: str
    digest: str
    asks: list[str] = []


class Signalled(msgspec.Struct, gc=False):
    """A message came into the run."""

    name: str
    value: Any
    key: str | None = None
    text: str | None = None


class Noted(msgspec.Struct, gc=False):
    """Something worth remembering: `topic` says what kind of thing. Two fail the run: "deadline" and "unstorable"."""

    topic: str
    step: str | None = None
    data: Any = None


class Paused(msgspec.Struct, gc=False):
    """Running steps end, none starts."""

    reason: str = ""


class Resumed(msgspec.Struct, gc=False):
    """The pause ended."""


class CancelAsked(msgspec.Struct, gc=False):
    """Somebody asked the run to stop; it ends when what runs has ended."""

    reason: str = ""


class RunReopened(msgspec.Struct, gc=False):
    """A failed run goes on: the failures recorded at these sequence numbers are read as retries."""

    forgiven: list[int]
    deadline: float | None = None


class RunDone(msgspec.Struct, gc=False):
    """The run completed with a value."""

    value: Any
    text: str | None = None


class RunFailed(msgspec.Struct, gc=False):
    """The run failed; `blamed` are the sequence numbers of the step failures that brought it down.

    `undone` says that what its steps had done was undone, so that it cannot be reopened.
    """

    error: Failure
    blamed: list[int] = []
    undone: bool | None = None


class RunCancelled(msgspec.Struct, gc=False):
    """The run was cancelled and nothing of it runs any more."""

    reason: str = ""


Event = (
    RunStarted
    | Owned
    | StepStarted
    | StepDone
    | StepFailed
    | StepSkipped
    | StepCancelled
    | StepReused
    | Opened
    | Signalled
    | Noted
    | Paused
    | Resumed
    | CancelAsked
    | RunReopened
    | RunDone
    | RunFailed
    | RunCancelled
)

KINDS: dict[str, type[Any]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls for cls in Event.__args__
}
"""Kind -> class, in the order above."""

KIND_OF: dict[type[Any], str] = {cls: kind for kind, cls in KINDS.items()}

FORKED = "forked"
"""The topic of the note in a fork's log that says of which run it is one, and what is other."""
CHANGED = "code_changed"
"""The topic of the note that says which steps have another code than when the run began, and what of it: by step."""
WITH_CODE = "code"
"""The topic of the note that says with which code a run goes on then, or began if it was submitted with another."""

FINAL: frozenset[type[Any]] = frozenset({RunDone, RunFailed, RunCancelled})
"""Events after which a run is finished (a failed one may be reopened)."""
