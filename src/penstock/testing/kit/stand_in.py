"""What stands in for a step's own code: a value, a function, or an error that is raised a number of times."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from penstock.context.references import is_async
from penstock.ports import Job, Outcome

OWN_CODE: Final[Any] = object()


class Raising:
    """See raising."""

    def __init__(self, error: type[BaseException] | BaseException, times: int | None, then: Any) -> None:
        self.error = error
        self.times = times
        self.then = then

    def __call__(self) -> NoReturn:
        raise self.error

    def __repr__(self) -> str:
        return f"raising({self.error!r}, times={self.times})"


def raising(
    error: type[BaseException] | BaseException, *, times: int | None = None, then: Any = OWN_CODE
) -> Raising:
    """Stands in for a step whose first `times` attempts (None: all) raise `error`.

    Later attempts are made by `then`, which may be a value or a function; left out, by the step's own code. Items of a map
    count each for itself.
    """
    return Raising(error, times, then)


def with_stand_in(job: Job, stand_in: Any) -> Job:
    """The job, done by what stands in for its code. A function is given those of the step's arguments that it names."""
    if stand_in is OWN_CODE:
        return job
    if isinstance(stand_in, Raising):
        if stand_in.times is None or job.context.attempt <= stand_in.times:
            return job._replace(fn=stand_in, args=(), kwargs={})
        return with_stand_in(job, stand_in.then)
    if callable(stand_in):
        return job._replace(fn=stand_in, kwargs=_wanted(stand_in, job.kwargs))
    return job._replace(fn=lambda: stand_in, args=(), kwargs={})


def _wanted(fn: Callable[..., Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # a class or function of C, which does not say
        return given
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return given
    return {name: value for name, value in given.items() if name in parameters}


def perform(job: Job) -> Outcome:
    """Do a job here and now; an async one on a loop of its own."""
    if not is_async(job.fn):
        from penstock.context.calls import invoke

        return invoke(job)
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from penstock.context.calls import ainvoke

    with ThreadPoolExecutor(1) as thread:  # a loop may be running here already
        return thread.submit(asyncio.run, ainvoke(job)).result()
