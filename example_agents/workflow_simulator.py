"""An agent that plays a workflow in a SimPy environment of its own, and prints what it publishes.

python example_agents/workflow_simulator.py stf_processing --physics-duration-min 1
python example_agents/workflow_simulator.py --config workflows/epic_fast_25_workers.toml
"""

import argparse
import sys
from pathlib import Path

import simpy

from penstock.errors import PenstockError
from penstock.simulations import WorkflowRunner, WorkflowSimulator

__all__ = ["WorkflowSimulator", "main"]

WORKFLOWS = Path(__file__).resolve().parent.parent / "workflows"


def main(arguments: list[str] | None = None) -> int:
    """Simulate one workflow; 2 for what cannot be simulated."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workflow", nargs="?", help="the workflow's name")
    parser.add_argument("--version", help="its version")
    parser.add_argument("--config", help="a TOML file, which goes before what is stored")
    parser.add_argument("--physics-duration-min", type=float, help="how long physics lasts")
    parser.add_argument("--store", help="where executions are kept")
    options = parser.parse_args(arguments)
    if options.workflow is None and options.config is None:
        parser.error("name a workflow, or a configuration with --config")
    minutes = options.physics_duration_min
    overrides = {} if minutes is None else {"physics_duration_min": minutes}
    env = simpy.Environment()
    try:
        runner = WorkflowRunner(options.store, folder=WORKFLOWS, deliver=show)
        simulator = WorkflowSimulator(
            env,
            options.workflow,
            options.version,
            options.config,
            runner=runner,
            parameter_overrides=overrides,
        )
        env.run(env.process(simulator.run_simulation()))
        (execution, *_) = runner.executions.all(limit=1)
    except PenstockError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    figures = execution.performance_metrics or {}
    print(
        f"{execution.execution_id} {execution.status}: {figures['stfs']} STFs in {env.now:g} s of virtual time"
    )
    return 0


def show(messages: list[dict]) -> None:
    """Print messages, a line each."""
    for each in messages:
        message = each["message"]
        print(
            f"{message['simulation_tick']:10.1f}  {message['msg_type']:14}{message.get('filename', '')}".rstrip()
        )


if __name__ == "__main__":
    sys.exit(main())
