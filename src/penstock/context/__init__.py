"""What a running step knows of itself, and the one place where a step's code is called.

`context()` inside a step gives its `Context`; a ContextVar holds it, so each thread and each asyncio task sees its own.
Importing this package imports next to nothing: a worker process starts with it.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from types import ModuleType

from penstock.errors import UserError
from penstock.lazily import offered

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Any

    from penstock.context.calls import ainvoke, invoke
    from penstock.context.capture import Lines
    from penstock.context.references import is_async
    from penstock.context.resources import Resource, resource, with_resources

__all__ = [
    "Context",
    "Resource",
    "ainvoke",
    "context",
    "current",
    "in_worker",
    "invoke",
    "is_async",
    "resource",
    "stop_if_loading_main",
    "with_resources",
]

__getattr__ = offered(
    __name__,
    {
        "ainvoke": ".calls",
        "invoke": ".calls",
        "is_async": ".references",
        "Resource": ".resources",
        "resource": ".resources",
        "with_resources": ".resources",
    },
)


class Context:
    """One attempt of one step, as its own code sees it.

    `item` is the index in a map's items, else None; `deadline` is wall time in seconds since 1970, or None. `lines` holds what
    the attempt wrote (see `capture.Lines`), None until it writes. `report(context, kind, payload)` carries notes to the driver.
    """

    __slots__ = (
        "__weakref__",
        "_cancelled",
        "attempt",
        "deadline",
        "item",
        "lines",
        "own",
        "report",
        "run",
        "step",
        "workflow",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - made for every attempt, by position
        self,
        run: str,
        workflow: str,
        step: str,
        item: int | None = None,
        attempt: int = 1,
        deadline: float | None = None,
        report: Callable[[Context, str, Any], None] | None = None,
    ) -> None:
        self.run = run
        self.workflow = workflow
        self.step = step
        self.item = item
        self.attempt = attempt
        self.deadline = deadline
        self.report = report
        self.lines: Lines | None = None
        self.own: Any = None  # what the front door whose code runs keeps with the attempt
        self._cancelled = False

    @property
    def key(self) -> str:
        """The idempotency key, the same for every attempt: `run/step`, or `run/step[item]`."""
        return f"{self.run}/{self.step}" if self.item is None else f"{self.run}/{self.step}[{self.item}]"

    @property
    def idempotency_key(self) -> str:
        """`key` by its full name."""
        return self.key

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was asked to stop: long loops look here and raise `penstock.errors.Cancelled`."""
        return self._cancelled

    def cancel(self) -> None:
        """Ask the attempt to stop. For the engine and its executors."""
        self._cancelled = True

    def progress(self, i: float, n: float | None = None, message: str = "") -> None:
        """Tell whoever watches the run how far the attempt is: `i` of `n`."""
        if self.report is not None:
            self.report(self, "progress", {"i": i, "n": n, "message": message})

    @property
    def log(self) -> logging.Logger:
        """The logger `penstock.step`; what goes there, and to any other logger, is kept with the attempt.

        It lets INFO pass unless it was given a level, whatever the root logger's level is.
        """
        from penstock.context.capture import step_logger

        return step_logger()

    def __repr__(self) -> str:
        return f"<Context {self.key} of {self.workflow}, attempt {self.attempt}>"


_current: ContextVar[Context | None] = ContextVar("penstock_context", default=None)

current = _current.get
"""The Context of the step that is running here, or None."""


def context() -> Context:
    """The Context of the step that is running here; raises UserError outside of one."""
    found = _current.get()
    if found is None:
        raise UserError(
            "penstock.context() was called outside a step: call it inside a step's function while a run executes it. "
            "A thread that a step starts by itself has no context: pass it what it needs, or start the thread with "
            "contextvars.copy_context().run"
        )
    return found


class EndOfMain(BaseException):
    """Ends the loading of a main script in a worker process at the place where it would start a run."""


_worker = False
_loading_main = False


def in_worker() -> bool:
    """Whether this is a worker process of a process executor."""
    return _worker


def stop_if_loading_main() -> None:
    """End the loading of the main script here if this process loads it only for its definitions.

    Every call that starts a run begins with this. A worker process executes the user's script to find the functions of
    `__main__`; a script without an `if __name__ == "__main__"` guard would start its run a second time in there.
    """
    if _loading_main:
        raise EndOfMain


def become_worker() -> None:
    """Say that this process is a worker. For the worker's own main function."""
    global _worker  # noqa: PLW0603 - a fact about the process
    _worker = True


def loading_main(yes: bool) -> None:
    """Say that the main script is being loaded for its definitions. For the worker's own main function."""
    global _loading_main  # noqa: PLW0603 - a fact about the process
    _loading_main = yes


class _Callable(ModuleType):
    """So that `penstock.context()` works whichever of the two `penstock.context` names just now: function or package."""

    def __call__(self) -> Context:
        return context()


sys.modules[__name__].__class__ = _Callable
