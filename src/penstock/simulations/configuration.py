"""A configuration: a TOML file with what it includes, read into sections and into one flat set of parameters.

Sections are overlaid in file order, included files first, in the order of the list, the file itself last. What a file
includes lies in its folder or below. `[workflow]` says which workflow it is of; every other section holds parameters.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from penstock.context.places import near
from penstock.errors import DefinitionError
from penstock.model.graph import nearest
from penstock.model.wording import guess, shown
from penstock.simulations.problems import Problem, refuse

WORKFLOW = "workflow"
KEYS: dict[str, type] = {"name": str, "version": str, "description": str, "includes": list, "code": str}
"""What `[workflow]` may say."""


class Configuration(NamedTuple):
    """What a file says. `sections` keeps the tables, `[workflow]` among them; `parameters` is what a workflow's code sees.

    `places` tells of each parameter the file and the section that had the last word; `file` is empty where there is none.
    """

    file: str
    name: str
    version: str | None
    description: str
    code: str | None
    sections: dict[str, dict[str, Any]]
    parameters: dict[str, Any]
    places: dict[str, tuple[str, str]]


def read_configuration(file: str | Path) -> Configuration:
    """The configuration in a file. Raises DefinitionError that tells all that is wrong with it."""
    found, problems = examine(file)
    refuse(near(str(file)), problems)
    assert found is not None
    return found


def examine(file: str | Path) -> tuple[Configuration | None, list[Problem]]:
    """A file's configuration, as far as it can be read, and what is wrong with it."""
    path = Path(file).resolve()
    reading = _Reading(path.parent)
    reading.take(path, ())
    if not reading.layers:
        return None, reading.problems
    main = reading.layers[-1][1].get(WORKFLOW, {})
    if isinstance(main, dict):
        reading.problems += _wrong_keys(str(path), main)
    return _made(str(path), reading), reading.problems


def configuration_of(document: Mapping[str, Any]) -> Configuration:
    """The configuration that a document read from TOML stands for. Raises DefinitionError."""
    reading = _Reading(Path())
    reading.layers.append(("", dict(document)))
    main = document.get(WORKFLOW, {})
    if isinstance(main, dict):
        reading.problems += _wrong_keys("", main)
        if main.get("includes"):
            said = "a document in memory can include no file: give the file's path instead"
            reading.problems.append(Problem("", WORKFLOW, "includes", said))
    made = _made("", reading)
    refuse("the configuration", reading.problems)
    return made


class _Reading:
    """The files of one configuration: `layers` in the order in which they overlay each other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layers: list[tuple[str, dict[str, Any]]] = []
        self.problems: list[Problem] = []

    def take(self, path: Path, within: tuple[Path, ...]) -> None:
        """Read a file after what it includes."""
        document = self._load(path)
        if document is None:
            return
        main = document.get(WORKFLOW)
        includes = main.get("includes") if isinstance(main, dict) else None
        for name in includes if isinstance(includes, list) else ():
            if not isinstance(name, str):
                self._blame(path, f"{shown(name)} is no file's name")
            else:
                self._include(path, name, (*within, path))
        self.layers.append((str(path), document))

    def _include(self, path: Path, name: str, within: tuple[Path, ...]) -> None:
        inner = (path.parent / name).resolve()
        if inner in within:
            circle = " includes ".join(each.name for each in (*within[within.index(inner) :], inner))
            self._blame(path, f"goes round in a circle: {circle}")
        elif not inner.is_relative_to(self.folder):
            self._blame(path, f"{name!r} leaves the folder {self.folder}: put the file there, or below")
        elif not inner.is_file():
            there = sorted(each.name for each in self.folder.glob("*.toml") if each != path)
            self._blame(path, f"there is no file {name!r}; {guess(name, there)}")
        else:
            self.take(inner, within)

    def _load(self, path: Path) -> dict[str, Any] | None:
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            said = f"is no TOML: {error}"
        except UnicodeDecodeError as error:
            said = f"is no text in UTF-8 ({error})"
        except OSError as error:
            said = f"cannot be read ({error.strerror})"
        self.problems.append(Problem(str(path), "", "", said))
        return None

    def _blame(self, path: Path, said: str) -> None:
        self.problems.append(Problem(str(path), WORKFLOW, "includes", said))


def _wrong_keys(file: str, main: Mapping[str, Any]) -> Iterable[Problem]:
    """What `[workflow]` says and should not, or does not and should."""
    for key, value in main.items():
        if key not in KEYS:
            yield Problem(file, WORKFLOW, key, f"means nothing here; {guess(key, KEYS)}")
        elif not isinstance(value, KEYS[key]):
            wanted = "a list of files" if KEYS[key] is list else f'text, such as "{_example(value)}"'
            yield Problem(file, WORKFLOW, key, f"{shown(value)} must be {wanted}")
        elif isinstance(value, str) and not value.strip():
            yield Problem(file, WORKFLOW, key, "is empty")
    if "name" not in main and not any(nearest(key, ["name"]) for key in main):
        yield Problem(file, WORKFLOW, "", 'lacks the workflow\'s name: write name = "..." below [workflow]')


def _example(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else "1.0"


def _made(file: str, reading: _Reading) -> Configuration:
    sections: dict[str, dict[str, Any]] = {}
    parameters: dict[str, Any] = {}
    places: dict[str, tuple[str, str]] = {}
    for path, document in reading.layers:
        for section, table in document.items():
            if not isinstance(table, dict):
                said = f"{shown(table)} stands outside every section: move it below [parameters]"
                reading.problems.append(Problem(path, "", section, said))
                continue
            if section != WORKFLOW or path == file:
                sections.setdefault(section, {}).update(table)
            if section != WORKFLOW:
                parameters.update(table)
                places.update(dict.fromkeys(table, (path, section)))
    main = sections.get(WORKFLOW, {})
    texts = {key: main.get(key) if isinstance(main.get(key), str) else None for key in KEYS}
    return Configuration(
        file,
        texts["name"] or "",
        texts["version"],
        texts["description"] or "",
        texts["code"],
        sections,
        parameters,
        places,
    )


def named(found: Configuration) -> str:
    """How messages call a configuration."""
    return near(found.file) if found.file else f"the configuration of {found.name!r}"


def check_name(found: Configuration, name: str) -> None:
    """Raise DefinitionError for a configuration of another workflow."""
    if found.name != name:
        raise DefinitionError(
            f"{named(found)} is of workflow {found.name!r}, not of {name!r}: run {found.name!r} with it, or give another file"
        )
