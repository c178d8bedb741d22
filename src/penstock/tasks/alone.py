"""Executing one task outside any workflow, with its retries and its time limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.context.places import at, here
from penstock.errors import RunFailed, TaskExecutionError
from penstock.model.parameters import Parameter, signature_of
from penstock.tasks.blueprint import Blueprint
from penstock.tasks.launcher import Launcher
from penstock.tasks.options import CALLBACKS
from penstock.tasks.place import Place, check_place_name
from penstock.tasks.program import GraphProgram
from penstock.tasks.transitions import Listener
from penstock.tasks.work import Work

if TYPE_CHECKING:
    from penstock.app.run import Run


class Alone:
    """A task as all that a run does, launchable as a workflow is. Of the context it is given what its parameters name."""

    def __init__(self, work: Work, context: Mapping[str, Any]) -> None:
        self.name = work.name
        self.said = here()
        self.latest: Run[Any] | None = None
        self._work = work
        with at():
            check_place_name(work.name)
            place = Place(work)
            place.values = _fitting(work, context)
            place.follow_what_it_goes_over({work.name})
            nodes, self._inputs = Blueprint(work.name, {work.name: place}, None, {}, None).compile()
        self._program = GraphProgram(work.name, nodes)

    def execute(self) -> Any:
        """See Task.execute."""
        try:
            return Launcher(self, "ephemeral", None, {}, None).run()
        except RunFailed as error:
            raise TaskExecutionError(
                str(error), run_id=error.run_id, failed_step=self.name
            ) from error.__cause__

    @property
    def inputs(self) -> dict[str, Parameter]:
        return self._inputs

    @property
    def defaults(self) -> dict[str, Any]:
        return {}

    def as_program(self) -> GraphProgram:
        return self._program

    def listener(self) -> Listener | None:
        return Listener({self.name: self._work}) if self._work.options.keys() & CALLBACKS else None


def _fitting(work: Work, context: Mapping[str, Any]) -> dict[str, Any]:
    """What its parameters name of a context, or all of it if it takes any."""
    signature = signature_of(work.fn, f"task {work.name!r}")
    return {
        name: value for name, value in context.items() if signature.everything or name in signature.parameters
    }
