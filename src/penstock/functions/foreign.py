"""Words for what a durable function awaits and may not: only an event loop could go on with that, and it has none."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

from penstock.errors import DefinitionError

_INSTEAD: Final = {
    "asyncio.sleep": "await penstock.functions.sleep(seconds), which survives a crash",
    "asyncio.gather": "await penstock.functions.gather(...)",
    "asyncio.wait": "await penstock.functions.gather(...) or race(...)",
    "asyncio.wait_for": "await penstock.functions.race(call, sleep(seconds))",
    "asyncio.to_thread": "await step(fn)(...)",
}
_OTHERWISE: Final = "call it in a step: await step(fn)(...)"
_NO_LOOP: Final = "no running event loop"


def refusal_of(body: Any, awaited: Any) -> DefinitionError:
    """What to say of something that a coroutine yielded and that is no handle of ours."""
    inner = body
    while hasattr(deeper := getattr(inner, "cr_await", None), "cr_code"):
        inner = deeper
    name = type(awaited).__name__
    if inner is not body:
        name = _named(inner.cr_code.co_qualname, inner.cr_frame.f_globals.get("__name__", ""))
    return _refusal(name)


def without_loop(error: BaseException) -> DefinitionError | None:
    """What to say instead of "no running event loop", which asyncio says to those who call it here."""
    if not isinstance(error, RuntimeError) or str(error) != _NO_LOOP:
        return None
    trace: TracebackType | None = error.__traceback__
    name = ""
    while trace is not None:
        frame = trace.tb_frame
        module = frame.f_globals.get("__name__", "")
        if not name and module.startswith("asyncio"):
            name = _named(frame.f_code.co_qualname, module)
        trace = trace.tb_next
    said = _refusal(name or "something")
    said.__cause__ = error
    said.__traceback__ = error.__traceback__
    return said


def _named(qualname: str, module: str) -> str:
    return f"{'asyncio' if module.startswith('asyncio.') else module}.{qualname}"


def _refusal(name: str) -> DefinitionError:
    return DefinitionError(
        f"a durable function cannot await {name}, which needs an event loop and leaves no record: "
        + _INSTEAD.get(name, _OTHERWISE)
    )
