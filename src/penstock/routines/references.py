"""How code is named in what is written, and found again: only in modules that the reader allows."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from penstock.errors import DefinitionError, InputError
from penstock.routines.unit import Routine


def reference_of(thing: Any) -> str:
    """`module:qualified.name` of a function or a class. Raises DefinitionError for what has no such name."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if not module or not name or "<" in name:
        raise DefinitionError(
            f"{thing!r} cannot be found by its name in another process: define it at the top of a module"
        )
    return f"{module}:{name}"


def resolve(reference: str, allowed: Collection[str]) -> Any:
    """The function or class of that name. Raises InputError where its module is not allowed, or holds none."""
    module, _, name = reference.partition(":")
    if module not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        raise InputError(f"{reference!r} is not from an allowed module ({known}): say allow=[{module!r}]")
    found: Any = sys.modules.get(module) or import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise InputError(f"module {module!r} holds no {name!r} any more")
    return found


def class_info(cls: type) -> dict[str, str]:
    """What tells of a class."""
    reference = reference_of(cls)
    module, _, name = reference.partition(":")
    return {"module": module, "class_name": name}


def load_routine_class(info: dict[str, Any], allowed: Collection[str]) -> type[Routine]:
    """The class that `class_info` told of. Raises InputError for one that is no Routine."""
    found = resolve(f"{info['module']}:{info['class_name']}", allowed)
    if not (isinstance(found, type) and issubclass(found, Routine)):
        raise InputError(
            f"{info['module']}.{info['class_name']} is no subclass of Routine: it is not restored"
        )
    return found


def exception_reference(cls: type[BaseException]) -> str:
    """The name of an exception class; one of Python's own without its module."""
    return cls.__name__ if getattr(builtins, cls.__name__, None) is cls else reference_of(cls)


def resolve_exception(reference: str, allowed: Collection[str]) -> type[BaseException]:
    """The exception class of that name. Raises InputError for what is none."""
    found = resolve(reference, allowed) if ":" in reference else getattr(builtins, reference, None)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise InputError(f"{reference!r} is no exception class")
    return found


def merge_reference(strategy: str | Callable[..., Any]) -> Any:
    """A merge strategy as it is written: its name, or where its function is."""
    return strategy if isinstance(strategy, str) else {"callable": reference_of(strategy)}


def resolve_merge(told: Any, allowed: Collection[str]) -> Any:
    """See merge_reference."""
    return told if isinstance(told, str) else resolve(told["callable"], allowed)
