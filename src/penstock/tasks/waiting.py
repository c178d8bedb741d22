"""Steps of a graph that wait: for a signal, or for a time. They hold no thread, and go on waiting while the process is down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, cast

from penstock.context.places import at
from penstock.errors import DefinitionError
from penstock.model.approval import APPROVAL, Decision, decided
from penstock.model.payload import payload
from penstock.model.program import Sleep, Wait
from penstock.model.wording import shown
from penstock.tasks.node import Trigger
from penstock.tasks.place import Pause, Place, check_place
from penstock.tasks.task import Task

Upstream = str | Task[..., Any] | Iterable[str | Task[..., Any]]
"""What a step depends on: names, tasks, or one of either."""


class Waiting:
    """The part of a workflow that adds steps which wait."""

    def add_signal(  # noqa: PLR0913 - one keyword a power
        self,
        name: str,
        *,
        type: Any = None,
        timeout: float | None = None,
        depends_on: Upstream = (),
        signal: str | None = None,
        optional: bool = False,
        when: Callable[..., bool] | None = None,
        trigger: Trigger = "all_succeeded",
    ) -> str:
        """Add a step that waits for a signal of its name (or that of `signal`); its value is what was sent. Returns its name.

        One that came before the step was reached is taken at once. What does not fit `type` fails the step, as does a wait of
        more than `timeout` seconds; `optional=True` lets the run go on without it. `when` and `trigger` are as in `add_task`.
        """
        with at():
            _check_seconds(name, "timeout", timeout, least=0.001)
            signal = name if signal is None else signal
            if not (signal and isinstance(cast(object, signal), str)):
                raise DefinitionError(
                    f"step {name!r} waits for signal={shown(signal)}: give the signal's name"
                )
            convert = None if type is None else partial(_as_type, signal, type)
            self._pause(
                name, Pause(Wait(name, signal, timeout), type, convert, optional), depends_on, when, trigger
            )
        return name

    def add_approval(
        self,
        name: str = APPROVAL,
        *,
        timeout: float | None = None,
        depends_on: Upstream = (),
        optional: bool = False,
        when: Callable[..., bool] | None = None,
        trigger: Trigger = "all_succeeded",
    ) -> str:
        """Add a step that waits until somebody approves (`penstock approve`). Returns its name; its value is a Decision.

        A rejection fails the step, and so the run; as does a wait of more than `timeout` seconds. With `optional=True` the run
        goes on. `when` and `trigger` are as in `add_task`.
        """
        with at():
            _check_seconds(name, "timeout", timeout, least=0.001)
            pause = Pause(
                Wait(name, name, timeout, approval=True), Decision, partial(decided, name), optional
            )
            self._pause(name, pause, depends_on, when, trigger)
        return name

    def add_sleep(
        self,
        name: str,
        *,
        seconds: float | None = None,
        until: datetime | None = None,
        depends_on: Upstream = (),
        when: Callable[..., bool] | None = None,
        trigger: Trigger = "all_succeeded",
    ) -> str:
        """Add a step that takes `seconds` from when it is reached, or lasts `until` a moment. Returns its name."""
        with at():
            if (seconds is None) == (until is None):
                raise DefinitionError(
                    f"step {name!r} sleeps either `seconds` or `until` a moment: give one of them"
                )
            _check_seconds(name, "seconds", seconds)
            if until is not None and getattr(until, "tzinfo", None) is None:
                raise DefinitionError(
                    f"step {name!r} sleeps until={shown(until)}: give a datetime with a time zone, such as"
                    " datetime(2030, 1, 1, tzinfo=UTC)"
                )
            ask = Sleep(name, seconds, None if until is None else until.timestamp())
            self._pause(name, Pause(ask), depends_on, when, trigger)
        return name

    def _pause(self, name: str, pause: Pause, depends_on: Upstream, when: Any, trigger: Trigger) -> None:
        check_place(trigger, when)
        place = Place(None, None, pause)
        place.when, place.trigger = when, trigger
        self._add(name, place, depends_on)

    def _add(self, name: str, place: Place, depends_on: Any) -> None:
        raise NotImplementedError


def _as_type(signal: str, wanted: Any, value: Any) -> Any:
    return payload(signal, value, wanted)


def _check_seconds(step: str, what: str, seconds: Any, *, least: float = 0.0) -> None:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (number and least <= cast(float, seconds) < 1e12):
        raise DefinitionError(
            f"step {step!r}: {what}={shown(seconds)} must be a number of seconds from {least:g} up"
        )
