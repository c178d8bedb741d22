"""What becomes of a run that a worker has claimed: it goes on with the code at hand, goes on as a new run, or is over."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from penstock.app.changes import Outlook, know
from penstock.app.engine import Engine
from penstock.app.forks import Place
from penstock.app.logs import read_events, read_start
from penstock.app.recovery import check_same
from penstock.catalogue import reload
from penstock.engine.recovery import Log, Recovered, give_back, take_up
from penstock.errors import CodeChanged, DefinitionError, PenstockError
from penstock.model import events as e
from penstock.model.program import Definition
from penstock.model.states import FINISHED
from penstock.ports import Claim

_PROGRESS: Final = (e.StepDone, e.RunStarted, e.Resumed, e.RunReopened, e.Signalled)
_log = logging.getLogger("penstock.worker")


class Taken(NamedTuple):
    """A run to be driven: with which code, how often it was taken over with nothing done since, and what its log is to note."""

    recovered: Recovered
    definition: Definition
    takeovers: int
    notes: Sequence[tuple[str, Any]]


class Uptake:
    """Reads the logs of runs that one worker claims. `definitions` are at hand; other code is where runs recorded it."""

    def __init__(self, engine: Engine, definitions: Iterable[Definition]) -> None:
        self._engine = engine
        self._definitions = {each.as_program().name: each for each in definitions}

    def learn_code(self) -> None:
        """Read the code that is at hand, before its files change."""
        for definition in self._definitions.values():
            know(definition.as_program())

    def take_up(self, claim: Claim) -> Taken | None:
        """A run as its log tells it; None if it is not to be driven here, and the lease was given back.

        Raises LeaseLost, and another PenstockError where it is not to go on here.
        """
        definition = self._definition_of(read_start(self._engine, claim.id))
        log = read_events(self._engine, claim.id)  # now that the codec knows its classes
        outlook = self._outlook(claim, log, definition)
        if outlook.chosen == "new_run":
            self._begin_anew(claim, definition, outlook)
            return None
        recovered = take_up(log, claim.id, definition.as_program(), claim.epoch, reopen=False)
        if recovered is None:
            store = self._engine.durable_store()
            give_back(store, claim.id, claim.epoch, finished=True, length=log[-1][0])
            return None
        if outlook.changes:
            self._engine.say_changes(claim.id, outlook.changes)
        return Taken(recovered, definition, takeovers_in(event for _, _, event in log), outlook.notes)

    def _definition_of(self, started: e.RunStarted) -> Definition:
        definition = self._definitions.get(started.workflow)
        if definition is None:
            definition = self._definitions[started.workflow] = _loaded(started)
            know(definition.as_program())
        self._engine.learn(definition)
        return definition

    def _outlook(self, claim: Claim, log: Log, definition: Definition) -> Outlook:
        """How a run goes on with the code at hand, as `resume` has it. Raises CodeChanged."""
        status = claim.data["status"]
        if status in FINISHED:
            return Outlook()
        outlook = self._engine.outlook(claim.id, log, status, definition)
        if outlook.chosen == "new_run" and status == "paused":
            raise CodeChanged(
                f"run {claim.id} is paused, and its code has changed: whoever resumes it has it go on in a new run"
            )
        if outlook.chosen == "continue":
            check_same(claim.id, log, definition.as_program())
        return outlook

    def _begin_anew(self, claim: Claim, definition: Definition, outlook: Outlook) -> None:
        """Have the run go on in a new one, which waits in its queue."""
        place = Place(claim.data["queue"])
        fresh = self._engine.begin_anew(claim.id, definition, outlook.changes, epoch=claim.epoch, place=place)
        said = ", ".join(map(str, outlook.changes))
        _log.warning("run %s goes on as run %s, for its code has changed: %s", claim.id, fresh, said)


def _loaded(started: e.RunStarted) -> Definition:
    """The code of a run from where it recorded it. Raises DefinitionError for whatever the code itself raises."""
    try:
        return reload(started.source, started.workflow)
    except PenstockError:
        raise
    except Exception as error:
        raise DefinitionError(
            f"the code of workflow {started.workflow!r} cannot be loaded from {started.source.get('file')}:"
            f" {type(error).__name__}: {error}"
        ) from error


def takeovers_in(events: Iterable[e.Event]) -> int:
    """How often a run was taken over since anything of it was done."""
    count = 0
    for event in events:
        if isinstance(event, e.Owned):
            count += 1
        elif isinstance(event, _PROGRESS):
            count = 0
    return count
