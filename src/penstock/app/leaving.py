"""How runs are left unfinished: what is under way is stopped, nothing more is recorded, and others may have them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from penstock.app.parts import Held, Parts
from penstock.engine.journal import DurableJournal
from penstock.errors import RunStopped, StoreError

if TYPE_CHECKING:
    from penstock.engine.driver import Driver

WRITE_SECONDS: Final = 1.0
"""How long what is on its way to the store is waited for."""


def how_to_go_on(run_id: str) -> str:
    return f"run {run_id} was left unfinished; go on: penstock resume {run_id}"


class Leaving(Parts):
    """The part of an engine that lets go of runs."""

    def leave(self, driver: Driver) -> None:
        """The driver's thread is leaving its runs."""
        driver.shut()
        if isinstance(self.journal, DurableJournal):
            self.journal.settle(WRITE_SECONDS)
        for held in self.holdings.all():
            if held.driver is driver:
                self.let_go(held)

    def let_go(self, held: Held) -> None:
        """Drive a run no more, unless another thread lets go of it. `leaving` has it until its lease is given back."""
        run = held.state
        with self.lock:
            if self.holdings.pop(run.id) is None:
                return
            self.leaving.add(run.id)
        run.gone = True
        self.give_back(run.id, run.epoch)
        self.leaving.discard(run.id)
        held.handle.finished(None, RunStopped(how_to_go_on(run.id), run_id=run.id))

    def give_back(self, run_id: str, epoch: int) -> None:
        """End the lease of a run, if it is still ours and the run has not finished; if that cannot be written now, later."""
        if self.store is None:
            return
        from penstock.engine.recovery import give_back

        try:
            give_back(self.store, run_id, epoch, finished=False)
        except StoreError:  # at the latest the lease lapses by itself
            self.owed[run_id] = epoch
        else:
            self.owed.pop(run_id, None)

    def settle_debts(self) -> None:
        """Give back what could not be given back before."""
        for run_id, epoch in list(self.owed.items()):
            self.give_back(run_id, epoch)

    def warn_of_left(self, left: list[Held]) -> None:
        """Say how to go on with runs that nobody waits for any more."""
        if left and self.store is not None:
            import logging

            for held in left:
                logging.getLogger("penstock").warning("%s", how_to_go_on(held.state.id))
