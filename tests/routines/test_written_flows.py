"""Flows as JSON and back; functions as routines; what validate finds; pictures."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import pytest

from penstock.errors import InputError
from penstock.routines import ErrorHandler, ErrorStrategy, Flow, Routine, routine

HERE = __name__
MODULE = sys.modules[HERE]


class Custom(Exception):
    pass


class Adds(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.seen: tuple[int, ...] = ()
        self.add_serializable_fields(["seen"])
        self.define_slot("input", handler=self.add)
        self.define_event("output", ["number"])

    def add(self, number: int) -> None:
        self.seen = (*self.seen, number)
        self._stats["added"] = self._stats.get("added", 0) + 1
        self.emit("output", number=number + self.get_config("amount", 1))


class Named(Routine):
    """Cannot be made without an argument."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.define_slot("input", self.take, merged)
        self.define_slot("other", top_level, capacity=3, when_full="drop_old")
        self.define_event(name, ["number"])

    def take(self, number: int) -> None:
        self.emit("told", number=number)


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {"number": old.get("number", 0) + new["number"]}


def top_level(number: int) -> None:
    return None


def a_flow() -> Flow:
    flow = Flow("written", execution_strategy="concurrent", max_workers=2, history=50)
    first, second = Adds(), Named("told")
    first.set_config(amount=5)
    first.set_stat("tuple", (1, 2))
    first.set_error_handler(
        ErrorHandler(
            ErrorStrategy.RETRY, 2, 0.01, 3.0, retryable_exceptions=(OSError, Custom), is_critical=True
        )
    )
    flow.set_error_handler(ErrorHandler(ErrorStrategy.CONTINUE))
    flow.add_routine(first, "first")
    flow.add_routine(second, "second")
    flow.connect("first", "output", "second", "input", param_mapping={"number": "number"})
    return flow


def test_a_flow_goes_through_json_and_runs() -> None:
    flow = a_flow()
    flow.execute("first", {"number": 1})
    written = json.dumps(flow.serialize())
    told = json.loads(written)
    assert (told["_type"], told["version"]) == ("Flow", 1)
    assert told["routines"]["first"]["_class_info"] == {"module": HERE, "class_name": "Adds"}
    kept = copy.deepcopy(told)
    again = Flow().deserialize(told, allow=[HERE])
    assert told == kept
    assert json.loads(json.dumps(again.serialize())) == json.loads(written)
    first = again.routine("first")
    assert isinstance(first, Adds)
    assert (first.stats(), first.config(), first.seen) == ({"tuple": (1, 2), "added": 1}, {"amount": 5}, (1,))
    errors = first.get_error_handler()
    assert errors is not None
    assert errors.settings() == (ErrorStrategy.RETRY, 2, 0.01, 3.0, (OSError, Custom), True)
    assert (again.execution_strategy, again.max_workers, again.history) == ("concurrent", 2, 50)
    second = again.routine("second")
    assert (second.slot("other").capacity, second.slot("other").when_full) == (3, "drop_old")
    job = again.execute("first", {"number": 2})
    assert (job.status, job.outputs) == ("completed", {"second.told": {"number": 7}})


def test_only_routines_of_allowed_modules_are_restored() -> None:
    told = json.loads(json.dumps(a_flow().serialize()))
    flow = Flow()
    flow.module = "elsewhere"
    with pytest.raises(InputError, match="is not from an allowed module"):
        flow.deserialize(told)
    told["routines"]["first"]["_class_info"] = {"module": "subprocess", "class_name": "Popen"}
    with pytest.raises(InputError, match=r"subprocess\.Popen is no subclass of Routine"):
        flow.deserialize(told, allow=[HERE, "subprocess"])
    assert not flow.routines


def test_a_newer_version_and_what_is_no_flow_are_refused() -> None:
    told = a_flow().serialize()
    with pytest.raises(InputError, match="newer Penstock"):
        Flow().deserialize({**told, "version": 9}, allow=[HERE])
    with pytest.raises(InputError, match="tells of no flow"):
        Flow().deserialize({"_type": "Workflow"})


# ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@routine
def double(number: int) -> int:
    """Twice as much."""
    return 2 * number


@routine(name="told")
async def tell(data: int) -> str:
    return f"it is {data}"


def test_functions_follow_each_other_in_a_pipe() -> None:
    flow = Flow("pipe")
    ids = flow.pipe(double, lambda number: number + 1, tell)
    assert ids == ["double", "<lambda>", "told"]
    job = flow.execute(entry_params={"number": 4})
    assert (job.status, job.outputs) == ("completed", {"told.output": {"result": "it is 9"}})
    assert double(4) == 8
    assert (double.__name__, double.__doc__) == ("double", "Twice as much.")


def test_a_pipe_of_functions_goes_through_json() -> None:
    flow = Flow("pipe")
    flow.pipe(double, tell)
    again = Flow().deserialize(json.loads(json.dumps(flow.serialize())), allow=[HERE])
    assert again.execute(entry_params={"number": 4}).outputs == {"told.output": {"result": "it is 8"}}


def test_a_pipe_needs_one_event_and_one_slot() -> None:
    with pytest.raises(ValueError, match="a pipe needs one slot of 'second', which has 'input', 'other'"):
        Flow("pipe").pipe(double, _added(Named("told"), "second"))


def _added(what: Routine, name: str) -> Routine:
    what.name = name  # type: ignore[attr-defined]
    return what


# ── checks and pictures ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sound_flow_has_no_problems() -> None:
    flow = Flow("sound")
    flow.pipe(double, tell)
    assert flow.validate() == []


def test_what_looks_wrong_is_told() -> None:
    class Sends(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=lambda: None)
            self.define_event("output", {"number": str, "more": int})

    class Takes(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=self.take)
            self.define_slot("never")

        def take(self, number: int, wanted: str) -> None:
            return None

    flow = Flow("odd")
    for name, each in (("sends", Sends()), ("takes", Takes()), ("alone", Adds())):
        flow.add_routine(each, name)
    flow.entry = "sends"
    flow.connect("sends", "output", "takes", "input", param_mapping={"nowhere": "wanted"})
    found = [(each.kind, str(each)) for each in flow.validate()]
    assert found == [
        ("unreachable", "alone: a job that begins at 'sends' never comes here: connect it"),
        ("unconnected", "takes.never: no event leads to this slot"),
        ("unconnected", "takes.never: this slot has no handler"),
        ("unconnected", "alone.input: no event leads to this slot"),
        (
            "mismatch",
            "sends.output -> takes.input: renames 'nowhere', which is not emitted: number, more are",
        ),
        ("mismatch", "sends.output -> takes.input: the handler needs 'wanted'; emitted are number, more"),
        ("mismatch", "sends.output -> takes.input: 'number' is emitted as str, and the handler takes int"),
    ]


def test_a_flow_is_drawn_for_mermaid() -> None:
    flow = a_flow()
    flow.connect("second", "told", "first", "input")
    assert flow.to_mermaid() == (
        'flowchart TD\n    r0["first<br/><i>Adds</i>"]\n    r1["second<br/><i>Named</i>"]\n'
        '    r0 -->|"output → input"| r1\n    r1 -->|"told → input"| r0\n'
    )
