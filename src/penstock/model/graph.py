"""Directed graphs of names: order, cycles, the nearest name. Pure, linear in nodes and edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence


def successors(depends_on: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Who depends on each node, in order of definition."""
    after: dict[str, list[str]] = {name: [] for name in depends_on}
    for name, needs in depends_on.items():
        for need in needs:
            after[need].append(name)
    return after


def layers(depends_on: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Nodes by their distance from a root (the longest way); nodes on a cycle, or behind one, are left out."""
    after = successors(depends_on)
    missing = {name: len(needs) for name, needs in depends_on.items()}
    level = [name for name, number in missing.items() if number == 0]
    found = []
    while level:
        found.append(level)
        following = []
        for name in level:
            for later in after[name]:
                missing[later] -= 1
                if missing[later] == 0:
                    following.append(later)
        level = following
    return found


def cycle(depends_on: Mapping[str, Sequence[str]]) -> list[str]:
    """The nodes of one cycle in order of flow, the first again at the end; empty if there is none."""
    free = {name for layer in layers(depends_on) for name in layer}
    rest = [name for name in depends_on if name not in free]
    if not rest:
        return []
    place: dict[str, int] = {}
    path: list[str] = []
    name = rest[0]
    while name not in place:
        place[name] = len(path)
        path.append(name)
        name = next(need for need in depends_on[name] if need not in free)
    loop = path[place[name] :][::-1]
    return [*loop, loop[0]]


def sinks(depends_on: Mapping[str, Sequence[str]]) -> list[str]:
    """Nodes nobody depends on, in order of definition."""
    needed = {need for needs in depends_on.values() for need in needs}
    return [name for name in depends_on if name not in needed]


def downstream(depends_on: Mapping[str, Sequence[str]], start: Iterable[str]) -> set[str]:
    """The nodes of `start` and all that depend on them, directly or not."""
    after = successors(depends_on)
    seen = set(start)
    queue = deque(seen)
    while queue:
        for name in after[queue.popleft()]:
            if name not in seen:
                seen.add(name)
                queue.append(name)
    return seen


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, if any does."""
    import difflib  # a slip is rare, and every start would pay

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
