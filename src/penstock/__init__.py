"""Penstock: durable workflows for Python. Names are loaded when they are first used."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs 10 ms at every start, of workers too
if TYPE_CHECKING:
    from typing import Any

    from penstock.app import Engine, Run, close_all
    from penstock.app import open_engine as open
    from penstock.context import Context, context, resource
    from penstock.errors import Cancelled, PenstockError, Retry, RunCancelled, RunFailed
    from penstock.tasks import Cache, Limit, RetryPolicy, Task, Workflow, task

__version__ = "0.1.0"

_NAMES = {
    "Cache": "penstock.tasks",
    "Cancelled": "penstock.errors",
    "Context": "penstock.context",
    "Engine": "penstock.app",
    "Limit": "penstock.tasks",
    "PenstockError": "penstock.errors",
    "Retry": "penstock.errors",
    "RetryPolicy": "penstock.tasks",
    "Run": "penstock.app",
    "RunCancelled": "penstock.errors",
    "RunFailed": "penstock.errors",
    "Task": "penstock.tasks",
    "Workflow": "penstock.tasks",
    "close_all": "penstock.app",
    "context": "penstock.context",
    "open": "penstock.app:open_engine",
    "resource": "penstock.context",
    "task": "penstock.tasks",
}

__all__ = [
    "Cache",
    "Cancelled",
    "Context",
    "Engine",
    "Limit",
    "PenstockError",
    "Retry",
    "RetryPolicy",
    "Run",
    "RunCancelled",
    "RunFailed",
    "Task",
    "Workflow",
    "close_all",
    "context",
    "open",
    "resource",
    "task",
]


def __getattr__(name: str) -> Any:
    place = _NAMES.get(name)
    if place is None:
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    from importlib import import_module

    module, _, attribute = place.partition(":")
    found = import_module(module)
    value = globals()[name] = found if name == "context" else getattr(found, attribute or name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
