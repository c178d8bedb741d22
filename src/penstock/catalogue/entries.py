"""What the catalogue knows of a definition: its name, style, words, inputs and outputs, schema, and where it was written."""

from __future__ import annotations

import inspect
import sys
from functools import cached_property
from typing import Any

from penstock.catalogue.fields import Field, fields
from penstock.catalogue.sources import Place, module_of, place_of, source_of
from penstock.errors import DefinitionError, UserError
from penstock.model.program import Definition
from penstock.model.wording import listed, shown


class Entry:
    """One definition, or a class that makes one, under its name.

    What it tells of itself is looked up when it is asked for, and may raise the DefinitionError that running it would.
    """

    def __init__(self, name: str, offered: Any) -> None:
        self.name = name
        self.offered = offered
        self.written_at = written_at(offered)

    def make(self, name: str | None = None) -> Definition:
        """The definition; of a class a new one each time, of that name. Raises DefinitionError if it cannot be made so."""
        if not isinstance(self.offered, type):
            definition: Definition = self.offered
            return definition
        takes = inspect.signature(self.offered).parameters
        needed = [each.name for each in takes.values() if _is_needed(each) and each.name != "name"]
        if needed:
            raise DefinitionError(
                f"{self.name!r} ({self.place}) cannot be made by name: its __init__ needs {listed(map(repr, needed))};"
                " give them defaults, or register a definition that was made"
            )
        if name is None and "name" in takes and _is_needed(takes["name"]):
            name = self.name
        made: Definition = self.offered(name=name) if name and "name" in takes else self.offered()
        if name and "name" not in takes:
            made.name = name  # type: ignore[attr-defined]  # that a definition has one is a custom
        return made

    @property
    def style(self) -> str:
        """The front door that it is written for, such as "tasks"; "own" if that is none of Penstock's."""
        said = getattr(self.offered, "style", None)
        return said if isinstance(said, str) else style_of(self.offered)

    @property
    def docs(self) -> str:
        """What it says of itself, or its module does."""
        return docs_of(self.offered)

    @property
    def place(self) -> Place:
        """The file and the line in which it was written."""
        return place_of(self.offered)

    @property
    def source(self) -> dict[str, Any]:
        """Its module, file, variable, and the file's hash. See source_of."""
        return source_of(self.offered)

    @property
    def inputs(self) -> dict[str, Field]:
        """What a run of it is given."""
        return fields(getattr(self._sample, "inputs", {}))

    @property
    def outputs(self) -> dict[str, Field]:
        """What comes of it, as far as its style says so."""
        return fields(getattr(self._sample, "outputs", {}))

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its inputs."""
        from penstock.catalogue.schemas import schema_of

        return schema_of(self.name, self.inputs)

    @cached_property
    def _sample(self) -> Definition:
        """One to look at. Raises DefinitionError, whatever an __init__ of theirs raises."""
        try:
            return self.make()
        except UserError:
            raise
        except Exception as error:
            raise DefinitionError(f"{self.name!r} ({self.place}) cannot be made: {shown(error)}") from error

    @property
    def problem(self) -> str | None:
        """What is wrong with it, if it cannot run."""
        try:
            self._sample.as_program()
        except UserError as error:
            return str(error)
        return None

    def document(self) -> dict[str, Any]:
        """All of it, for programs; of one that cannot run `problem` says why."""
        problem = self.problem
        place, source = self.place, self.source
        return {
            "name": self.name,
            "style": self.style,
            "docs": self.docs,
            "inputs": [] if problem else [each.document() for each in self.inputs.values()],
            "outputs": [] if problem else [_given(each.document()) for each in self.outputs.values()],
            "schema": {} if problem else self.schema,
            "module": source.get("module"),
            "variable": source.get("name"),
            "file": place.file,
            "line": place.line,
            "hash": source.get("hash"),
            "problem": problem,
        }

    def __repr__(self) -> str:
        return f"<Entry {self.name}: {self.style}, {self.place}>"


def _is_needed(parameter: inspect.Parameter) -> bool:
    given = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in given


def written_at(definition: Any) -> tuple[Any, ...]:
    """What two definitions share of which one is the other made again: the class's name, or where it was written."""
    if isinstance(definition, type):
        return (definition.__module__, definition.__qualname__)
    if getattr(definition, "said", None) is not None:
        return (str(definition.said),)
    place, source = place_of(definition), source_of(definition)
    if place.line is not None:
        return tuple(place)
    return (source["module"], source["name"]) if "name" in source else (id(definition),)


def _given(said: dict[str, Any]) -> dict[str, Any]:
    """Of an output nobody asks whether it must be given."""
    return {key: value for key, value in said.items() if key not in ("required", "default")}


def style_of(definition: Any) -> str:
    """The package of ours that a definition's class, or one it stands on, belongs to."""
    kind = definition if isinstance(definition, type) else type(definition)
    packages = (each.__module__.split(".") for each in kind.__mro__)
    return next((parts[1] for parts in packages if parts[0] == "penstock" and parts[1] != "model"), "own")


def docs_of(definition: Any) -> str:
    """Its own description, its class's or its function's words, else those of the module that holds it."""
    if isinstance(definition, type):
        return inspect.cleandoc(definition.__doc__ or "")
    kind = type(definition)
    said = (
        getattr(definition, "description", None),
        getattr(definition, "__dict__", {}).get("__doc__"),
        None if kind.__module__.startswith("penstock.") else kind.__doc__,
        getattr(sys.modules.get(module_of(definition)), "__doc__", None),
    )
    return inspect.cleandoc(next((each for each in said if isinstance(each, str) and each.strip()), ""))
