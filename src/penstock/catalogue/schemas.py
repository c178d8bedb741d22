"""The JSON Schema of a definition's inputs, made from their annotations.

What has no schema is `{}`, which allows anything, with a comment that says so: a wrong schema would be worse than none.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

import msgspec

from penstock.catalogue.fields import Field, plain

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final = "#/$defs/{name}"


def schema_of(name: str, inputs: Mapping[str, Field]) -> dict[str, Any]:
    """The schema of an object with these inputs; strange names are refused, as a run refuses them."""
    known = [each.type for each in inputs.values() if _why_not(each.type) is None]
    made, defs = msgspec.json.schema_components(known, schema_hook=_hook, ref_template=REFERENCE)
    schemas = iter(made)
    properties = {
        key: _told(each, next(schemas) if _why_not(each.type) is None else _anything(each))
        for key, each in inputs.items()
    }
    found: dict[str, Any] = {"$schema": DIALECT, "title": name, "type": "object", "properties": properties}
    if required := [key for key, each in inputs.items() if each.required]:
        found["required"] = required
    found["additionalProperties"] = False
    return {**found, "$defs": defs} if defs else found


def _told(field: Field, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with what else is known of an input."""
    said = dict(schema)
    if field.description:
        said["description"] = field.description
    if field.sensitive:
        said["writeOnly"] = True
    if field.default is not inspect.Parameter.empty and field.default is not None:
        said["default"] = plain(field.default)
    return said


def _anything(field: Field) -> dict[str, Any]:
    why = _why_not(field.type)
    return {"$comment": why} if why else {}


def _why_not(kind: Any) -> str | None:
    """Why a type has no schema; None if it has one."""
    if kind is inspect.Parameter.empty:
        return "not annotated: anything"
    try:
        msgspec.json.schema(kind, schema_hook=_hook)
    except Exception:  # whatever a type of theirs may raise
        return f"{getattr(kind, '__name__', kind)} has no JSON Schema: anything"
    return None


def _hook(kind: type) -> dict[str, Any]:
    if issubclass(kind, PurePath):
        return {"type": "string", "format": "path"}
    raise NotImplementedError(kind.__name__)
