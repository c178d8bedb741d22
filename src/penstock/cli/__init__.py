"""The command line: one file a command, loaded when it is called.

`commands` lists them, `ending` turns whatever happens into an exit code and one clear message, `text` and `ink` lay words out.
`board` keeps what a running workflow has done; `live` draws it on a terminal, `lines` tells it anywhere else. Nothing here
decides anything about runs: every command asks an engine.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; `arguments` are the process's own unless given."""
    from penstock.cli.commands import penstock

    penstock.main(arguments, prog_name="penstock")
