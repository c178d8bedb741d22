"""How a command ends: an exit code that scripts can rely on, and one message that says what to do.

    0    all went well                        3    the store, the disk or another process stood in the way
    1    the run failed                       4    the run was cancelled
    2    the caller's: a wrong option, file,  70   a fault of Penstock's own
         input or run                         130  interrupted (Ctrl-C, SIGTERM): the run can be resumed

A traceback is shown only with --debug.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from penstock.cli.guessing import unknown_option
from penstock.cli.ink import ink_for
from penstock.errors import (
    BugError,
    Nondeterminism,
    PenstockError,
    RunCancelled,
    RunFailed,
    RunStopped,
    StepTimeout,
    UserError,
    WorldError,
)  # fmt: skip

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
WORLD: Final = 3
CANCELLED: Final = 4
BUG: Final = 70
INTERRUPTED: Final = 130

CODE_OF: Final = {"completed": OK, "failed": FAILED, "cancelled": CANCELLED}
"""The exit code of a command that waited for a run, by how the run ended."""

_CODES: Final[tuple[tuple[type[BaseException], int], ...]] = (
    (RunCancelled, CANCELLED),
    (RunStopped, INTERRUPTED),
    (RunFailed, FAILED),
    (StepTimeout, FAILED),
    (UserError, USAGE),
    (WorldError, WORLD),
    (BugError, BUG),
    (click.UsageError, USAGE),
    (click.ClickException, USAGE),
    (click.Abort, INTERRUPTED),
    (KeyboardInterrupt, INTERRUPTED),
    (OSError, WORLD),
)


def code_of(error: BaseException) -> int:
    """The exit code of a command that ended with this error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), BUG)


def report(error: BaseException, *, debug: bool, as_json: bool) -> None:
    """Say on stderr what went wrong."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return
    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        import msgspec

        said = {"error": type(error).__name__, "message": message_of(error), "exit_code": code_of(error)}
        print(msgspec.json.encode(said).decode(), file=sys.stderr)
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message())
    else:
        _tell(error, debug=debug)


def message_of(error: BaseException) -> str:
    """What went wrong, for people, without the class's name where the message stands alone."""
    if isinstance(error, click.NoSuchOption):
        return unknown_option(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, PenstockError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _tell(error: BaseException, *, debug: bool) -> None:
    ink = ink_for(sys.stderr)
    print(f"{ink('error:', 'bad')} {message_of(error)}", file=sys.stderr)
    if notes := getattr(error, "__notes__", []):
        print(notes[-1], file=sys.stderr)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        print(ink(f"see: {error.ctx.command_path} --help", "dim"), file=sys.stderr)
    if code_of(error) == BUG and not debug and not isinstance(error, Nondeterminism):
        print(ink("this is a fault of Penstock's own; --debug shows where", "dim"), file=sys.stderr)


def pipe_closed() -> None:
    """Whoever read our output has gone (`| head`): say no more, not even while the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
