"""Commands to runs: to the driver in this process, or into the inbox of a run that another process drives."""

from __future__ import annotations

from typing import Any

from penstock.app.reading import Reading
from penstock.errors import CommandRefused, SettingsError
from penstock.model.changes import Change, Letter
from penstock.model.texts import is_writable, writable
from penstock.model.wording import shown


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
            self._send(run_id, Letter(0, self.clock.now(), kind, "", reason, self.owner))

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
