"""Commands to runs: to the driver in this process, or into the inbox of a run that another process drives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.app.reading import Reading
from penstock.errors import CommandRefused, SettingsError
from penstock.model.changes import Change, Letter
from penstock.model.child import PARENT_PAUSED
from penstock.model.texts import is_writable, writable
from penstock.model.wording import shown

if TYPE_CHECKING:
    from penstock.app.parts import Held
    from penstock.engine.driver import Driver
    from penstock.model.state import Run


class Commanding(Reading):
    """The part of an engine that asks something of runs."""

    def command(self, run_id: str, kind: str, reason: str = "") -> None:
        """Cancel, pause or resume a run, wherever it is driven. Raises CommandRefused where its state does not allow it."""
        reason = writable(reason)
        held = self.holdings.get(run_id)
        status = held.state.status if held is not None else self.status_of(run_id)
        _allow(run_id, kind, status)
        if held is not None:
            held.driver.hurry(held.driver.obey, held.state, kind, reason)
            if kind == "cancel":
                held.driver.warn(held.state)
            else:
                self._pass_down(run_id, kind)
        else:
            self._send(run_id, Letter(0, self.clock.now(), kind, "", reason, self.owner))

    def _pass_down(self, run_id: str, kind: str) -> None:
        """Pause, or resume, at once what is driven here and is a step of a run, or of such a step."""
        children: dict[str | None, list[Held]] = {}
        for held in self.holdings.all():
            children.setdefault(held.state.parent, []).append(held)
        below = [*children.get(run_id, ())]
        for held in below:
            held.driver.hurry(as_parent, held.driver, held.state, kind)
            below += children.get(held.state.id, ())

    def signal(self, run_id: str, name: str, value: Any, *, key: str | None = None) -> None:
        """Send a message into a run. Raises CommandRefused if it has finished."""
        if not is_writable(name) or not is_writable(key or ""):
            raise SettingsError(
                f"a signal to run {run_id}: its name {shown(name)} and key {shown(key)} must be text that UTF-8 can hold"
            )
        held = self.holdings.get(run_id)
        _allow(run_id, "signal", held.state.status if held is not None else self.status_of(run_id))
        if held is not None and self.store is None:
            held.driver.post(held.driver.signalled, held.state, name, value, key)
            return
        letter = Letter(0, self.clock.now(), "signal", name, self.codec.encode(value), self.owner, key)
        early = held is not None and not self.durable_store().get("runs", [run_id])
        self._send(run_id, letter)
        if early and held is not None:  # no bell rang: the store did not know yet whose it is
            letters = self.durable_store().inbox(run_id, held.state.letters)
            held.driver.hurry(held.driver.take, held.state, letters, self.codec)

    def _send(self, run_id: str, letter: Letter) -> None:
        from penstock.app.orphans import settle_orphan

        self.durable_store().commit([Change(run=run_id, letters=[letter])])
        settle_orphan(self, run_id, letter)


def as_parent(driver: Driver, run: Run, kind: str) -> None:
    """On a driver's thread: have a run paused because its parent is, or end such a pause."""
    if kind == "pause" and run.status == "running":
        driver.obey(run, kind, PARENT_PAUSED)
    elif kind == "resume" and run.status == "paused" and run.paused == PARENT_PAUSED:
        driver.obey(run, kind, "")


_COMMANDS: dict[str, frozenset[str]] = {
    "cancel": frozenset({"pending", "running", "paused"}),
    "pause": frozenset({"pending", "running"}),
    "resume": frozenset({"paused"}),
    "signal": frozenset({"pending", "running", "paused"}),
}


def _allow(run_id: str, kind: str, status: str) -> None:
    if status not in _COMMANDS[kind]:
        raise CommandRefused(
            f"run {run_id} is {status}: {kind} works on a run that is {' or '.join(sorted(_COMMANDS[kind]))}"
        )
