"""What crosses the border between a program and its workers, packed and unpacked on the program's side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pickle import dumps, loads
from typing import TYPE_CHECKING, Any

from penstock.context import Context
from penstock.context.capture import Lines
from penstock.context.references import portable
from penstock.errors import CodecError, DefinitionError
from penstock.executors.processes.main_script import describe_main
from penstock.executors.refusal import title
from penstock.model.failure import Failure, failure_of
from penstock.ports import Job, Outcome

if TYPE_CHECKING:
    from penstock.context.capture import Line


def packed(job: Job) -> bytes:
    """A job for a worker; raises CodecError naming the argument that cannot go, DefinitionError if the function cannot."""
    try:
        return dumps((portable(job.fn), job.args, dict(job.kwargs), _known(job.context)), 5)
    except DefinitionError:
        raise
    except Exception as error:
        raise _blamed(job, error) from error


def check(fn: Callable[..., Any]) -> None:
    """Raise DefinitionError if a worker process could not find this function."""
    try:
        packed = dumps(portable(fn), 5)
    except DefinitionError:
        raise
    except Exception as error:
        raise DefinitionError(
            f"{title(fn)} cannot be sent to a worker process: {type(error).__name__}: {error}. Use a function at the top of "
            "a module, or run the step on threads"
        ) from error
    if b"__main__" in packed and describe_main() is None:
        raise DefinitionError(
            f"{title(fn)} is defined in a notebook or a console, where a worker process cannot find it: put it into a "
            "module, or run the step on threads"
        )


def value_in(body: bytes) -> tuple[Outcome, list[Line] | None]:
    """How a job ended well, and what it wrote last."""
    try:
        value, lines = loads(body)
    except Exception as error:
        refused = CodecError(
            f"a result came back from a worker process but cannot be unpickled here: {type(error).__name__}: {error}"
        )
        return Outcome(None, failure_of(refused)), None
    return Outcome(value, None), lines


def failure_in(body: bytes) -> tuple[Outcome, list[Line] | None]:
    """How a job failed, and what it wrote last. The exception itself comes along where it can be pickled."""
    plain, live, lines = loads(body)
    return Outcome(None, Failure(**plain, exception=_revived(live, plain["traceback"]))), lines


def note(context: Any, body: bytes) -> None:
    """Hand on a note of a running step."""
    if context is not None and context.report is not None:
        try:
            context.report(context, *loads(body))
        except Exception:  # a fault in who is told must not cost the dispatcher its thread
            import logging

            logging.getLogger("penstock.executors").exception(
                "a note of a running step could not be handed over"
            )


def lines(context: Any, body: bytes) -> None:
    """Hand on what a running step wrote."""
    keep(context, loads(body))


def keep(context: Any, lines: list[Line] | None) -> None:
    """Hand on what a step wrote."""
    if context is not None and lines:
        if context.lines is None:
            context.lines = Lines()
        context.lines.extend(lines)


def _known(context: Context | None) -> tuple[Any, ...] | None:
    if context is None:
        return None
    return (context.run, context.workflow, context.step, context.item, context.attempt, context.deadline)


def _revived(live: bytes | None, trace: str) -> BaseException | None:
    try:
        error = None if live is None else loads(live)
    except (
        Exception
    ):  # a constructor that takes other arguments than it keeps: its text has come all the same
        return None
    if isinstance(error, BaseException):
        error.add_note(f"in a worker process:\n{trace}")
        return error
    return None


def _blamed(job: Job, error: Exception) -> CodecError:
    what = next(_unpicklable(job), "what it runs with")
    return CodecError(
        f"{what} of {title(job.fn)} cannot be sent to a worker process: {type(error).__name__}: {error}. Pass what can be "
        "pickled, open it in the worker with @resource, or run the step on threads"
    )


def _unpicklable(job: Job) -> Iterator[str]:
    named = [(f"argument {place}", value) for place, value in enumerate(job.args, 1)]
    named += [(f"argument {name!r}", value) for name, value in job.kwargs.items()]
    for name, value in named:
        try:
            dumps(value, 5)
        except Exception:
            yield f"{name}, of type {type(value).__qualname__},"
