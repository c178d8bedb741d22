"""sWFME's package of processes and parameters."""

from swfme.core.parameters import InputParameter, OutputParameter, Parameter, ParameterSet
from swfme.core.process import (
    AtomarProcess,
    AtomicProcess,
    OrchestratedProcess,
    Process,
    ProcessExecutionError,
    ProcessExecutionFlags,
    ProcessStatus,
)

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
]
