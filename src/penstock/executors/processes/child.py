"""What runs in a worker process: one job after another, on its main thread, until the program closes the link or is gone.

It imports as little as it can: neither asyncio nor logging, typing, pickle's Python half or msgspec, unless a step does.
"""

from __future__ import annotations

import sys
from _pickle import dumps, loads
from _socket import socket
from time import monotonic, perf_counter, time

from penstock.context import Context, _current, become_worker, capture
from penstock.errors import CodecError
from penstock.executors.processes.inherited_filters import take_filters
from penstock.executors.processes.link import FAILED, LINES, NOTE, QUIET_JOB, READY, VALUE, Link
from penstock.executors.processes.main_script import NAME, stand_in_for_main

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from penstock.executors.processes.main_script import Main

LINES_SECONDS = 0.05  # how long what a step wrote may wait while it goes on writing


class Worker:
    """The loop of a worker process."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.job = 0
        self.sent = 0.0

    def serve(self) -> None:
        """Work until the link ends."""
        self.link.send(READY, 0, b"")
        while (message := self.link.receive()) is not None:
            kind, self.job, _, body = message
            capture.set_echo(kind != QUIET_JOB)
            began = perf_counter()
            kind, answer = self.run(body)
            del message, body
            self.link.send(kind, self.job, answer, perf_counter() - began)

    def run(self, body: bytes) -> tuple[int, bytes]:
        """Unpack a job, run it, pack how it ended."""
        context: Context | None = None
        try:
            fn, args, kwargs, known = loads(body)
            if known is not None:
                context = Context(*known)
                context.report = self._report
            capture.hook_logging()
            value = _call(fn, args, kwargs, context)
        except BaseException as error:
            return FAILED, _failure(error, _lines(context))
        return self._pack(fn, value, context)

    def _pack(self, fn: Callable[..., Any], value: Any, context: Context | None) -> tuple[int, bytes]:
        lines = _lines(context)
        try:
            return VALUE, dumps((value, lines), 5)
        except Exception as error:
            refused = CodecError(
                f"the result of {fn.__module__}.{getattr(fn, '__qualname__', fn)}, of type {type(value).__qualname__}, "
                f"cannot be sent back from its worker process: {type(error).__name__}: {error}. Return what can be "
                "pickled, or run the step on threads"
            )
            return FAILED, _failure(refused, lines)

    def _report(self, _: Context, kind: str, payload: Any) -> None:
        self.link.send(NOTE, self.job, dumps((kind, payload), 5))

    def wrote(self, context: Context) -> None:
        """Send what a step wrote while it goes on; its first line at once."""
        now = monotonic()
        if now - self.sent >= LINES_SECONDS and context.lines:
            self.sent = now
            self.link.send(LINES, self.job, dumps(context.lines.take(), 5))


def _call(fn: Callable[..., Any], args: Any, kwargs: Any, context: Context | None) -> Any:
    """As `calls.invoke`, without what that imports."""
    token = _current.set(context)
    try:
        return fn(*args, **kwargs)
    finally:
        _current.reset(token)


def _lines(context: Context | None) -> list[Any] | None:
    if context is None or context.lines is None:
        return None
    context.lines.finish()
    return context.lines.take()


def _failure(error: BaseException, lines: list[Any] | None) -> bytes:
    """The failure as a plain dict, the exception if it can be pickled, and what was written."""
    from penstock.model.failure import failure_of

    _cut_own_frames(error)
    plain = failure_of(error).plain()
    plain["type"] = _named(plain["type"])
    plain["bases"] = tuple(_named(name) for name in plain.get("bases", ()))
    try:
        live = dumps(error, 5)
    except Exception:
        live = None
    return dumps((plain, live, lines), 5)


def _cut_own_frames(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error.__traceback__ = trace


def _named(name: str) -> str:
    """A class of the main script by the name it has in the program."""
    return "__main__" + name[len(NAME) :] if name.startswith(NAME + ".") else name


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────────


def main(link: int, parent: int, script: Main | None, argv: list[str], filters: bytes | None) -> None:
    """All of a worker's life. See `hired._heritage`."""
    sys.argv = argv
    _outlive_nobody(parent)
    _leave_interrupts_to_the_program()
    take_filters(filters)
    stand_in_for_main(script)
    become_worker()
    end = Link(socket(fileno=link))
    worker = Worker(end)
    capture.install(clock=time, wrote=worker.wrote)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        _close_resources()
        end.close()  # else Python says so where warnings are errors


def _outlive_nobody(parent: int) -> None:
    """The kernel kills this process when the program's dispatcher is gone, even while a step holds the interpreter."""
    import os

    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:
        os._exit(1)


def _leave_interrupts_to_the_program() -> None:
    """Not SIG_IGN: that would be handed on to every program that a step starts."""
    import _signal  # type: ignore[import-not-found,unused-ignore]  # `signal` costs 5 ms

    _signal.signal(_signal.SIGINT, lambda *_: None)


def _close_resources() -> None:
    resources = sys.modules.get("penstock.context.resources")
    if resources is not None:
        resources.close_all()
