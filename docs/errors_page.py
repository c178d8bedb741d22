"""Writes docs/errors.md from the tree in penstock.errors: `python docs/errors_page.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

from penstock import errors
from penstock.cli.ending import code_of

PAGE = Path(__file__).with_name("errors.md")
ROOT = errors.PenstockError


def page() -> str:
    """The whole page."""
    branches = "\n\n".join(_branch(cls) for cls in ROOT.__subclasses__())
    steering = [cls for cls in _classes() if not issubclass(cls, ROOT)]
    return _PAGE.format(branches=branches, steering=_table(steering, codes=False))


def _branch(cls: type[BaseException]) -> str:
    return f"## {cls.__name__}: {_TITLES[cls.__name__]}\n\n{_table(_tree(cls))}"


def _tree(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    yield cls
    for below in cls.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below)


def _table(classes: Iterable[type[BaseException]], *, codes: bool = True) -> str:
    head = ["| error | is a | meaning |", "|---|---|---|"]
    if codes:
        head = ["| error | is a | exit code | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *(_row(cls, codes=codes) for cls in classes)])


def _row(cls: type[BaseException], *, codes: bool) -> str:
    kinds = ", ".join(f"`{above.__name__}`" for above in cls.__bases__)
    code = f" {code_of(cls(''))} |" if codes else ""
    return f"| `{cls.__name__}` | {kinds} |{code} {_sentence(cls)} |"


def _sentence(cls: type[BaseException]) -> str:
    return " ".join((inspect.getdoc(cls) or "").split())


def _classes() -> list[type[BaseException]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, BaseException) and each.__module__ == errors.__name__
    ]


_TITLES = {
    "UserError": "yours to mend",
    "WorldError": "the world's",
    "RunError": "a run ended without its result",
    "StepFailed": "what a step of a function raised cannot be made again",
    "Rejected": "somebody said no",
    "StepTimeout": "something took too long",
    "BugError": "ours",
}

_PAGE = """\
# Errors

Every error that Penstock raises is a `PenstockError`, and its branch says whose fault it is. The message holds the value
that was wrong, and the remedy. All are in `penstock.errors`. This page is made from that module.

The exit code is what the [command line](command-line.md) ends with.

{branches}

## What steps raise

A step may raise `Retry` and `Cancelled` to steer the engine; `FunctionStopped` is raised in a durable function to end it. They
are no `PenstockError`: nobody else ever sees them.

{steering}

What a step raises otherwise is its own affair: it is recorded with its traceback, tried again as the step's options say, and
if the run fails of it, it is the `__cause__` of `RunFailed` in the process where it was raised.
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
