"""sWFME's name for processes: see penstock.processes."""

from penstock import processes
from penstock.processes import ProcessExecutionError, ProcessExecutionFlags, ProcessStatus

__all__ = [
    "AtomarProcess",
    "AtomicProcess",
    "OrchestratedProcess",
    "Process",
    "ProcessExecutionError",
    "ProcessExecutionFlags",
    "ProcessStatus",
]


class Process(processes.Process):
    """See penstock.processes.Process."""

    forgiving = True


class AtomarProcess(Process, processes.AtomarProcess):
    """See penstock.processes.AtomarProcess."""


class OrchestratedProcess(Process, processes.OrchestratedProcess):
    """See penstock.processes.OrchestratedProcess."""


AtomicProcess = AtomarProcess
