"""sWFME's package of the registry."""

from penstock.processes.registry import ProcessRegistry, process_registry

__all__ = ["ProcessRegistry", "process_registry"]
