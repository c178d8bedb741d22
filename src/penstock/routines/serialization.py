"""Flows as versioned JSON, and back.

What is written holds where each class is (`_class_info`), the state of each routine, its slots and events, the connections, and
the error handlers. What is read makes routines only of classes in modules that the reader allows: nothing else is imported.
A routine whose class can be made without arguments is made so; of any other, slots and events come as they were written, which
needs handlers that are methods of the class or functions at the top of an allowed module.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from penstock.codecs import JsonCodec
from penstock.errors import DefinitionError, InputError
from penstock.routines.functions import FunctionRoutine
from penstock.routines.job_state import JobState
from penstock.routines.keeping import restore, state_of
from penstock.routines.references import (
    class_info,
    exception_reference,
    load_routine_class,
    merge_reference,
    reference_of,
    resolve,
    resolve_exception,
    resolve_merge,
)
from penstock.routines.strategies import ErrorHandler
from penstock.routines.unit import Routine
from penstock.routines.wiring import Slot

if TYPE_CHECKING:
    from penstock.routines.building import Building

VERSION: Final = 1


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def serialize(flow: Building) -> dict[str, Any]:
    """A flow as plain values that JSON can hold. Raises CodecError or DefinitionError, with the remedy, for what cannot be."""
    return {
        "_type": "Flow",
        "version": VERSION,
        "flow_id": flow.flow_id,
        "execution_strategy": flow.execution_strategy,
        "max_workers": flow.max_workers,
        "history": flow.history,
        "entry": flow.entry,
        "error_handler": handler_told(flow.get_error_handler()),
        "routines": {name: _routine(name, each) for name, each in flow.routines.items()},
        "connections": list(_connections(flow)),
        "job_state": None if flow.job_state is None else _plain(flow.job_state.plain()),
    }


def handler_told(errors: ErrorHandler | None) -> dict[str, Any] | None:
    """An error handler as plain values."""
    if errors is None:
        return None
    return {
        "_type": "ErrorHandler",
        "strategy": errors.strategy.value,
        "max_retries": errors.max_retries,
        "retry_delay": errors.retry_delay,
        "retry_backoff": errors.retry_backoff,
        "retryable_exceptions": [exception_reference(each) for each in errors.retryable_exceptions],
        "is_critical": errors.is_critical,
    }


def _routine(name: str, routine: Routine) -> dict[str, Any]:
    told: dict[str, Any] = {
        "_type": type(routine).__name__,
        "_class_info": class_info(type(routine)),
        "state": _plain(state_of({name: routine}).get(name, {})),
        "fields": routine.serializable_fields[2:],
        "slots": {slot: _slot(routine, each) for slot, each in routine.slots.items()},
        "events": {event: {"output_params": each.output_params} for event, each in routine.events.items()},
        "error_handler": handler_told(routine.get_error_handler()),
    }
    if isinstance(routine, FunctionRoutine):
        told["function"] = reference_of(routine.fn)
    return told


def _slot(routine: Routine, slot: Slot) -> dict[str, Any]:
    return {
        "handler": _handler(routine, slot),
        "merge_strategy": merge_reference(slot.merge_strategy),
        "capacity": slot.capacity,
        "when_full": slot.when_full,
    }


def _handler(routine: Routine, slot: Slot) -> str | None:
    """A method by its name, a function by its reference; what has neither is left to the class itself."""
    handler = slot.handler
    if getattr(handler, "__self__", None) is routine:
        return str(handler.__name__)  # type: ignore[union-attr]
    try:
        own = isinstance(routine, FunctionRoutine)
        return None if handler is None or own else reference_of(handler)
    except DefinitionError:
        if _can_be_made(type(routine)):
            return None
        raise


def _connections(flow: Building) -> Iterable[dict[str, Any]]:
    ids = {id(routine): name for name, routine in flow.routines.items()}
    for each in flow.connections:
        yield {
            "_type": "Connection",
            "source_routine_id": ids[id(each.source_event.routine)],
            "source_event": each.source_event.name,
            "target_routine_id": ids[id(each.target_slot.routine)],
            "target_slot": each.target_slot.name,
            "param_mapping": each.param_mapping,
        }


def _plain(value: Any) -> Any:
    return json.loads(JsonCodec().encode(value))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def deserialize(flow: Building, told: Mapping[str, Any], allow: Iterable[str]) -> None:
    """Fill a flow with what `serialize` told, classes from modules in `allow` only. Raises InputError."""
    if told.get("_type") != "Flow" or "version" not in told:
        raise InputError("this tells of no flow: it must be what Flow.serialize gave")
    if told["version"] > VERSION:
        raise InputError(f"this flow was written by a newer Penstock (version {told['version']}): upgrade")
    allowed = frozenset(allow)
    made = {name: _made_routine(name, each, allowed) for name, each in told["routines"].items()}
    errors = handler_read(told["error_handler"], allowed)
    flow.empty()
    flow.flow_id, flow.history, flow.entry = told["flow_id"], told["history"], told["entry"]
    flow.set_execution_strategy(told["execution_strategy"], told["max_workers"])
    flow.set_error_handler(errors)
    for name, routine in made.items():
        flow.hold(routine, name)
    for each in told["connections"]:
        flow.connect(
            each["source_routine_id"],
            each["source_event"],
            each["target_routine_id"],
            each["target_slot"],
            each["param_mapping"],
        )
    if told["job_state"] is not None:
        flow.job_state = JobState.of(_value(told["job_state"], allowed))


def handler_read(told: Mapping[str, Any] | None, allowed: Collection[str]) -> ErrorHandler | None:
    """See handler_told."""
    if told is None:
        return None
    return ErrorHandler(
        told["strategy"],
        told["max_retries"],
        told["retry_delay"],
        told["retry_backoff"],
        tuple(resolve_exception(each, allowed) for each in told["retryable_exceptions"]),
        told["is_critical"],
    )


def _made_routine(name: str, told: Mapping[str, Any], allowed: Collection[str]) -> Routine:
    cls = load_routine_class(dict(told["_class_info"]), {*allowed, FunctionRoutine.__module__})
    if "function" in told:
        function = resolve(told["function"], allowed)
        routine: Routine = FunctionRoutine(getattr(function, "fn", function))
    elif _can_be_made(cls):
        routine = cls()
    else:
        routine = cls.__new__(cls)
        Routine.__init__(routine)
    routine.add_serializable_fields(told["fields"])
    for slot, each in told["slots"].items():
        if routine.get_slot(slot) is None:
            handler = _handler_read(routine, each["handler"], allowed)
            merge = resolve_merge(each["merge_strategy"], allowed)
            routine.define_slot(slot, handler, merge, capacity=each["capacity"], when_full=each["when_full"])
    for event, each in told["events"].items():
        if routine.get_event(event) is None:
            routine.define_event(event, each["output_params"])
    routine.set_error_handler(handler_read(told["error_handler"], allowed))
    restore({name: routine}, {name: _value(told["state"], allowed)})
    return routine


def _handler_read(routine: Routine, told: str | None, allowed: Collection[str]) -> Any:
    if told is None:
        return None
    return resolve(told, allowed) if ":" in told else getattr(routine, told)


def _can_be_made(cls: type) -> bool:
    """Whether a class asks for no arguments."""
    parameters = list(inspect.signature(cls).parameters.values())
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(each.default is not inspect.Parameter.empty or each.kind in optional for each in parameters)


def _value(told: Any, allowed: Collection[str]) -> Any:
    return JsonCodec(allow=[f"{module}:*" for module in allowed]).decode(json.dumps(told))
