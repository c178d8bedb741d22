"""Cases that are steps of others, and runs of their own."""

from __future__ import annotations

from typing import Any

from penstock.model.child import Child
from penstock.model.program import Program
from penstock.testing.simulation.case import Case, Fate


class _Definition:
    """A case as a definition."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.name = case.program.name

    def as_program(self) -> Program:
        return self.case.program


class CaseChild(Child):
    """The code of a step that is a run of a case; it begins with the case's own input."""

    def __init__(self, case: Case, queue: str | None) -> None:
        super().__init__(_Definition(case), queue)
        self.case = case


def never_mended(case: Case) -> Case:
    """The same case, in which nothing waits to be reopened: who reopens the parent need not know of it."""
    fates: Any = case.fates
    for key, fate in list(fates.items()):
        if fate.until_reopened:
            fates[key] = Fate()
    for spec in getattr(case, "specs", ()):
        if spec.inner is not None:
            never_mended(spec.inner)
    return case
