"""The front door of simulated workflows: parameters in TOML, behaviour in Python, time from SimPy."""

from penstock.lazily import offered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.simulations.configuration import Configuration, read_configuration
    from penstock.simulations.pool import Pool
    from penstock.simulations.records import WorkflowDefinition, WorkflowExecution
    from penstock.simulations.runner import WorkflowRunner, generate_execution_id
    from penstock.simulations.simulation import Limits, Simulation
    from penstock.simulations.simulator import WorkflowSimulator
    from penstock.simulations.station import Station

__all__ = [
    "Configuration",
    "Limits",
    "Pool",
    "Simulation",
    "Station",
    "WorkflowDefinition",
    "WorkflowExecution",
    "WorkflowRunner",
    "WorkflowSimulator",
    "generate_execution_id",
    "read_configuration",
]

__getattr__ = offered(
    __name__,
    {
        "Configuration": ".configuration",
        "Limits": ".simulation",
        "Pool": ".pool",
        "Simulation": ".simulation",
        "Station": ".station",
        "WorkflowDefinition": ".records",
        "WorkflowExecution": ".records",
        "WorkflowRunner": ".runner",
        "WorkflowSimulator": ".simulator",
        "generate_execution_id": ".runner",
        "read_configuration": ".configuration",
    },
)
