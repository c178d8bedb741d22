"""A step's exception as its function sees it: made again from what the log keeps, in the first life as in every later one.

Were the exception itself raised while it is at hand, a function could find in it what no replay can give. What is made again is
of the same class where that is loaded and can be made of its message; else it is a StepFailed that is also of the nearest class
that is known, so that `except` clauses catch it all the same.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from penstock.errors import StepFailed
from penstock.model.failure import Failure


class Origin(NamedTuple):
    """The step that an exception came from: its key in the scope, and how it failed."""

    key: str
    failure: Failure


_MARK = "__penstock_origin__"


def rebuilt(key: str, failure: Failure, home: Mapping[str, Any]) -> Exception:
    """The exception to raise where a step is awaited that failed. `home` are the names its function knows."""
    made = _of_its_class(failure, home) or _of_nearest_class(failure, home)
    setattr(made, _MARK, Origin(key, failure))
    return made


def origin_of(error: BaseException) -> Origin | None:
    """The step that an exception came from, if it is one that was made again."""
    origin: Origin | None = getattr(error, _MARK, None)
    return origin


def origin_below(error: BaseException) -> Origin | None:
    """The step whose failure led to an exception, if one did."""
    seen: set[int] = set()
    below: BaseException | None = error
    while below is not None and id(below) not in seen:
        seen.add(id(below))
        if (origin := origin_of(below)) is not None:
            return origin
        below = below.__cause__ or below.__context__
    return None


def _of_its_class(failure: Failure, home: Mapping[str, Any]) -> Exception | None:
    cls = _class(failure.type, home)
    if cls is None:
        return None
    try:
        made = cls(*_arguments(cls, failure.message))
        fits = type(made) is cls and str(made) == failure.message and hasattr(made, "__dict__")
    except Exception:  # a constructor of theirs may raise anything: then another exception tells of it
        return None
    return made if fits else None


def _arguments(cls: type[Exception], message: str) -> list[Any]:
    """What to make an exception of; a KeyError shows its key as Python writes it."""
    if issubclass(cls, KeyError) and message[:1] in ("'", '"'):
        return [ast.literal_eval(message)]
    return [message] if message else []


def _of_nearest_class(failure: Failure, home: Mapping[str, Any]) -> Exception:
    message = f"step {failure.step!r} failed: {failure}"
    for name in (failure.type, *failure.bases):
        cls = _class(name, home)
        if cls is None or cls is Exception:
            continue
        if (made := _also_of(cls, message)) is not None:
            made.step = failure.step
            return made
    return StepFailed(message, step=failure.step)


def _also_of(cls: type[Exception], message: str) -> StepFailed | None:
    try:
        kind: type[StepFailed] = type("StepFailed", (StepFailed, cls), {})
        return kind.__new__(kind, message)  # it may need more than a message to be made as its author meant
    except TypeError:  # two classes that cannot be one
        return None


def _class(name: str, home: Mapping[str, Any]) -> type[Exception] | None:
    """The exception class of that name, if it is loaded; nothing is imported.

    A script is `__main__` where it is run, and has a name of its own where its runs are resumed.
    """
    module, _, qualname = name.rpartition(".")
    while module and module not in sys.modules:
        module, _, outer = module.rpartition(".")
        qualname = f"{outer}.{qualname}" if outer else qualname
    known = vars(sys.modules[module or "builtins"])
    places = (home, known) if module in ("", "__main__") else (known, home)
    return _found(qualname, places[0]) or _found(qualname, places[1]) or _found(name.rpartition(".")[2], home)


def _found(qualname: str, names: Mapping[str, Any]) -> type[Exception] | None:
    first, *rest = qualname.split(".")
    found: Any = names.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None
