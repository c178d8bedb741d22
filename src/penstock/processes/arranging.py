"""What `define_orchestration` built, checked and in the form in which it is played: groups of children, and links by target.

A sequential child is a group of its own, parallel children that follow one another are one. A link is followed when the group
of its target starts; so its source must belong to an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from penstock.errors import DefinitionError
from penstock.processes.flags import ProcessExecutionFlags
from penstock.processes.secrets import Sealed

HOOKS = ("on_before_execute", "after_children_executed", "on_after_execute")
"""Keys of steps that are an orchestration's own."""

OURS = ""
"""The key of the orchestration itself, as one end of a link."""


class Link(NamedTuple):
    """From a parameter to an input of a child, or to an output of the whole. A key is a child's; `OURS` is the parent."""

    key: str
    output: bool
    name: str
    target: str
    target_name: str

    def __str__(self) -> str:
        source = f"{self.key or 'its own'}.{'output' if self.output else 'input'}[{self.name!r}]"
        side = "input" if self.target else "output"
        return f"{source} to {self.target or 'its own'}.{side}[{self.target_name!r}]"


class Node:
    """A child at its place."""

    __slots__ = ("detached", "group", "key", "links", "needs", "unit")

    def __init__(self, key: str, unit: Any, detached: bool, group: Group) -> None:
        self.key = key
        self.unit = unit
        self.detached = detached
        self.group = group
        self.links: list[Link] = []
        self.needs: list[str] = []  # detached children whose outputs it is given


class Group:
    """Children that start together. `awaited` counts those that are waited for."""

    __slots__ = ("mode", "nodes", "number")

    def __init__(self, number: int, mode: str) -> None:
        self.number = number
        self.mode = mode
        self.nodes: list[Node] = []

    @property
    def awaited(self) -> int:
        return sum(not node.detached for node in self.nodes)


class Arrangement:
    """Groups in order, children by key, and the links to the outputs of the whole."""

    __slots__ = ("groups", "links", "needs", "nodes")

    def __init__(self, groups: list[Group], nodes: dict[str, Node]) -> None:
        self.groups = groups
        self.nodes = nodes
        self.links: list[Link] = []
        self.needs: list[str] = []

    @property
    def lines(self) -> list[str]:
        """What two arrangements that are the same have in common."""
        found = [
            f"group {node.group.number} ({node.group.mode}): {node.key}, {type(node.unit).__qualname__}"
            f"{', nobody waits for it' if node.detached else ''}"
            for node in self.nodes.values()
        ]
        links = [str(link) for node in self.nodes.values() for link in node.links]
        return [*found, *links, *map(str, self.links)]


def arrange(
    parent: Any,
    children: Sequence[tuple[Any, ProcessExecutionFlags]],
    connections: Iterable[tuple[Any, Any]],
) -> Arrangement:
    """Raises DefinitionError for links that could never carry anything."""
    groups: list[Group] = []
    nodes: dict[str, Node] = {}
    neighbour = False
    taken: dict[str, int] = dict.fromkeys(HOOKS, 1)
    for unit, flags in children:
        if not (flags.parallel and neighbour):
            groups.append(Group(len(groups), flags.mode))
        neighbour = flags.parallel
        key = _unique(key_of(unit.name), taken)
        node = nodes[key] = Node(key, unit, not flags.wait_for_completion, groups[-1])
        groups[-1].nodes.append(node)
    made = Arrangement(groups, nodes)
    _connect(made, parent, list(connections))
    return made


def key_of(name: str) -> str:
    """A name as the key of a step."""
    if name and "/" not in name and "@" not in name:
        return name
    return name.replace("/", "-").replace("@", "-") or "process"


def _unique(key: str, taken: dict[str, int]) -> str:
    """Name, Name-2, Name-3: the same for the same children in the same order."""
    found, number = key, taken.get(key, 0)
    while found in taken:
        number += 1
        found = f"{key}-{number}"
    taken[key] = number or 1
    taken.setdefault(found, 1)
    return found


def _connect(made: Arrangement, parent: Any, connections: list[tuple[Any, Any]]) -> None:
    if not connections:
        return
    ends = _ends(made, parent)
    for source, target in connections:
        link = _link(parent, ends, source, target)
        node = made.nodes.get(link.target)
        links, needs = (made.links, made.needs) if node is None else (node.links, node.needs)
        links.append(link)
        before = made.nodes.get(link.key)
        if before is not None:
            _check_order(parent, link, before, node)
            if before.detached and link.output and link.key not in needs:
                needs.append(link.key)


def _ends(made: Arrangement, parent: Any) -> dict[int, tuple[str, bool, str]]:
    """Whose parameter each is: (key, whether it is an output, name), by identity."""
    owners = [(OURS, parent), *((node.key, node.unit) for node in made.nodes.values())]
    return {
        id(parameter): (key, output, name)
        for key, unit in owners
        for output, those in ((False, unit.input), (True, unit.output))
        for name, parameter in those.items()
    }


def _link(parent: Any, ends: dict[int, tuple[str, bool, str]], source: Any, target: Any) -> Link:
    begin, end = ends.get(id(source)), ends.get(id(target))
    for what, found in ((source, begin), (target, end)):
        if found is None:
            raise DefinitionError(
                f"{parent.name!r} connects parameter {getattr(what, 'name', what)!r}, which belongs neither to it nor to a"
                " child of it: add_child() the process whose parameter it is"
            )
    assert begin is not None
    assert end is not None
    link = Link(*begin, end[0], end[2])
    if end[1] is not (end[0] == OURS):
        raise DefinitionError(
            f"{parent.name!r} connects to the {'output' if end[1] else 'input'} {end[2]!r} of {end[0] or 'itself'!r}: data"
            " goes to inputs of children and to its own outputs"
        )
    if source.sensitive and not target.sensitive:
        raise DefinitionError(
            f"{parent.name!r} connects {link}: the first is sensitive, the second would be recorded openly; declare it with"
            " sensitive=True"
        )
    return link


def _check_order(parent: Any, link: Link, before: Node, after: Node | None) -> None:
    if after is not None and link.output and before.group.number >= after.group.number:
        when = "together with" if before.group is after.group else "after"
        raise DefinitionError(
            f"{parent.name!r} connects {link}, but {before.key!r} runs {when} {after.key!r}: add {before.key!r} before it"
            f"{', and not parallel to it' if before.group is after.group else ''}"
        )


def resolve(parent: Any, made: Arrangement, links: Iterable[Link]) -> None:
    """Follow links: a source that was assigned, be it None, or that has a default, is assigned to its target.

    Raises ParameterTypeError that names both ends.
    """
    for link in links:
        owner = parent if link.key == OURS else made.nodes[link.key].unit
        source = (owner.output if link.output else owner.input)[link.name]
        whole = link.target == OURS
        target = (parent.output if whole else made.nodes[link.target].unit.input)[link.target_name]
        if source.is_set or source.default is not None:
            follow(parent, link, source, target)


def follow(parent: Any, link: Link, source: Any, target: Any) -> None:
    """Assign a source's value to its target; what is sealed stays so."""
    value = source.raw
    try:
        if type(value) is Sealed:
            target.restore(value)
        else:
            target.value = value
    except TypeError as error:
        raise type(error)(f"{parent.name!r} connects {link}: {error}") from None
