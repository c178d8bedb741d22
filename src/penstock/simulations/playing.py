"""The body of a simulation's one step: a workflow's code, played to its end in a process of its own.

What it publishes, and every second what was measured so far, are noted in the run's log while it goes on; so they are
there however it ends. A note carries the number of its attempt.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from penstock.context import Context, context, in_worker
from penstock.model.published import PUBLISHED, packed
from penstock.simulations.assembling import assembled, executed
from penstock.simulations.confining import room
from penstock.simulations.kernel import SLICE, Clockwork, environment
from penstock.simulations.messages import MEASURED
from penstock.simulations.records import now
from penstock.simulations.source import CLASS
from penstock.simulations.station import MANY, Station

MEASURE_SECONDS = 1.0
"""How often figures are noted while it goes on."""


def simulate(order: Mapping[str, Any]) -> dict[str, Any]:
    """Play a workflow as ordered, and return its figures. See `simulation.order_of` for what an order holds."""
    here = context()
    began, began_at = time.monotonic(), now()
    parameters, realtime = order["parameters"], order.get("realtime")
    station = Station(
        order["execution_id"],
        here.run,
        parameters,
        lambda messages: _note(here, PUBLISHED, tables=packed(messages)),
        namespace=namespace_of(order["config"], parameters),
        seed=order["seed"],
        many=MANY if realtime is None else 1,
    )
    random.seed(order["seed"])
    env = station.env = environment(realtime)
    clockwork = Clockwork(env, order["limits"]["events"])
    noted = began

    def figures() -> dict[str, Any]:
        wall = time.monotonic() - began
        return station.measures.figures(env.now, since=0, wall=wall, events=clockwork.events)

    def between() -> None:
        nonlocal noted
        station.flush()
        if time.monotonic() - noted > MEASURE_SECONDS:
            noted = time.monotonic()
            _note(here, MEASURED, metrics=figures())

    _note(here, MEASURED, metrics=figures(), began=began_at)
    try:
        with room(order["limits"]["memory_mb"] if in_worker() else None):
            found = executed(order["code"], place_of(order))
            executor = assembled(
                found[CLASS],
                parameters=parameters,
                config=order["config"],
                runner=station,
                execution_id=order["execution_id"],
            )
            clockwork.play(executor.execute(env), between, SLICE if realtime is None else 1)
    finally:
        station.flush()
        _note(here, MEASURED, metrics=figures())
    return figures()


def place_of(order: Mapping[str, Any]) -> str:
    """What tracebacks call an execution's code."""
    return f"<{order['workflow']} {order['version']}>"


def namespace_of(config: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """The namespace of messages: as the configuration's `[testbed]` says, else a parameter, else ours."""
    testbed = config.get("testbed")
    said = testbed.get("namespace") if isinstance(testbed, Mapping) else None
    return str(said or parameters.get("namespace") or "penstock")


def _note(here: Context, topic: str, **data: Any) -> None:
    if here.report is not None:
        here.report(here, "note", (topic, {"attempt": here.attempt, **data}))
