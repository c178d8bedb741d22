"""`penstock new NAME`: a folder with a small workflow, its tests and its settings, which runs at once."""

from __future__ import annotations

import keyword
import sys
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import click

from penstock.cli.closing import labelled
from penstock.cli.desk import Desk, with_desk
from penstock.cli.guessing import OneOf
from penstock.errors import SettingsError

TEMPLATES: Final = {
    "tasks": "three tasks one after another",
    "map": "a task for each file of a folder, in worker processes",
}
"""Each is a folder of `templates`."""

FILES: Final = {
    "flow.py.txt": "$module.py",
    "test_flow.py.txt": "test_$module.py",
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
}
"""A template's file -> its name in the project. None ends in .py, so that nothing takes it for a module of ours."""

TAKEN: Final = frozenset({"penstock", "pytest", "conftest"})


@click.command(name="new", no_args_is_help=True)
@click.argument("name", metavar="NAME")
@click.option(
    "--template",
    type=OneOf(list(TEMPLATES)),
    default="tasks",
    help="; ".join(f"{name}: {said}" for name, said in TEMPLATES.items()) + ".  [default: tasks]",
)
@with_desk
def command(desk: Desk, name: str, template: str) -> None:
    """Make a starter project in a new folder NAME: a workflow, tests, pyproject.toml, README."""
    folder = Path(name)
    module = _module_for(folder.name)
    _check_free(folder)
    files = _write(folder, template, {"project": folder.name, "module": module})
    if desk.as_json:
        desk.answer({"folder": str(folder.resolve()), "template": template, "files": files})
        return
    desk.say(f"{desk.ink(str(folder), 'title')}  {desk.ink(', '.join(files), 'dim')}")
    desk.say()
    go = ("go there", f"cd {folder}")
    for line in labelled([go, ("run it", f"penstock run {module}.py"), ("test it", "pytest")], desk.ink):
        desk.say(line)


def _module_for(name: str) -> str:
    """The module's name; Python must be able to import it, and nothing else may have it."""
    module = name.replace("-", "_").lower()
    if not module.isidentifier() or not module.isascii() or keyword.iskeyword(module):
        raise SettingsError(
            f"{name!r} cannot name a project: use letters, digits and dashes, with a letter first, such as 'first-flow'"
        )
    if module in TAKEN or module in sys.stdlib_module_names:
        raise SettingsError(
            f"{name!r} cannot name a project: import {module} means something else already; try '{name}-flow'"
        )
    return module


def _check_free(folder: Path) -> None:
    """Nothing of anybody's is written over."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        raise SettingsError(f"{str(folder)!r} is there already: nothing was written; give another name")
    if not folder.parent.is_dir():
        raise SettingsError(f"there is no folder {str(folder.parent)!r} to make {folder.name!r} in")


def _write(folder: Path, template: str, words: dict[str, str]) -> list[str]:
    source = resources.files("penstock.cli") / "templates" / template
    texts = {
        Template(name).substitute(words): Template((source / file).read_text(encoding="utf-8")).substitute(
            words
        )
        for file, name in FILES.items()
    }
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
    return list(texts)
