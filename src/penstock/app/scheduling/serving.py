"""`penstock serve --schedules`: fires what is due until it is told to stop, and does nothing else."""

from __future__ import annotations

import logging
import select
import threading
from contextlib import closing, suppress
from typing import Any, Final

from penstock.app.parts import Parts
from penstock.app.scheduling.firing import Firer
from penstock.app.scheduling.shelf import TOPIC
from penstock.errors import StoreError

LOOK_SECONDS: Final = 1.0
"""A bell may be lost, and the wall's clock be set."""

_log = logging.getLogger("penstock.schedules")


class Serving:
    """Fires the schedules of an engine's store."""

    def __init__(self, engine: Parts) -> None:
        self._store = engine.durable_store()
        self._firer = Firer(engine)
        self._topic = f"serving:{engine.owner}"
        self._stopping = threading.Event()

    @property
    def fired(self) -> int:
        """How many runs this process made."""
        return self._firer.fired

    def stop(self) -> None:
        """From any thread: have `serve` return."""
        self._stopping.set()
        with suppress(StoreError):  # the engine is closing
            self._store.ring([self._topic])

    def serve(self) -> None:
        """Fire what is due until `stop`."""
        with closing(self._store.watch([TOPIC, self._topic])) as bell:
            while not self._stopping.is_set():
                self._round()
                _listen(bell, self._firer.seconds_to_wait(LOOK_SECONDS))

    def _round(self) -> None:
        try:
            if self._firer.is_due:
                self._firer.fire()
            else:
                self._firer.look()
        except StoreError as error:
            _log.warning("no schedule could be looked at: %s", error)


def _listen(bell: Any, seconds: float) -> None:
    if select.select([bell], [], [], seconds)[0]:
        bell.drain()
