"""What a durable function's code names: the tasks, workflows and functions that a run of it may come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from penstock.model.calling import Callee
from penstock.model.program import Calls, Definition


def named_in(fn: Callable[..., Any]) -> list[Any]:
    """Every object that the code of a function names, and of the functions of its module that it names in turn."""
    found: dict[int, Any] = {}
    queue: list[Any] = [fn]
    for function in queue:
        for thing in _named(function):
            if id(thing) not in found:
                found[id(thing)] = thing
                if isinstance(thing, FunctionType) and thing.__module__ == fn.__module__:
                    queue.append(thing)
    return list(found.values())


def callees_in(fn: Callable[..., Any]) -> list[Callee]:
    """The tasks among them."""
    return [thing for thing in named_in(fn) if isinstance(thing, Callee) and not isinstance(thing, type)]


def definitions_in(fn: Callable[..., Any]) -> list[Definition]:
    """The workflows among them."""
    return [thing for thing in named_in(fn) if isinstance(thing, Definition) and not isinstance(thing, type)]


def calls_in(fn: Callable[..., Any]) -> Calls:
    """The tasks' code, by where it runs. See Calls."""
    found: dict[tuple[str | None, float | None], list[Callable[..., Any]]] = {}
    for callee in callees_in(fn):
        call = callee.as_call()
        found.setdefault((call.policy.executor, call.policy.timeout), []).append(call.fn)
        if (undo := call.policy.undo) is not None:
            found.setdefault((undo.policy.executor, undo.policy.timeout), []).append(undo.fn)
    return found


def _named(fn: FunctionType) -> Iterator[Any]:
    for name in _names(fn.__code__):
        if name in fn.__globals__:
            yield fn.__globals__[name]
    for cell in fn.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet filled
            continue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
