"""sWFME's name for the registry of processes: see penstock.processes.registry."""

from penstock.processes.registry import ProcessRegistry, process_registry

__all__ = ["ProcessRegistry", "process_registry"]
