"""Name -> definition, source, hash: where a run's code is, so that any process can find it again."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from penstock.errors import DefinitionError, RunNotFound
from penstock.model.graph import nearest
from penstock.model.program import Definition


def source_of(definition: Any) -> dict[str, Any]:
    """Where a definition's code is: `module`, `file`, `name` (its variable, where it has one) and the file's `hash`.

    A definition made in a shell or a notebook has no file; only the process that made it can continue its runs.
    """
    found = _sources.get(definition)
    if found is None:
        found = _sources[definition] = _source_of(definition)
    return found


_sources: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def _source_of(definition: Any) -> dict[str, Any]:
    module = sys.modules.get(getattr(definition, "module", "") or type(definition).__module__)
    if module is None:
        return {}
    source: dict[str, Any] = {"module": module.__name__}
    name = next((name for name, value in vars(module).items() if value is definition), None)
    if name is not None:
        source["name"] = name
    file = getattr(module, "__file__", None)
    if file is not None and Path(file).is_file():
        source["file"] = str(Path(file).resolve())
        source["hash"] = hash_of(file)
    return source


def hash_of(file: str | Path) -> str:
    """The first 16 digits of the SHA-256 of a file."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]


def load(spec: str) -> Definition:
    """The definition that `FILE[:NAME]` or `MODULE[:NAME]` names; NAME is a variable's or the definition's own name.

    Raises DefinitionError if there is no such file or module, or not exactly one definition that fits.
    """
    place, _, name = spec.partition(":")
    module = _module_at(place)
    return pick(module, name)


def load_all(spec: str) -> list[tuple[str, Definition]]:
    """Every definition that a file or module holds, by variable; with `:NAME` that one alone. Raises as `load` does."""
    place, _, name = spec.partition(":")
    module = _module_at(place)
    found = list(definitions_in(module))
    if found and not name:
        return found
    chosen = pick(module, name)
    return [(variable, definition) for variable, definition in found if definition is chosen]


def reload(source: dict[str, Any], workflow: str) -> Definition:
    """The definition a run was started from. Raises RunNotFound, with the remedy, if its code is not where it was."""
    for name, module in list(sys.modules.items()):
        if name == source.get("module") and name != "__main__":
            return pick(module, source.get("name") or workflow)
    file = source.get("file")
    if file is not None and Path(file).is_file():
        return pick(_module_at(file), source.get("name") or workflow)
    if source.get("module") and file is None:
        return pick(_module_at(source["module"]), source.get("name") or workflow)
    raise RunNotFound(
        f"the code of workflow {workflow!r} is not where the run recorded it ({file or source or 'in a shell'});"
        " name it: penstock resume RUN --file FILE[:NAME]"
    )


def definitions_in(module: ModuleType) -> Iterator[tuple[str, Definition]]:
    """The definitions a module holds, by variable; one held under two names counts once."""
    seen: set[int] = set()
    for name, value in list(vars(module).items()):
        if not isinstance(value, type) and isinstance(value, Definition) and id(value) not in seen:
            seen.add(id(value))
            yield name, value


def pick(module: ModuleType, name: str = "") -> Definition:
    """The definition of that name in a module, or the only one. Raises DefinitionError with what there is."""
    found = dict(definitions_in(module))
    where = getattr(module, "__file__", None) or module.__name__
    if not found:
        raise DefinitionError(
            f"{where} holds no workflow: make one, such as flow = Workflow('name'), at the top level"
        )
    if name:
        for definition in found.values():
            if id(definition) == id(vars(module).get(name)):
                return definition
        for definition in found.values():
            if name == getattr(definition, "name", None):
                return definition
        close = nearest(name, found)
        hint = f"did you mean {close!r}?" if close else f"it holds {', '.join(found)}"
        raise DefinitionError(f"{where} holds no workflow {name!r}; {hint}")
    if len(found) > 1:
        raise DefinitionError(
            f"{where} holds {len(found)} workflows: say which one: {', '.join(f'{where}:{n}' for n in found)}"
        )
    return next(iter(found.values()))


def _module_at(place: str) -> ModuleType:
    path = Path(place)
    if path.is_dir() and (path.suffix == ".py" or not (path / "__init__.py").is_file()):
        raise DefinitionError(f"{place!r} is a folder; give a file in it, such as {path / 'flow.py'}")
    if path.suffix == ".py" or path.is_file():
        if not path.is_file():
            raise DefinitionError(f"there is no file {place!r} (looked in {Path.cwd()})")
        _check_readable(path)
        return _load_file(path.resolve())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and place.split(".", maxsplit=1)[0] != error.name.split(".")[0]:
            raise
        raise DefinitionError(
            f"there is no file and no module {place!r}; give a path such as flows/etl.py"
        ) from error


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise DefinitionError(
            f"{path} cannot be read ({error.strerror}): see who may read it, ls -l {path}"
        ) from error


def _load_file(path: Path) -> ModuleType:
    """Import a file under its stem, its folder on the path, as if it were run from there; once a process."""
    for module in list(sys.modules.values()):
        if module.__name__ != "__main__" and getattr(module, "__file__", None) == str(path):
            return module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    name = (
        path.stem
        if path.stem not in sys.modules
        else f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    )
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
