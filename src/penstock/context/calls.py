"""The one place where a step's code is called: its context set, its exception turned into a Failure.

Whatever a step raises is its failure, SystemExit too; only KeyboardInterrupt goes through, to whoever runs the program.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.context import Context, _current
from penstock.model.failure import Failure, failure_of
from penstock.ports import Job, Outcome

_enter: Final[Callable[[Context | None], contextvars.Token[Context | None]]] = _current.set
_leave = _current.reset
_make = tuple.__new__  # a NamedTuple's own constructor costs twice as much


def invoke(job: Job) -> Outcome:
    """Run a step's function here and now; raises nothing but KeyboardInterrupt."""
    return _make(Outcome, call(*job[1:]))


def call(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], context: Context | None
) -> tuple[Any, Failure | None]:
    """`invoke` in its cheapest form: (value, None) or (None, failure)."""
    token = _enter(context)
    try:
        value = fn(*args, **kwargs) if kwargs else fn(*args)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return failed(error)
    finally:
        _leave(token)
        if context is not None and context.lines is not None:
            context.lines.finish()
    return value, None


async def ainvoke(job: Job) -> Outcome:
    """Run a coroutine function in a contextvars context of its own; being cancelled goes through as well."""
    _, fn, args, kwargs, context = job
    _enter(context)
    try:
        value = await fn(*args, **kwargs)
    except (Exception, SystemExit) as error:
        return failed(error)
    finally:
        if context is not None and context.lines is not None:
            context.lines.finish()
    return _make(Outcome, (value, None))


def failed(error: BaseException) -> Outcome:
    """The outcome of a step that raised, without our own frame in its traceback."""
    trace = error.__traceback__
    if trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
        error.__traceback__ = trace.tb_next
    return Outcome(None, failure_of(error))
