"""Parameters: what fits, what is required, what is locked, and what messages say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Optional

import pytest

from penstock.errors import DefinitionError
from penstock.processes import InputParameter, OutputParameter, Parameter, ParameterSet


@dataclass
class Point:
    x: int


FITTING = [
    (str, "text"), (int, 3), (float, 3), (float, 2.5), (bool, True), (list, [1]), (dict, {}), (Any, None), (object, 3),
    (Optional[int], None), (int | None, 4), (list[int], [1, 2]), (dict[str, int], {"a": 1}), (tuple[int, ...], (1, 2)),  # noqa: UP045
    (tuple[int, str], (1, "a")), (Point, Point(1)), (Literal["a", "b"], "b"), (Callable, len), (Sequence[str], ["a"]),
    (set[int], {1}), (complex, 1), (list[int | None], [None]), (type(None), None), ("a text", 3),
]  # fmt: skip
WRONG = [
    (str, 123), (str, None), (int, True), (int, 1.0), (float, True), (float, "1"), (list, (1,)), (list[int], [1, "a"]),
    (dict[str, int], {"a": "b"}), (dict[str, int], {1: 1}), (int | None, "a"), (tuple[int, ...], (1, "a")),
    (tuple[int, str], (1,)), (Point, {"x": 1}), (Literal["a", 1], True), (Callable, 3), (bool, 1),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), FITTING)
def test_a_value_that_fits_is_taken(kind: Any, value: Any) -> None:
    parameter = InputParameter("x", kind)
    parameter.value = value
    assert parameter.value is value
    assert parameter.is_set


@pytest.mark.parametrize(("kind", "value"), WRONG)
def test_a_value_that_does_not_fit_is_refused_and_the_message_says_what_would(kind: Any, value: Any) -> None:
    parameter = InputParameter("x", kind)
    with pytest.raises(TypeError, match="parameter 'x' must be") as raised:
        parameter.value = value
    assert type(value).__name__ in str(raised.value)
    assert not parameter.is_set


def test_a_wrong_default_is_refused_at_declaration() -> None:
    with pytest.raises(DefinitionError, match="its default 'three' is str, not int"):
        InputParameter("n", int, default="three")


def test_none_that_was_assigned_is_not_the_default() -> None:
    parameter = InputParameter("n", int | None, required=False, default=5)
    assert (parameter.value, bool(parameter.is_set), parameter.is_set()) == (5, False, False)
    parameter.value = None
    assert (parameter.value, bool(parameter.is_set), parameter.is_set()) == (None, True, True)


def test_every_missing_input_is_named_in_one_message() -> None:
    inputs = ParameterSet("Load")
    for name in ("file", "mode"):
        inputs.add(InputParameter(name, str))
    inputs.add(InputParameter("size", int, required=False))
    inputs.add(InputParameter("retries", int, default=3))
    with pytest.raises(ValueError, match=r"Load needs 'file', 'mode'"):
        inputs.validate_all()
    with pytest.raises(ValueError, match="'file' is required"):
        inputs["file"].validate()
    inputs["file"].value = inputs["mode"].value = "a"
    assert inputs.validate_all()


def test_a_locked_parameter_refuses_values_until_it_is_unlocked() -> None:
    parameter = OutputParameter("x", int, "what it is")
    assert (parameter.description, parameter.required) == ("what it is", False)
    parameter.lock()
    with pytest.raises(RuntimeError, match="Parameter locked!"):
        parameter.value = 3
    parameter.unlock()
    parameter.value = 3
    assert parameter.value == 3


def test_a_set_is_a_mapping_of_parameters_that_knows_what_was_meant() -> None:
    outputs = ParameterSet("Load")
    outputs.add(OutputParameter("rows", list))
    outputs["rows"].value = [1]
    assert ("rows" in outputs, len(outputs), list(outputs), outputs.get("nope")) == (True, 1, ["rows"], None)
    assert [each.name for each in outputs.values()] == [name for name, _ in outputs.items()] == ["rows"]
    assert outputs.to_dict() == {"rows": [1]}
    assert outputs["rows"].to_dict()["type"] == "list"
    with pytest.raises(KeyError, match=r"Load has no parameter 'row'; did you mean 'rows'\?"):
        outputs["row"]
    with pytest.raises(KeyError, match=r"assigned to \.value"):
        outputs["rows"] = [2]  # type: ignore[assignment]
    with pytest.raises(DefinitionError, match="has a parameter 'rows' already"):
        outputs.add(OutputParameter("rows"))


def test_a_sensitive_value_is_shown_nowhere() -> None:
    inputs = ParameterSet("Log in")
    inputs.add(InputParameter("password", str, sensitive=True))
    inputs["password"].value = "swordfish"
    shown = f"{inputs!r} {inputs['password']!r} {inputs.to_dict()} {inputs['password'].to_dict()}"
    shown += f"{inputs.recorded(durable=False)}"
    with pytest.raises(TypeError) as raised:
        InputParameter("pin", int, sensitive=True).value = "swordfish"
    assert "swordfish" not in shown + str(raised.value)
    assert inputs["password"].value == "swordfish"


def test_a_parameter_may_be_neither_an_input_nor_an_output() -> None:
    assert Parameter("x").value is None
