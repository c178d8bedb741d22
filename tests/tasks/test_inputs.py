"""Inputs from the command line's text: each by the type of its parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.errors import InputError
from penstock.tasks import Workflow, task
from penstock.tasks.inputs import parse_input


def many(  # noqa: PLR0917 - one parameter a kind
    text: str, number: int, share: float, yes: bool, names: list[str], table: dict[str, int], path: Path,
    plain: Any = None, guessed: int = 3, maybe: int | None = None,
) -> None: ...  # fmt: skip


def parsed(name: str, text: str) -> Any:
    flow = Workflow("cli")
    flow.add_task(many)
    return parse_input("cli", flow.inputs[name], text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "12", "12"),
        ("number", "12", 12),
        ("share", "0.5", 0.5),
        ("yes", "true", True),
        ("names", '["a","b"]', ["a", "b"]),
        ("table", '{"a":1}', {"a": 1}),
        ("path", "/tmp/x", Path("/tmp/x")),
        ("guessed", "7", 7),
        ("maybe", "7", 7),
    ],
)
def test_text_becomes_what_its_parameter_says(name: str, text: str, value: Any) -> None:
    assert parsed(name, text) == value


@pytest.mark.parametrize(("name", "text"), [("number", "twelve"), ("names", "a,b"), ("table", "[1]")])
def test_text_that_does_not_fit_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InputError, match=f"input '{name}' of workflow 'cli' must be .* is not"):
        parsed(name, text)


def test_an_input_that_is_mapped_over_is_a_list() -> None:
    flow = Workflow("cli")
    flow.add_task(task(name="m")(lambda x: x).map(x="items"))
    assert parse_input("cli", flow.inputs["items"], "[1,2]") == [1, 2]
