"""The front door of typed processes: units of work with declared inputs and outputs, and orchestrations of them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.errors import ProcessExecutionError
    from penstock.processes.atomic import AtomarProcess, AtomicProcess
    from penstock.processes.embedding import WorkflowProcess
    from penstock.processes.flags import ProcessExecutionFlags, ProcessStatus
    from penstock.processes.orchestrated import OrchestratedProcess
    from penstock.processes.parameters import InputParameter, OutputParameter, Parameter
    from penstock.processes.process import Process
    from penstock.processes.sets import ParameterSet

__all__ = [
    "AtomarProcess",
    "AtomicProcess",
    "InputParameter",
    "OrchestratedProcess",
    "OutputParameter",
    "Parameter",
    "ParameterSet",
    "Process",
    "ProcessExecutionError",
    "ProcessExecutionFlags",
    "ProcessStatus",
    "WorkflowProcess",
]

_PLACES = {
    "AtomarProcess": "penstock.processes.atomic",
    "AtomicProcess": "penstock.processes.atomic",
    "InputParameter": "penstock.processes.parameters",
    "OrchestratedProcess": "penstock.processes.orchestrated",
    "OutputParameter": "penstock.processes.parameters",
    "Parameter": "penstock.processes.parameters",
    "ParameterSet": "penstock.processes.sets",
    "Process": "penstock.processes.process",
    "ProcessExecutionError": "penstock.errors",
    "ProcessExecutionFlags": "penstock.processes.flags",
    "ProcessStatus": "penstock.processes.flags",
    "WorkflowProcess": "penstock.processes.embedding",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return value
