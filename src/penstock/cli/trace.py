"""A step's own traceback: the caller's frames, without Penstock's and Python's machinery. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import penstock
from penstock.model.failure import Failure

_FRAME: Final = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$')
_PACKAGE: Final = str(Path(penstock.__file__).parent)
_MACHINERY: Final = ("<frozen ", "/concurrent/futures/", "/multiprocessing/", "/asyncio/", "/threading.py")


def trimmed(text: str, kind: str = "", message: str = "") -> list[str]:
    """The lines to show of a formatted traceback: `file:line, in function`, its source, at last the exception."""
    shown: list[str] = []
    keep = True
    for line in text.rstrip().splitlines():
        found = _FRAME.match(line)
        if found is not None:
            keep = _is_theirs(found["file"])
            if keep:
                shown.append(f"{_near(found['file'])}:{found['line']}, in {found['name']}")
        elif line.startswith("    "):
            if keep and not re.fullmatch(r"[\s^~]+", line):
                shown.append(line)
        elif line and not line.startswith("Traceback "):
            keep = True
            shown.append(line)
    return shown or [f"{kind}: {message}" if message else kind]


def of_failure(failure: Failure) -> list[str]:
    """`trimmed`, of a failure as recorded."""
    return trimmed(failure.traceback, failure.type, failure.message)


def of_exception(error: BaseException) -> list[str]:
    """`trimmed`, of an exception at hand."""
    import traceback

    return trimmed("".join(traceback.format_exception(error)))


def _is_theirs(file: str) -> bool:
    return not file.startswith(_PACKAGE) and not any(part in file for part in _MACHINERY)


def _near(file: str) -> str:
    """The file as seen from here, where it is below this folder."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
