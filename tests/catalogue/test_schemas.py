"""The JSON Schema of inputs: from annotations as far as they have one, else open, with a note."""

from __future__ import annotations

import datetime
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from penstock.catalogue import Field
from penstock.catalogue.fields import plain
from penstock.catalogue.schemas import schema_of

NOTHING = inspect.Parameter.empty


@dataclass
class Point:
    x: int
    y: float = 1.0


class Strange:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def property_of(kind: Any, default: Any = NOTHING, description: str = "") -> dict[str, Any]:
    field = Field("it", kind, default is NOTHING, default, description)
    found: dict[str, Any] = schema_of("w", {"it": field})["properties"]["it"]
    return found


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (int, {"type": "integer"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (Path, {"type": "string", "format": "path"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (Any, {}),
        (NOTHING, {"$comment": "not annotated: anything"}),
        (Strange, {"$comment": "Strange has no JSON Schema: anything"}),
        (list[Strange], {"$comment": "list has no JSON Schema: anything"}),
        ("text", {"$comment": "text has no JSON Schema: anything"}),
    ],
)
def test_each_type_has_its_schema_or_a_note(kind: Any, schema: dict[str, Any]) -> None:
    assert property_of(kind) == schema


def test_defaults_and_descriptions_are_told() -> None:
    assert property_of(int, 3, "how many") == {"type": "integer", "default": 3, "description": "how many"}
    assert property_of(Path, Path("here"))["default"] == "here"
    assert property_of(int | None, None).get("default", "none") == "none"


def test_a_whole_schema_names_what_is_required_and_closes_the_rest() -> None:
    fields = {
        "at": Field("at", Point, True, NOTHING),
        "all": Field("all", list[Point], False, []),
        "odd": Field("odd", Strange, False, None),
    }
    schema = schema_of("draw", fields)
    assert schema["title"] == "draw"
    assert schema["required"] == ["at"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["at"] == {"$ref": "#/$defs/Point"}
    assert schema["properties"]["all"]["items"] == {"$ref": "#/$defs/Point"}
    assert schema["$defs"]["Point"]["required"] == ["x"]


def test_nothing_asked_for_is_an_empty_object() -> None:
    assert schema_of("w", {}) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "w",
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_a_value_that_json_cannot_say_is_shown() -> None:
    assert plain([1, "a", None]) == [1, "a", None]
    assert plain(int) == "<class 'int'>"
    assert plain(Strange()) == "<Strange, which cannot be shown: RuntimeError>"
