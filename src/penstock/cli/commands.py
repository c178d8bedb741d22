"""The list of commands. None of their modules is loaded to show it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from penstock import __version__
from penstock.cli import ending
from penstock.cli.guessing import CommandGroup

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final = {
    "run": "Run a workflow and watch it.",
    "resume": "Go on with a run where it stopped.",
    "submit": "Put a run into a queue, for a worker to take.",
    "worker": "Take queued runs, and runs whose process has gone.",
    "workers": "Who takes runs from this store.",
    "queues": "What waits where; pause, resume and bound queues.",
    "limits": "Who holds and who waits for slots under limits; set and remove bounds.",
    "cache": "Results that steps leave to other runs; clear them.",
    "schedule": "Have runs made by a cron expression, at intervals, or once.",
    "serve": "Fire schedules.",
    "runs": "List runs, the newest first.",
    "show": "What a run did, step by step.",
    "why": "Why a run, or a step of it, does not go on.",
    "state": "How a run stood as of any event.",
    "logs": "What a run's steps printed and logged.",
    "events": "A run's log, event by event.",
    "diff": "What differs between two runs.",
    "graph": "Draw a workflow, or a run with its statuses.",
    "catalogue": "List the workflows that can be run by name.",
    "pause": "Let running steps end and start no more.",
    "cancel": "Stop a run for good.",
    "fork": "Do a part of a run again, in a new run.",
    "rerun": "Do again what failed, in a new run.",
    "signal": "Send a message into a run.",
    "approve": "Let a run go on that waits for approval.",
    "reject": "Say no to a run that waits for approval.",
    "validate": "Check workflows without running them.",
    "record": "Make a test that replays a run.",
    "replay": "Does the code at hand still fit recorded runs?",
    "prune": "Delete finished runs that are old, or too many.",
    "db": "Look after the store's file: info, check, backup, restore, migrate.",
    "doctor": "Is all well here, and what to do where it is not.",
    "settings": "What is set, and who says so.",
    "simulate": "Play a workflow in virtual time: how long, how many workers?",
    "sweep": "A simulated workflow with several values, side by side.",
    "definitions": "List simulated workflows that are kept.",
    "executions": "List executions of simulated workflows.",
    "completion": "Make your shell complete what you type.",
    "new": "Make a starter project.",
}
"""Name -> the line that `penstock --help` shows; each is a module of this package with a `command`."""


class Commands(CommandGroup):
    """Loads a command's module when it is called, and ends every command as `ending` says."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"penstock.cli.{cmd_name}").command
        return command

    def unknown(self, name: str, known: Sequence[str]) -> str:
        """See CommandGroup.unknown."""
        if name.endswith(".py") or ".py:" in name:
            return f"there is no command {name!r}; to run that file: penstock run {name}"
        return super().unknown(name, known)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands by name, without loading one."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=said) for name, said in COMMANDS.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command and exit with its code."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args, *rest, **extra)
        except BrokenPipe:
            ending.pipe_closed()
            code = ending.OK
        except (Exception, KeyboardInterrupt) as error:
            if "_PENSTOCK_COMPLETE" in os.environ:  # a shell asks for completions: nothing to offer
                sys.exit(ending.OK)
            given = list(sys.argv[1:] if args is None else args)
            ending.report(error, debug="--debug" in given, as_json="--json" in given)
            code = ending.code_of(error)
        sys.exit(code if isinstance(code, int) else ending.OK)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise BrokenPipe from None


class BrokenPipe(Exception):
    """A BrokenPipeError on its way past click, which would exit with 1 for it: that means a failed run here."""


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: penstock run FILE.py --help",
)
@click.version_option(__version__, message="penstock %(version)s")
def penstock() -> None:
    """Durable workflows: run them, watch them, go on where they stopped."""
