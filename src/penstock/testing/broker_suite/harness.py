"""What every part of the broker suite stands on: what a backend provides, and the broker under test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from penstock.ports import Broker, Message

PATIENCE_SECONDS = 60.0  # after which what was sent should long have arrived


class BrokerPart:
    """A backend gives `make_broker`, `received`, `make_away` and `come_back`."""

    keeps: ClassVar[bool] = True
    """Whether messages wait while nobody can be reached; else there is no room for them."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """Passwords that `make_broker` used: they may be shown nowhere."""

    def make_broker(self, folder: Path) -> Broker:
        """A broker that can be reached. Of what is sent by it, nothing has arrived yet."""
        raise NotImplementedError

    def received(self, broker: Broker, count: int) -> list[Message]:
        """What arrived since the broker was made, in order, once there are `count` messages or they are overdue."""
        raise NotImplementedError

    def make_away(self, folder: Path, room: int) -> Broker:
        """A broker that cannot be reached, with room for so many messages if it keeps any."""
        raise NotImplementedError

    def come_back(self, broker: Broker) -> None:
        """From now on the broker that `make_away` made can be reached, and `received` knows what arrives."""
        raise NotImplementedError

    @pytest.fixture
    def broker(self, tmp_path: Path) -> Iterator[Broker]:
        broker = self.make_broker(tmp_path)
        yield broker
        broker.close(0)

    @pytest.fixture
    def away(self, tmp_path: Path) -> Iterator[Broker]:
        """A broker with room for four messages that cannot be reached."""
        if not self.keeps:
            pytest.skip("this broker keeps nothing while nobody can be reached")
        broker = self.make_away(tmp_path, 4)
        yield broker
        broker.close(0)

    @pytest.fixture
    def cut_off(self, tmp_path: Path) -> Iterator[Broker]:
        """A broker that keeps nothing and cannot be reached."""
        if self.keeps:
            pytest.skip("this broker keeps messages while nobody can be reached")
        broker = self.make_away(tmp_path, 0)
        yield broker
        broker.close(0)

    def arrived(self, broker: Broker, count: int) -> list[Message]:
        """Exactly so many messages, which have arrived."""
        found = self.received(broker, count)
        assert len(found) == count, found
        return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what should soon be so."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def in_threads(count: int, work: Callable[[int], Any]) -> None:
    """Do it for 0, 1, 2 … at once, and wait for all."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
