"""The front door of typed processes: units of work with declared inputs and outputs, and orchestrations of them."""

from penstock.lazily import offered

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

__getattr__ = offered(
    __name__,
    {
        "AtomarProcess": ".atomic",
        "AtomicProcess": ".atomic",
        "InputParameter": ".parameters",
        "OrchestratedProcess": ".orchestrated",
        "OutputParameter": ".parameters",
        "Parameter": ".parameters",
        "ParameterSet": ".sets",
        "Process": ".process",
        "ProcessExecutionError": "penstock.errors",
        "ProcessExecutionFlags": ".flags",
        "ProcessStatus": ".flags",
        "WorkflowProcess": ".embedding",
    },
)
