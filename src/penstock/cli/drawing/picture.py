"""What a picture of a workflow shows: its steps, what they depend on, and, of a run, what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from penstock.errors import DefinitionError
from penstock.model.graph import sinks


class Box(NamedTuple):
    """One step. `kind` is step or map; `remark` says when it runs at all; `status` and `said` are a run's."""

    name: str
    depends_on: tuple[str, ...] = ()
    kind: str = "step"
    remark: str = ""
    status: str = ""
    said: str = ""


class Picture(NamedTuple):
    """A workflow, or a run of it, as a graph: every box comes after those it depends on."""

    name: str
    boxes: dict[str, Box]

    @property
    def depends_on(self) -> dict[str, tuple[str, ...]]:
        """Name -> the names it depends on."""
        return {name: box.depends_on for name, box in self.boxes.items()}


def picture_of(program: Any) -> Picture:
    """The picture of a program. Raises DefinitionError if its steps are not known before it runs."""
    nodes = getattr(program, "nodes", None)
    if nodes is None:
        raise DefinitionError(
            f"workflow {program.name!r} decides its steps as it runs: draw one of its runs, or see `penstock show RUN`"
        )
    return Picture(program.name, {box.name: box for box in _boxes(nodes, "", ())})


def _boxes(nodes: Mapping[str, Any], prefix: str, before: tuple[str, ...]) -> Iterator[Box]:
    """The steps of a graph; one that is a graph itself is drawn as its steps."""
    ends: dict[str, tuple[str, ...]] = {}
    for name in _in_order(nodes):
        node = nodes[name]
        needs = tuple(end for need in node.depends_on for end in ends[need]) or before
        inner = getattr(node.program, "nodes", None)
        if inner is not None:
            yield from _boxes(inner, f"{prefix}{name}/", needs)
            ends[name] = tuple(f"{prefix}{name}/{each}" for each in sinks(_needs(inner)))
        else:
            ends[name] = (f"{prefix}{name}",)
            yield Box(f"{prefix}{name}", needs, "map" if node.over else "step", _remark(node))


def _needs(nodes: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: node.depends_on for name, node in nodes.items()}


def _in_order(nodes: Mapping[str, Any]) -> list[str]:
    from penstock.model.graph import layers

    return [name for layer in layers(_needs(nodes)) for name in layer]


def _remark(node: Any) -> str:
    words = []
    if node.when is not None:
        words.append(f"if {_name_of(node.when)}")
    if node.trigger != "all_succeeded":
        words.append(f"when {node.trigger.replace('_', ' ')}")
    if node.optional:
        words.append("optional")
    return ", ".join(words)


def _name_of(fn: Any) -> str:
    name = str(getattr(fn, "__name__", ""))
    return "its condition holds" if not name or "lambda" in name else name.replace("_", " ")
