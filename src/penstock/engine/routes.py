"""Which lane a step takes: one for each executor, found by what the step needs."""

from __future__ import annotations

from typing import Any

from penstock.context import is_async
from penstock.engine.core import Core
from penstock.engine.host import Refusal
from penstock.engine.lanes import Lane
from penstock.engine.transactions import Transactions
from penstock.errors import DefinitionError
from penstock.model.machine import Step
from penstock.model.policies import Need
from penstock.ports import Executor

REMEMBERED = 100_000
"""How many functions a driver remembers things about."""


class Routes:
    """The part of a driver that knows its executors."""

    core: Core
    inline: Lane

    def __init__(self) -> None:
        self._lanes: dict[Any, Lane] = {}
        self._routes: dict[Any, Lane] = {}

    def executor_for(self, need: Need) -> Executor | None:
        """The executor of a step; None: the driver's own thread (or loop). Raises DefinitionError for an unknown name."""
        raise NotImplementedError

    def refuse(self, step: Step, message: str) -> None:
        """Have a step that is ready fail, saying so."""
        self.core.turn_away(step, self._lane_of(Refusal(message)))

    def _route(self, step: Step) -> Lane:
        policy = step.policy
        need = (policy.executor, is_async(step.ask.fn), policy.timeout)
        lane = self._routes.get(need)
        if lane is None:
            executor: Executor | None
            try:
                executor = self.executor_for(Need(*need))
            except DefinitionError as error:
                executor = Refusal(str(error))
            lane = self._routes[need] = self.inline if executor is None else self._lane_of(executor)
            if len(self._routes) > REMEMBERED:
                self._routes = {need: lane}
        return lane

    def _lane_of(self, executor: Executor) -> Lane:
        lane = self._lanes.get(executor.name)
        if lane is None:
            slots = executor.slots if executor.slots is not None else 1_000_000
            elsewhere = None if isinstance(executor, Transactions) else executor
            lane = self._lanes[executor.name] = self.core.add_lane(Lane(executor.name, slots, elsewhere))
        return lane
