"""A definition of a simulated workflow as the engine takes it, and the order that starts one execution of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from penstock.errors import SettingsError
from penstock.model.policies import Policy
from penstock.model.wording import shown
from penstock.simulations.playing import simulate
from penstock.simulations.program import SimulationProgram
from penstock.simulations.records import WorkflowDefinition

HOUR_SECONDS: Final = 3600.0


class Limits(NamedTuple):
    """What one execution may take: wall seconds (None: no limit, as in real time), megabytes of memory, events."""

    seconds: float | None = HOUR_SECONDS
    memory_mb: int | None = 1024
    events: int | None = 100_000_000


class Simulation:
    """A workflow whose code is in the order of each execution, with the limits of its executions.

    `version` is the code's hash. The code runs in a worker process, never in this one.
    """

    def __init__(self, name: str, version: str, limits: Limits | None = None) -> None:
        self.name = name
        self.version = version
        self.limits = limits or Limits()
        check_limits(self.limits)

    @property
    def recorded(self) -> dict[str, Any]:
        """What a run keeps of it, so that any process can make it again."""
        return {
            "made_by": f"{__name__}:{simulation_from.__name__}",
            "hash": self.version,
            "limits": self.limits._asdict(),
        }

    def as_program(self) -> SimulationProgram:
        """See model.program.Definition."""
        policy = Policy(timeout=self.limits.seconds, executor="processes")
        return SimulationProgram(self.name, self.version, simulate, policy)


def simulation_from(source: Mapping[str, Any], workflow: str) -> Simulation:
    """The simulation that a run was started from, from what the run kept of it."""
    return Simulation(workflow, source["hash"], Limits(**source["limits"]))


def order_of(
    definition: WorkflowDefinition,
    limits: Limits,
    parameters: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    seed: int = 0,
    realtime: float | None = None,
) -> dict[str, Any]:
    """The input of a run, but for its `execution_id`.

    `realtime` is wall seconds for each virtual one, None as fast as it goes.
    """
    if realtime is not None and not 0 < realtime < float("inf"):
        raise SettingsError(f"realtime={shown(realtime)} must be wall seconds for each virtual one, above 0")
    return {
        "workflow": definition.workflow_name,
        "version": definition.version,
        "parameters": dict(parameters),
        "config": {section: dict(table) for section, table in config.items()},
        "seed": seed,
        "realtime": realtime,
        "limits": limits._asdict(),
        "code": definition.definition,
    }


def check_limits(limits: Limits) -> None:
    """Raise SettingsError for limits that are none."""
    for name, value in limits._asdict().items():
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise SettingsError(f"the limit {name}={shown(value)} must be a number above 0, or None")
