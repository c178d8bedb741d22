"""`penstock validate FILE`: everything that can be known to be wrong with the workflows in a file, without running them."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from penstock.cli import ending, trace
from penstock.cli.closing import labelled
from penstock.cli.desk import Desk, executor_option, lazily, with_desk
from penstock.cli.ink import Ink
from penstock.cli.text import plural
from penstock.context.places import raised_at
from penstock.errors import DefinitionError, UserError

if TYPE_CHECKING:
    from penstock.app import Engine


class Problem(NamedTuple):
    """What is wrong, and where in the author's code, as far as that is known."""

    message: str
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """FILE:LINE, or nothing."""
        return f"{self.file}:{self.line}" if self.file else ""


class Checked(NamedTuple):
    """A workflow that was looked at. `steps` are names and whether each is a map; None where only running it tells."""

    variable: str
    name: str
    steps: list[tuple[str, bool]] | None
    inputs: list[dict[str, Any]]
    problems: list[Problem]


@click.command(name="validate", no_args_is_help=True)
@click.argument("file", metavar="FILE[:NAME]|NAME", shell_complete=lazily("files"))
@executor_option
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, file: str, executor: str | None) -> None:
    """Check every workflow in FILE, or the one of that NAME, in FILE or in the catalogue, and run nothing.

    What no run could do is found: circles, dependencies and arguments that nobody provides, executors that cannot run a step.
    Of a TOML file, the configuration of a simulated workflow, every wrong value is told, and whether the code is there.
    """
    found, problems = _configuration(file) if file.endswith(".toml") else _workflows(file, executor, desk)
    count = len(problems) + sum(len(each.problems) for each in found)
    if desk.as_json:
        desk.answer(_document(file, found, problems))
    else:
        for line in _lines(file, found, problems, desk.ink):
            desk.say(line)
    ctx.exit(ending.USAGE if count else ending.OK)


def _workflows(file: str, executor: str | None, desk: Desk) -> tuple[list[Checked], list[Problem]]:
    """The workflows in a Python file or the catalogue, and what kept them from being looked at."""
    from penstock.app import open_engine
    from penstock.cli.files import load_every

    try:
        with contextlib.redirect_stdout(sys.stderr) if desk.as_json else contextlib.nullcontext():
            definitions = load_every(file)
    except UserError as error:
        return [], [_problem(error, str(getattr(error, "place", "")) or _line_in(file, error))]
    with open_engine("ephemeral", executor=executor, capture_echo=False) as engine:
        return [_checked(variable, definition, engine) for variable, definition in definitions], []


def _configuration(file: str) -> tuple[list[Checked], list[Problem]]:
    """The simulated workflow that a TOML file configures."""
    from penstock.context.places import near
    from penstock.simulations.parameters import described
    from penstock.simulations.validating import validate

    found = validate(file)
    problems = [
        Problem(each.what, near(each.file) if each.line else None, each.line) for each in found.problems
    ]
    inputs = [
        {"name": name, "type": kind, "required": False, "default": value}
        for name, kind, value in described(found.parameters)
    ]
    return [Checked(Path(file).stem, found.name, [("simulate", False)], inputs, problems)], []


def _checked(variable: str, definition: Any, engine: Engine) -> Checked:
    from penstock.model.outline import flat, graph_of

    name = str(getattr(definition, "name", variable))
    try:
        program, graph = definition.as_program(), graph_of(definition)
    except UserError as error:
        return Checked(variable, name, None, [], list(_problems_in(error, definition)))
    steps = None if graph is None else [(node.name, node.kind == "map") for node in flat(graph).nodes]
    inputs = [_input(each) for each in getattr(definition, "inputs", {}).values()]
    return Checked(variable, program.name, steps, inputs, list(_unfit(program, engine)))


def _unfit(program: Any, engine: Engine) -> Iterator[Problem]:
    """The steps' code that the executor it would go to cannot run."""
    from penstock.engine.host import check_calls

    executor_for = engine.own_driver().executor_for
    for place, functions in program.calls.items():
        for fn in dict.fromkeys(functions):
            try:
                check_calls({place: [fn]}, executor_for)
            except DefinitionError as error:
                yield from _problems_in(error, fn)


def _problems_in(error: BaseException, fn: Any = None) -> Iterator[Problem]:
    """An error, and those that were found with it, which are its cause; `fn` is whose fault it is, if it does not say."""
    spot = getattr(error, "place", "") or raised_at(error, trace.is_theirs) or _beginning_of(fn)
    yield _problem(error, str(spot))
    if isinstance(error.__cause__, ExceptionGroup):
        for other in error.__cause__.exceptions:
            yield from _problems_in(other)


def _line_in(spec: str, error: BaseException) -> str:
    """The line in which a file that could not be loaded did not go on."""
    cause = error.__cause__ or error
    if isinstance(cause, SyntaxError):
        return f"{cause.filename}:{cause.lineno}"
    file = str(Path(spec.partition(":")[0]).resolve())
    lines = [at.lineno for at in traceback.extract_tb(cause.__traceback__) if at.filename == file]
    return f"{file}:{lines[-1]}" if lines else ""


def _problem(error: BaseException, place: str) -> Problem:
    file, _, line = place.rpartition(":")
    message = str(error).removeprefix(f"{place}: ")
    if not (file and line.isdecimal()):
        return Problem(message)
    return Problem(message, file.removeprefix(os.path.join(os.getcwd(), "")), int(line))


def _beginning_of(code: Any) -> str:
    """Where a function or a definition was written, if anything is known of that."""
    if code is None:
        return ""
    from penstock.catalogue import place_of

    place = place_of(code)
    return "" if place.line is None else str(place)


def _input(parameter: Any) -> dict[str, Any]:
    from penstock.catalogue.fields import type_name
    from penstock.cli.inputs import expected_of

    default = None if parameter.required else parameter.default
    kind = type_name(expected_of(parameter))
    return {"name": parameter.name, "type": kind, "required": parameter.required, "default": default}


# What is shown


def _lines(file: str, found: list[Checked], problems: list[Problem], ink: Ink) -> Iterator[str]:
    if problems:
        yield from _told(file, problems, ink)
    for each in found:
        if each.problems:
            yield from _told(each.name, each.problems, ink)
        else:
            yield f"{ink.sign('completed')} {ink(each.name, 'title')}"
            yield from labelled(_facts(each), ink)


def _told(name: str, problems: list[Problem], ink: Ink) -> Iterator[str]:
    yield f"{ink.sign('failed')} {ink(name, 'title')}  {ink(plural(len(problems), 'problem'), 'bad')}"
    for each in problems:
        first, *rest = each.message.split("\n")
        yield f"  {ink(f'{each.place}:', 'dim')} {first}" if each.place else f"  {first}"
        yield from (f"  {line}".rstrip() for line in rest)


def _facts(each: Checked) -> list[tuple[str, str]]:
    if each.steps is None:
        return [("steps", "decided as it runs")]
    steps = [f"{name} (for each item)" if is_map else name for name, is_map in each.steps]
    inputs = [_said(one) for one in each.inputs] or ["none"]
    return [("steps", ", ".join(steps)), ("inputs", inputs[0]), *(("", said) for said in inputs[1:])]


def _said(one: dict[str, Any]) -> str:
    default = one["default"]
    said = repr(default) if isinstance(default, str) else str(default)
    return f"{one['name']}: {one['type']}" + ("" if one["required"] else f" = {said}")


def _document(file: str, found: list[Checked], problems: list[Problem]) -> dict[str, Any]:
    return {
        "file": file,
        "ok": not problems and not any(each.problems for each in found),
        "problems": [each._asdict() for each in problems],
        "workflows": [
            {
                "workflow": each.name,
                "variable": each.variable,
                "steps": None if each.steps is None else [name for name, _ in each.steps],
                "inputs": each.inputs,
                "problems": [problem._asdict() for problem in each.problems],
            }
            for each in found
        ],
    }
