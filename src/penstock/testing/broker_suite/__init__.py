"""The suite every broker inherits: what the port's docstrings say, one sentence a test.

    from penstock.testing import BrokerSuite

    class TestMyBroker(BrokerSuite):
        def make_broker(self, folder):
            return MyBroker(...)

        def received(self, broker, count):
            return [...]  # the messages that arrived, once there are `count` of them

        def make_away(self, folder, room):
            return MyBroker(...)  # which reaches nobody, and has room for so many messages

        def come_back(self, broker):
            ...  # now it reaches somebody

One that keeps nothing while nobody can be reached says `keeps = False`. Each part can be inherited alone. Where the port
leaves a choice, the suite has made it:

- what arrives may bear more headers than were sent, never fewer;
- text that holds NUL is refused, since not every protocol can carry it as text;
- a message that gave way to another counts as dropped though its own `send` returned True;
- a broker that nobody sent anything to may or may not be connected.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in ("delivery", "ends", "harness", "room")))

from penstock.testing.broker_suite.delivery import DeliveryPart  # noqa: E402 - after the line that has asserts explained
from penstock.testing.broker_suite.ends import EndPart  # noqa: E402
from penstock.testing.broker_suite.harness import BrokerPart  # noqa: E402
from penstock.testing.broker_suite.room import RoomPart  # noqa: E402

__all__ = ["BrokerPart", "BrokerSuite", "DeliveryPart", "EndPart", "RoomPart"]


class BrokerSuite(DeliveryPart, RoomPart, EndPart):
    """Everything a broker promises."""
