"""The front door of simulated workflows: parameters in TOML, behaviour in Python, time from SimPy."""

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

_LAZY = {
    "Configuration": "configuration",
    "Limits": "simulation",
    "Pool": "pool",
    "Simulation": "simulation",
    "Station": "station",
    "WorkflowDefinition": "records",
    "WorkflowExecution": "records",
    "WorkflowRunner": "runner",
    "WorkflowSimulator": "simulator",
    "generate_execution_id": "runner",
    "read_configuration": "configuration",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    return value
