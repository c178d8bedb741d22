"""Runs whose code has changed since they began: what has, and how they go on then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.app.forking import Forking
from penstock.app.owners import is_gone
from penstock.app.starting import sooner
from penstock.catalogue import source_of
from penstock.context import current
from penstock.engine.recovery import read_page
from penstock.errors import DefinitionError, RunNotFound
from penstock.model import events as e
from penstock.model.changes import Put
from penstock.model.program import Definition, OnChange, Program

if TYPE_CHECKING:
    from penstock.app.changes import Codebook, StepChange


class Renewing(Forking):
    """The part of an engine that minds whether the code of a run is the code it began with."""

    _codebook: Codebook | None = None

    def source_with_code(self, definition: Definition, program: Program) -> tuple[dict[str, Any], list[Put]]:
        """See Submitting."""
        from penstock.app.changes import CODE, Codebook

        if self._codebook is None:
            self._codebook = Codebook()
        digest, puts = self._codebook.digest(program)
        source = source_of(definition)
        return ({**source, CODE: digest} if digest else source), puts

    def started_event(
        self,
        definition: Definition,
        program: Program,
        inputs: Any,
        tags: Mapping[str, str] | None,
        timeout: float | None,
    ) -> tuple[e.RunStarted, Sequence[Put]]:
        """The first event of a run that begins here, and what keeps its code where that is new to this engine."""
        limit = timeout if timeout is not None else program.timeout
        deadline = None if limit is None else self.clock.now() + limit
        context = current()
        if context is not None:  # what a step starts has to be done when the step's own run has to be
            deadline = sooner(deadline, context.deadline)
        said = dict(tags) if tags else {}
        if not self.journal.durable:
            return e.RunStarted(program.name, "", inputs, 1, deadline, {}, said), ()
        source, puts = self.source_with_code(definition, program)
        name, version = program.name, program.version
        return e.RunStarted(name, version, inputs, 1, deadline, source, said, owner=self.owner), puts

    def changes(self, run_id: str, definition: Definition | None = None) -> list[StepChange]:
        """The steps whose code, or what they are given, is not as it was when an unfinished or failed run began.

        Empty where that was not recorded, or the run is over. `definition` is its code, where it is not found as recorded.
        """
        store = self.durable_store()
        row = store.get("runs", [run_id]).get(run_id)
        if row is None or row["status"] not in ("running", "paused", "failed"):
            return []
        ((_, _, started),) = read_page(store, self.codec, run_id, 0, 1)
        assert isinstance(started, e.RunStarted)
        from penstock.app.changes import CODE, changes_since

        if not started.source.get(CODE):
            return []
        return changes_since(store, started, self._code_of(started, definition).as_program())

    def begin_anew(self, run_id: str, definition: Definition | None = None) -> str:
        """The id of a new run that reuses of this one what did not change and does not depend on a change.

        Nobody drives it yet; this one, if it was under way, is paused. Raises CommandRefused if somebody drives it.
        """
        from penstock.app.changes import begin_anew

        ((_, _, started),) = read_page(self.durable_store(), self.codec, run_id, 0, 1)
        assert isinstance(started, e.RunStarted)
        return begin_anew(self, run_id, self._code_of(started, definition), self.changes(run_id, definition))

    def _code_of(self, started: e.RunStarted, definition: Definition | None) -> Definition:
        from penstock.catalogue import reload

        return definition or reload(started.source, started.workflow)

    def minded(
        self, run_id: str, definition: Definition | None, on_change: OnChange | None
    ) -> tuple[str, list[StepChange]]:
        """The run to go on with, this one or a new one, and what has changed of this one. Raises CodeChanged."""
        try:
            changes = [] if self._is_driven(run_id) else self.changes(run_id, definition)
        except (DefinitionError, RunNotFound):  # whether its code is needed at all is not yet known
            changes = []
        if not changes:
            return run_id, []
        from penstock.app.changes import choice, refusal

        ((_, _, started),) = read_page(self.durable_store(), self.codec, run_id, 0, 1)
        assert isinstance(started, e.RunStarted)
        chosen = choice(on_change, self._code_of(started, definition))
        if chosen == "refuse":
            raise refusal(run_id, changes)
        if chosen == "new_run":
            return self.begin_anew(run_id, definition), []
        return run_id, changes

    def _is_driven(self, run_id: str) -> bool:
        """Whether a process has a run that is not known to be gone: it goes on there, with the code that is there."""
        store = self.durable_store()
        row = store.get("runs", [run_id]).get(run_id)
        leased = row is not None and row["state"] == "leased" and (row["due"] or 0.0) > store.now()
        return leased and not is_gone(row["owner"])  # type: ignore[index]

    def say_changes(self, run: Any, changes: list[StepChange]) -> None:
        """In the log of a run that goes on with other code, and in Python's."""
        import logging

        from penstock.app.changes import CHANGED, told

        held = self.holdings.get(run.id)
        if held is not None:
            held.driver.post_or_call(held.note, CHANGED, None, told(changes))
        said = ", ".join(map(str, changes))
        logging.getLogger("penstock").warning("run %s goes on with other code: %s", run.id, said)
