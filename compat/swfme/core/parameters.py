"""sWFME's name for parameters: see penstock.processes."""

from penstock.processes import InputParameter, OutputParameter, Parameter, ParameterSet

__all__ = ["InputParameter", "OutputParameter", "Parameter", "ParameterSet"]
