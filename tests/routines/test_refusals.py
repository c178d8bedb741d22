"""What cannot be meant is refused where it is said, with the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.errors import CommandRefused, DefinitionError, InputError, UserError
from penstock.routines import Flow, JobState, Routine
from penstock.routines.serializable import Serializable, register_serializable


class Step(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=lambda data: None)
        self.define_event("output")


def _flow() -> Flow:
    flow = Flow("refusing")
    flow.add_routine(Step(), "step")
    return flow


def _of_another_flow() -> JobState:
    job = JobState("elsewhere")
    job.status = "paused"
    return job


def _registers_twice() -> None:
    for number in range(2):
        register_serializable(type("Point", (Serializable,), {"__module__": f"module{number}"}))


CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "something else for a routine": (
        lambda: Flow("f").add_routine("step"),  # type: ignore[arg-type]
        DefinitionError,
        "takes routines, not 'step'",
    ),
    "something else for a flow's error handler": (
        lambda: Flow("f").set_error_handler("stop"),  # type: ignore[arg-type]
        DefinitionError,
        "must be an ErrorHandler, not 'stop'",
    ),
    "something else for a routine's error handler": (
        lambda: Step().set_error_handler("stop"),  # type: ignore[arg-type]
        DefinitionError,
        "must be an ErrorHandler, not 'stop'",
    ),
    "a slot without a name": (lambda: Step().define_slot(""), DefinitionError, "a slot of Step needs a name"),
    "a slot that is there": (lambda: Step().define_slot("input"), DefinitionError, "a slot 'input' already"),
    "a slot for nothing": (
        lambda: Step().define_slot("more", capacity=0),
        DefinitionError,
        "capacity=0 must be 1 or more",
    ),
    "a slot that is full in no known way": (
        lambda: Step().define_slot("more", when_full="explode"),  # type: ignore[arg-type]
        DefinitionError,
        "when_full='explode' must be",
    ),
    "a text for parameters": (
        lambda: Step().define_event("more", "result"),
        DefinitionError,
        r"output_params of event 'more' must be a list: \['result'\]",
    ),
    "a routine that is not there": (
        lambda: _flow().routine("steps"),
        DefinitionError,
        "no routine 'steps'; did you mean 'step'",
    ),
    "an event that is not there": (lambda: Step().event("x"), DefinitionError, "no event 'x'; it has output"),
    "a pause before any job": (
        lambda: _flow().pause(),
        CommandRefused,
        "has no job yet: begin one with execute",
    ),
    "another flow's job": (
        lambda: _flow().resume(_of_another_flow()),
        UserError,
        "is of flow 'elsewhere', not of 'refusing'",
    ),
    "a text that tells of no flow": (
        lambda: _flow().deserialize({"_type": "JobState"}),
        InputError,
        "tells of no flow",
    ),
    "a flow of no version": (lambda: _flow().deserialize({"_type": "Flow"}), InputError, "tells of no flow"),
    "a newer flow": (
        lambda: _flow().deserialize({"_type": "Flow", "version": 99}),
        InputError,
        r"newer Penstock \(version 99\): upgrade",
    ),
    "a text that tells of no job": (lambda: JobState.of({"_type": "Flow"}), InputError, "tells of no job"),
    "a job of no version": (lambda: JobState.of({"_type": "JobState"}), InputError, "tells of no job"),
    "a newer job": (
        lambda: JobState.of({"_type": "JobState", "version": 99}),
        InputError,
        r"newer Penstock \(version 99\): upgrade",
    ),
    "two classes of one name": (_registers_twice, DefinitionError, "a class 'Point' already: rename one"),
    "another class's values": (
        lambda: Serializable().deserialize({"_type": "Line"}),
        InputError,
        "tells of a Line, not of a Serializable",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_meant_is_refused(case: str) -> None:
    does, error, said = CASES[case]
    with pytest.raises(error, match=said):
        does()
