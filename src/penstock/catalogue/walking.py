"""Goes through modules, packages, files, folders and entry points for definitions. What cannot be loaded is told, not raised.

To look for definitions is to import. Tests are passed by: files and modules named `test_...`, `tests` or `conftest`.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar

from penstock.catalogue.loading import classes_in, definitions_in, load_file, module_at, pick
from penstock.errors import DefinitionError

GROUP: Final = "penstock.workflows"
"""The entry points by which an installed package offers definitions: NAME = "MODULE:DEFINITION", or a module or package."""

T = TypeVar("T")


class Found(NamedTuple):
    """A definition, or a class that makes one; `name` where the place gives it one, and not it itself."""

    definition: Any
    place: str
    name: str | None = None


class Problem(NamedTuple):
    """A place that could not be loaded, or a definition that could not be registered, and why."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def at_place(place: str | Path | ModuleType) -> Iterator[Found | Problem]:
    """What a module, package, file, folder or `MODULE:NAME` holds, with all below it."""
    if isinstance(place, ModuleType):
        yield from _in_package(place)
        return
    name, _, chosen = str(place).partition(":")
    path = Path(name)
    if chosen:
        picked = _tried(str(place), _picked, name, chosen)
        yield picked if isinstance(picked, Problem) else Found(picked, str(place))
    elif path.is_dir():
        yield from _in_folder(path.resolve())
    else:
        yield from _loaded(str(place), module_at, name, deep=not path.is_file())


def _picked(place: str, name: str) -> Any:
    return pick(module_at(place), name)


def of_entry_points(name: str | None = None) -> Iterator[Found | Problem]:
    """What installed packages offer, or what they offer under one name."""
    from importlib.metadata import entry_points

    offered = entry_points(group=GROUP) if name is None else entry_points(group=GROUP, name=name)
    for point in offered:
        where = f"entry point {point.name} = {point.value}"
        loaded = _tried(where, point.load)
        if isinstance(loaded, ModuleType):
            yield from _in_package(loaded)
        else:
            yield loaded if isinstance(loaded, Problem) else Found(loaded, where, point.name)


def _loaded(
    place: str, load: Callable[..., ModuleType], *given: Any, deep: bool = False
) -> Iterator[Found | Problem]:
    """What a module holds, once it is loaded; `deep` if it may be a package, of which all is meant."""
    module = _tried(place, load, *given)
    if isinstance(module, Problem):
        yield module
    else:
        yield from _in_package(module) if deep else _held_by(module)


def _held_by(module: ModuleType) -> Iterator[Found | Problem]:
    place = getattr(module, "__file__", None) or module.__name__
    held = _tried(place, _definitions_of, module)
    yield from [held] if isinstance(held, Problem) else (Found(each, place) for each in held)


def _definitions_of(module: ModuleType) -> list[Any]:
    return [definition for _, definition in (*definitions_in(module), *classes_in(module))]


def _in_package(module: ModuleType) -> Iterator[Found | Problem]:
    """What a module holds; of a package also what all modules below it do."""
    yield from _held_by(module)
    for info in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{module.__name__}."):
        if _is_looked_into(info.name.rpartition(".")[2]):
            yield from _loaded(info.name, importlib.import_module, info.name, deep=info.ispkg)


def _in_folder(folder: Path) -> Iterator[Found | Problem]:
    """What the files below a folder hold. A folder that is a package is imported as one."""
    if (folder / "__init__.py").is_file():
        yield from _loaded(str(folder), _package_at, folder, deep=True)
        return
    paths = _tried(str(folder), os.listdir, folder)
    if isinstance(paths, Problem):
        yield paths
        return
    for path in sorted(folder / name for name in paths):
        if not _is_looked_into(path.stem):
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists():
            inner = path.resolve()
            if inner != folder and inner not in folder.parents:  # a link may lead back
                yield from _in_folder(inner)
        elif path.suffix == ".py":
            yield from _loaded(str(path), load_file, path)


def _package_at(folder: Path) -> ModuleType:
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
    module = importlib.import_module(folder.name)
    if str(folder) not in map(str, getattr(module, "__path__", ())):
        raise DefinitionError(
            f"the package at {folder} is hidden by another module {folder.name!r},"
            f" {getattr(module, '__file__', None) or 'built in'}: give it another name"
        )
    return module


def _is_looked_into(name: str) -> bool:
    return not name.startswith((".", "__", "test_")) and name not in ("tests", "conftest", "setup")


def _tried(place: str, load: Callable[..., T], *given: Any) -> T | Problem:
    """What `load` gives, or the problem that it has, whatever code of theirs may raise."""
    try:
        return load(*given)
    except (Exception, SystemExit) as error:
        return Problem(place, told(error))


def told(error: BaseException) -> str:
    """What an exception says, and where in the author's code it came from."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    if isinstance(error, DefinitionError):
        return str(error)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    ours = str(Path(__file__).parents[1])
    frames = [
        at
        for at in traceback.extract_tb(error.__traceback__)
        if not at.filename.startswith((ours, "<frozen"))
    ]
    mine = [at for at in frames if "importlib" not in at.filename]
    return f"{mine[-1].filename}:{mine[-1].lineno}: {words}" if mine else words
