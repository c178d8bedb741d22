"""Runs whose code has changed since they began: what has, and how they go on then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.app.forking import Forking
from penstock.app.logs import raise_unless_known
from penstock.app.owners import is_gone
from penstock.app.starting import sooner
from penstock.catalogue import source_of
from penstock.context import current
from penstock.engine.recovery import read_page
from penstock.errors import DefinitionError, RunNotFound
from penstock.model import events as e
from penstock.model.changes import Change, Put
from penstock.model.program import Definition, OnChange, Program

if TYPE_CHECKING:
    from penstock.app.changes import Codebook, Outlook, StepChange
    from penstock.engine.recovery import Log


class Minded(NamedTuple):
    """The run to go on with; what has changed of it, and what its log is to note of that."""

    run: str
    changes: Sequence[StepChange] = ()
    notes: Sequence[tuple[str, Any]] = ()


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
        event = e.RunStarted(
            name, version, inputs, 1, deadline, source, said, owner=self.owner, timeout=timeout
        )
        return event, puts

    def changes(self, run_id: str, definition: Definition | None = None) -> list[StepChange]:
        """The steps whose code, or what they are given, is not as it was when an unfinished or failed run began.

        Empty where that was not recorded, or the run is over. `definition` is its code, where it is not found as recorded.
        """
        store = self.durable_store()
        row = store.get("runs", [run_id]).get(run_id)
        if row is None or row["status"] not in ("running", "paused", "failed"):
            return []
        from penstock.app.changes import changes_since

        started, began = self._beginning_of(run_id)
        return changes_since(store, began, self._code_of(started, definition).as_program()) if began else []

    def _beginning_of(self, run_id: str) -> tuple[e.RunStarted, str]:
        """A run's first event, and the code with which it began; empty if that was not recorded."""
        from penstock.app.changes import UNTIL_BEGUN, codes_in

        log = read_page(self.durable_store(), self.codec, run_id, 0, UNTIL_BEGUN)
        if not log:
            raise_unless_known(self, run_id)
        started = log[0][2]
        assert isinstance(started, e.RunStarted)
        return started, codes_in(log).began

    def minded(self, run_id: str, definition: Definition | None, on_change: OnChange | None) -> Minded:
        """The run to go on with, this one or a new one, what has changed of this one, and what its log is to note of it.

        Raises CodeChanged.
        """
        row = self.durable_store().get("runs", [run_id]).get(run_id)
        if row is None or row["status"] in ("completed", "cancelled") or self._is_driven(row):
            return Minded(run_id)
        from penstock.app.changes import know

        started, began = self._beginning_of(run_id)
        try:
            definition = self._code_of(started, definition)
        except (DefinitionError, RunNotFound):  # whether its code is needed at all is not yet known
            return Minded(run_id)
        if know(definition.as_program()) == began:
            return Minded(run_id)
        self.learn(definition)
        outlook = self.outlook(run_id, self.events_of(run_id), row["status"], definition, on_change)
        if outlook.chosen == "new_run":
            return Minded(self.begin_anew(run_id, definition, outlook.changes))
        return Minded(run_id, outlook.changes, outlook.notes)

    def outlook(
        self, run_id: str, log: Log, status: str, definition: Definition, on_change: OnChange | None = None
    ) -> Outlook:
        """How a run of that status is to go on with that code. Raises CodeChanged if it is not to."""
        from penstock.app.changes import check_goes_on, weigh

        store = self.durable_store()
        outlook = weigh(store, log, definition, on_change, pending=status == "pending")
        check_goes_on(run_id, outlook, log[0][2].parent)  # type: ignore[union-attr]  # it is RunStarted
        if outlook.notes:
            _, puts = self.source_with_code(definition, definition.as_program())
            store.commit([Change(puts=puts)])
        return outlook

    def begin_anew(
        self, run_id: str, definition: Definition, changes: Iterable[StepChange], **how: Any
    ) -> str:
        """See anew.begin_anew."""
        from penstock.app.anew import begin_anew

        return begin_anew(self, run_id, definition, changes, **how)

    def _code_of(self, started: e.RunStarted, definition: Definition | None) -> Definition:
        from penstock.catalogue import reload

        return definition or reload(started.source, started.workflow)

    def _is_driven(self, row: Mapping[str, Any]) -> bool:
        """Whether a process has a run that is not known to be gone: it goes on there, with the code that is there."""
        leased = row["state"] == "leased" and (row["due"] or 0.0) > self.durable_store().now()
        return leased and not is_gone(row["owner"])

    def say_changes(self, run_id: str, changes: Iterable[StepChange]) -> None:
        """In Python's log, of a run that goes on with other code."""
        import logging

        said = ", ".join(map(str, changes))
        logging.getLogger("penstock").warning("run %s goes on with other code: %s", run_id, said)
