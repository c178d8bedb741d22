"""`penstock record RUN`: a run that really happened becomes a test that replays it."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.desk import Desk, run_argument, with_desk


@click.command(name="record", no_args_is_help=True)
@run_argument
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; left out, it is printed.",
)
@with_desk
def command(desk: Desk, name: str, to: Path | None) -> None:
    """Make a pytest file of RUN. Its steps end there as they ended in the run, and must come in the same order.

    RUN is a run's id, a unique beginning of it, or `latest`.
    """
    from penstock.testing import record

    with desk.look() as engine:
        run_id = engine.get(name).id
        text = record(run_id, store=engine, folder=Path() if to is None else to.parent)
    if to is None:
        click.echo(text, nl=False)
        return
    _write(to, text)
    if desk.as_json:
        desk.answer({"run": run_id, "file": str(to)})
    else:
        desk.say(f"wrote {to}; replay the run: pytest {to}")


def _write(file: Path, text: str) -> None:
    if file.exists():
        raise click.UsageError(f"{file} is there already; name another file, or remove it")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written ({error.strerror}); name another file") from error
