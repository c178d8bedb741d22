"""Which files a workflow is made of: its code and the configuration that gives its defaults.

The code is `[workflow] code`, else NAME.py, else STEM.py of the configuration, else the one file whose stem ends NAME after an
underscore. The defaults are NAME_default.toml's, else those of the first TOML file of that name, in order.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from penstock.context.places import near
from penstock.errors import DefinitionError, RunNotFound
from penstock.model.wording import guess
from penstock.simulations.configuration import WORKFLOW, Configuration, read_configuration

FOLDER = "workflows"


class Found(NamedTuple):
    """The files of a workflow. `given` is the configuration whose stem was the name that was asked for."""

    name: str
    code: Path | None
    defaults: Configuration | None
    given: Configuration | None
    tried: tuple[str, ...]

    def file(self) -> Path:
        """The file of the code. Raises RunNotFound that tells what was tried."""
        if self.code is None:
            raise RunNotFound(
                f"no code of workflow {self.name!r} was found; tried {', '.join(self.tried)};"
                ' name it: [workflow] code = "FILE.py"'
            )
        return self.code


def folder_of(given: str | Path | None) -> Path:
    """Where workflows' files are: as given, else the nearest folder `workflows` upward, else the one that would be here."""
    if given is not None:
        path = Path(given)
        if not path.is_dir():
            raise DefinitionError(f"{str(given)!r} is no folder of workflows (looked in {Path.cwd()})")
        return path.resolve()
    here = Path.cwd()
    upward = (each / FOLDER for each in (here, *here.parents))
    return next((each for each in upward if each.is_dir()), here / FOLDER)


def find(folder: Path, name: str, config: Configuration | None = None) -> Found:
    """The files of a workflow, by its name or the stem of one of its configurations; `config` may be one from elsewhere."""
    names = dict(_named(folder))
    given = None
    files = [path for path, named in names.items() if named == name]
    if not files and config is None and (stem := folder / f"{name}.toml") in names:
        given = read_configuration(stem)
        name = given.name
        files = [path for path, named in names.items() if named == name]
    defaults = _defaults(folder, name, files, config or given)
    code, tried = _code(folder, name, config or given or defaults)
    return Found(name, code, defaults, given, tuple(tried))


def suggestion(folder: Path, name: str) -> str:
    """What to say of a name of which there is nothing."""
    return guess(name, known_in(folder))


def known_in(folder: Path) -> list[str]:
    """The names of the workflows in a folder."""
    return sorted({*_names_of_code(folder), *(named for _, named in _named(folder))})


def _named(folder: Path) -> Iterator[tuple[Path, str]]:
    """TOML files of a folder and the workflows they name; what cannot be read names none."""
    for path in sorted(folder.glob("*.toml")):
        try:
            main = tomllib.loads(path.read_text(encoding="utf-8")).get(WORKFLOW)
        except (OSError, ValueError):
            continue
        name = main.get("name") if isinstance(main, dict) else None
        if isinstance(name, str):
            yield path, name


def _names_of_code(folder: Path) -> Iterable[str]:
    for path in folder.glob("*.py"):
        try:
            if "class WorkflowExecutor" in path.read_text(encoding="utf-8"):
                yield path.stem
        except (OSError, ValueError):
            continue


def _defaults(folder: Path, name: str, files: list[Path], read: Configuration | None) -> Configuration | None:
    usual = folder / f"{name}_default.toml"
    chosen = usual if usual.is_file() else files[0] if files else None
    if chosen is None or (read is not None and read.file == str(chosen.resolve())):
        return read if chosen is not None else None
    return read_configuration(chosen)


def _code(folder: Path, name: str, config: Configuration | None) -> tuple[Path | None, list[str]]:
    """The file of the code, and every place that was looked at."""
    tried: list[str] = []
    folders = [folder]
    if config is not None and config.file:
        own = Path(config.file).parent
        folders = list(dict.fromkeys([folder, own]))
        if config.code is not None:
            return _said(own, config.code), [near(str(own / config.code))]
    stems = [name] + ([Path(config.file).stem] if config is not None and config.file else [])
    for stem in dict.fromkeys(stems):
        for place in folders:
            path = place / f"{stem}.py"
            tried.append(near(str(path)))
            if path.is_file():
                return path, tried
    ending = [path for path in sorted(folder.glob("*.py")) if name.endswith(f"_{path.stem}")]
    tried += [near(str(path)) for path in ending] or [near(str(folder / f"*_{name.rpartition('_')[2]}.py"))]
    if len(ending) > 1:
        raise DefinitionError(
            f"several files may hold the code of workflow {name!r}: {', '.join(near(str(path)) for path in ending)};"
            ' say which: [workflow] code = "FILE.py"'
        )
    return (ending[0] if ending else None), tried


def _said(folder: Path, code: str) -> Path:
    """The file that `[workflow] code` names, in the configuration's folder or below."""
    path = (folder / code).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DefinitionError(
            f"[workflow] code = {code!r} leaves the folder {folder}: put the file there, or below"
        )
    if not path.is_file():
        there = sorted(each.name for each in folder.glob("*.py"))
        raise DefinitionError(f"[workflow] code = {code!r}: there is no such file; {guess(code, there)}")
    return path
