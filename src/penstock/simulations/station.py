"""What a workflow's code is given as its runner: a logger, a way to publish, a pool of workers. All it does is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

from penstock.codecs import JsonCodec
from penstock.simulations.measures import Measures
from penstock.simulations.messages import DESTINATION, FIELDS, FRAME, STATES, complete
from penstock.simulations.pool import Pool

if TYPE_CHECKING:
    import logging

MANY = 200
PATIENCE_SECONDS = 0.2
"""Messages are handed on when there are so many, or after so long."""

ATOMS = frozenset({str, int, float, bool})
"""Values of these very types can always be stored."""

Deliver = Callable[[list[dict[str, Any]]], object]


class Station:
    """The runner as an executor of one execution sees it. `env` is known once the execution has begun.

    Messages of a kind `stf_gen` go to `activemq_streams` lanes in turn, all others to the first: `stream` is a message's lane
    and `stream_sequence` its place in there, from 1 without a hole. `deliver` is handed messages in order.
    """

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        execution_id: str,
        run_id: str,
        parameters: Mapping[str, Any],
        deliver: Deliver,
        *,
        namespace: str = "penstock",
        seed: int = 0,
        many: int = MANY,
    ) -> None:
        self.execution_id = execution_id
        self.run_id = run_id
        self.parameters = parameters
        self.namespace = namespace
        self.measures = Measures()
        self._always = {
            **dict.fromkeys(FIELDS),
            "msg_type": "message",
            "namespace": namespace,
            "execution_id": execution_id,
            "run_id": run_id,
        }
        self._codec = JsonCodec()
        self.chance = Random(seed)
        self.env: Any = None
        self._deliver = deliver
        self._many = many
        self._waiting: list[dict[str, Any]] = []
        self._delivered = time.monotonic()
        self._lanes = [0] * max(1, int(parameters.get("activemq_streams", 1)))
        self._turn = 0
        self._moment = 0
        self._stamp = ""

    @property
    def logger(self) -> logging.Logger:
        """Where a workflow's code logs; what it says is kept with its run."""
        from penstock.context.capture import step_logger

        return step_logger()

    def publish(self, msg_type: str, **fields: Any) -> dict[str, Any]:
        """Publish a message of that kind, with these fields and those that every message has. The message."""
        return self.send_message(DESTINATION, {"msg_type": msg_type, **fields})

    def send_message(self, destination: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Publish a message to a destination; fields that it lacks are filled in. The message as it is sent."""
        message = message if type(message) is dict else dict(message)
        if not ATOMS.issuperset(map(type, message.values())):
            message = {name: value for name, value in message.items() if value is not None}
            self._codec.encode(message)  # what cannot be stored is refused here, where its author sees it
        whole = complete(message, self._always, self._timestamp(), 0 if self.env is None else self.env.now)
        kind = whole["msg_type"]
        if type(kind) is not str:
            kind = whole["msg_type"] = str(kind)
        whole["stream"], whole["stream_sequence"] = self._lane(kind)
        self.measures.messages[kind] += 1
        each: dict[str, Any] = {"destination": destination, "message": whole}
        if kind != FRAME and kind in STATES:
            each["promised"] = True
        self._waiting.append(each)
        if len(self._waiting) >= self._many or time.monotonic() - self._delivered > PATIENCE_SECONDS:
            self.flush()
        return whole

    def pool(self, env: Any, parameters: Mapping[str, Any] | None = None) -> Pool:
        """A pool of workers as the parameters say. See Pool."""
        return Pool(env, self.parameters if parameters is None else parameters, self.measures, self.chance)

    def flush(self) -> None:
        """Hand on what was published."""
        self._delivered = time.monotonic()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._deliver(waiting)

    def _lane(self, kind: str) -> tuple[int, int]:
        """The lane of the next message of a kind, and its place in there."""
        lane = 0
        if kind == FRAME:
            lane, self._turn = self._turn % len(self._lanes), self._turn + 1
        self._lanes[lane] += 1
        return lane, self._lanes[lane]

    def _timestamp(self) -> str:
        """Wall time, to the millisecond: to write it costs more than all the rest of a short message."""
        moment = int(time.time() * 1000)
        if moment != self._moment:
            self._moment = moment
            self._stamp = datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
        return self._stamp
