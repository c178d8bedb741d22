"""Whom a recorded fact is about, in the words of its style: what people who watch are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from penstock.model.state import Run


class Group(NamedTuple):
    """Units that were asked for together: group `number` (from 0) of the scope at path `parent`, of `size` units.

    `mode` is "parallel" or "sequential"; `awaited` how many of them the group waits for.
    """

    parent: str
    number: int
    size: int
    mode: str
    awaited: int


class Subject(NamedTuple):
    """A unit of work by the id, name and kind (its class) that its author knows it by."""

    id: str
    name: str
    kind: str
    group: Group | None = None


@runtime_checkable
class Naming(Protocol):
    """What a program may do besides: name its units itself."""

    def subject(self, run: Run, path: str) -> Subject | None:
        """Whom a fact about the step or scope at `path` ("" is the run) is about; None: it is not for people.

        Asked while the step is open or the scope was just opened; the answer holds until that is over.
        """
