"""A step's own traceback: the caller's own frames, without Penstock's, Python's and installed packages'. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import penstock
from penstock import errors
from penstock.context.places import near
from penstock.model.failure import Failure

_FRAME: Final = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$')
_PACKAGE: Final = str(Path(penstock.__file__).parent)
_LIBRARY: Final = os.path.dirname(os.__file__)
"""Python's own modules; installed packages lie below it."""


def trimmed(text: str, kind: str = "", message: str = "") -> list[str]:
    """The lines to show of a formatted traceback: `file:line, in function`, its source, at last the exception."""
    shown = _kept(text, is_theirs)
    if not shown and not _is_told(kind):
        shown = _kept(text, lambda file: True)
    return shown or [f"{kind}: {message}" if message else kind]


def _kept(text: str, wanted: Callable[[str], bool]) -> list[str]:
    shown: list[str] = []
    keep, frames = True, 0
    for line in text.rstrip().splitlines():
        found = _FRAME.match(line)
        if found is not None:
            keep = wanted(found["file"])
            frames += keep
            if keep:
                shown.append(f"{near(found['file'])}:{found['line']}, in {found['name']}")
        elif line.startswith("    "):
            if keep and not re.fullmatch(r"[\s^~]+", line):
                shown.append(line)
        elif line and not line.startswith("Traceback "):
            keep = True
            shown.append(line)
    return shown if frames else []


def of_failure(failure: Failure) -> list[str]:
    """`trimmed`, of a failure as recorded."""
    return trimmed(failure.traceback, failure.type, failure.message)


def of_exception(error: BaseException) -> list[str]:
    """`trimmed`, of an exception at hand."""
    import traceback

    return trimmed("".join(traceback.format_exception(error)))


def _is_told(kind: str) -> bool:
    """Whether the message of this kind of error says it all: no code of ours is at fault."""
    module, _, name = kind.rpartition(".")
    return module == errors.__name__ and issubclass(getattr(errors, name, BaseException), errors.UserError)


def is_theirs(file: str) -> bool:
    """Whether a file is the caller's own: not Penstock's, Python's or an installed package's."""
    return not file.startswith((_PACKAGE, _LIBRARY, "<frozen ")) and "site-packages" not in file
