"""How a step or a run went wrong, as a plain value that the log can keep."""

from __future__ import annotations

import traceback
from typing import Any, Literal

import msgspec

from penstock.errors import Retry
from penstock.model.texts import class_name, writable

Cause = Literal["error", "timeout", "lost", "cancelled", "stuck", "skipped"]


class Failure(msgspec.Struct, omit_defaults=True):
    """An exception as recorded: `type` is its qualified name, `bases` the names of its classes, nearest first.

    `exception` is the live object; it exists only in the process where it was raised and is never stored. `after` is the delay
    in seconds that the step asked for by raising `Retry`.
    """

    type: str
    message: str = ""
    cause: Cause = "error"
    bases: tuple[str, ...] = ()
    traceback: str = ""
    after: float | None = None
    asked: bool = False
    step: str | None = None
    exception: Any = None

    def plain(self) -> dict[str, Any]:
        """The fields that are stored."""
        return {
            name: value
            for name, value in msgspec.structs.asdict(self).items()
            if name != "exception" and value
        }

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


def failure_of(error: BaseException, *, cause: Cause = "error") -> Failure:
    """A failure made of a live exception, its traceback cut to 8,000 characters from the end."""
    text = "".join(traceback.format_exception(error))
    return Failure(
        type=class_name(type(error)),
        message=writable(_message(error)),
        cause=cause,
        bases=tuple(class_name(cls) for cls in type(error).__mro__[1:-1]),
        traceback=writable(text[-8_000:]),
        after=error.after if isinstance(error, Retry) else None,
        asked=isinstance(error, Retry),
        exception=error,
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"<its message cannot be read: {type(broken).__name__}>"
