"""The program of a simulation under every fault: crashes, takeovers, lost replies, slow disks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import simpy

from penstock.model.policies import Policy
from penstock.simulations.kernel import Clockwork
from penstock.simulations.program import SimulationProgram
from penstock.testing.program_suite import Example, ProgramSuite


def wait(order: Mapping[str, Any]) -> float:
    """A simulation whose code is how often it waits."""
    env = simpy.Environment()

    def workflow() -> Any:
        for _ in range(int(order["code"])):
            yield env.timeout(order["seconds"])

    Clockwork(env).play(workflow(), between=lambda: None)
    return float(env.now)


def fall(order: Mapping[str, Any]) -> float:
    raise ValueError(order["code"])


class TestSimulationProgram(ProgramSuite):
    seeds = 10

    def examples(self) -> Mapping[str, Example]:
        return {
            "waits": Example(
                SimulationProgram("w", "1", wait, Policy()), {"code": "3", "seconds": 2.5}, value=7.5
            ),
            "falls": Example(
                SimulationProgram("f", "1", fall, Policy()), {"code": "no beam"}, failed_step="simulate"
            ),
        }
