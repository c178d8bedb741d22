"""A driver, as those parts of the engine know it that do some of its work on its thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penstock.context import Context
from penstock.engine.asking import Asker
from penstock.engine.host import Host
from penstock.engine.journal import Journal
from penstock.engine.lanes import Batch
from penstock.engine.limits import Limits
from penstock.model.failure import Failure
from penstock.model.state import Run, Step
from penstock.ports import Job


class Driven(Asker, Protocol):
    """See engine.driver.Driver, of which these are parts."""

    host: Host
    journal: Journal
    now: Callable[[], float]
    here: tuple[Step, Context] | None
    sent: int
    limits: Limits | None
    token_at: float | None

    def refuse(self, step: Step, message: str) -> None:
        """Have a step that is ready fail, saying so."""

    def job(self, step: Step) -> Job:
        """A step's code with what it runs with."""

    def applied(self, batch: Batch, refused: list[Run] | BaseException) -> None:
        """A batch is durable: do what it made legal."""

    def attempt_failed(self, step: Step, failure: Failure, context: Context) -> None:
        """An attempt has failed."""
