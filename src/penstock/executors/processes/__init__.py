"""Runs steps in worker processes: true parallelism, and code that can be stopped. A worker imports only `child` of this."""

from __future__ import annotations

import sys

from penstock.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.executors.processes.executor import ProcessExecutor

__all__ = ["ProcessExecutor"]


def __getattr__(name: str) -> object:
    if name != "ProcessExecutor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if sys.platform != "linux":
        raise SettingsError("executor='processes' needs Linux for now: use executor='threads'")
    from penstock.executors.processes.executor import ProcessExecutor

    return ProcessExecutor
