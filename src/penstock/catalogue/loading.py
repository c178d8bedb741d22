"""Finds definitions by `FILE[:NAME]`, by `MODULE[:NAME]`, and by what a run recorded of its code."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeGuard

from penstock.errors import DefinitionError, RunNotFound
from penstock.model.program import Definition
from penstock.model.wording import guess, listed


def load(spec: str) -> Definition:
    """The definition that `FILE[:NAME]` or `MODULE[:NAME]` names; NAME is a variable's or the definition's own name.

    Raises DefinitionError if there is no such file or module, or not exactly one definition that fits.
    """
    place, _, name = spec.partition(":")
    module = module_at(place)
    return pick(module, name)


def load_all(spec: str) -> list[tuple[str, Definition]]:
    """Every definition that a file or module holds, by variable; with `:NAME` that one alone. Raises as `load` does."""
    place, _, name = spec.partition(":")
    module = module_at(place)
    found = _offered(module)
    if not found or name:
        chosen = pick(module, name)
        held = (variable for variable, each in found.items() if each is chosen or each is type(chosen))
        return [(next(held, name), chosen)]
    return [(variable, _made(each)) for variable, each in found.items()]


def reload(source: dict[str, Any], workflow: str) -> Definition:
    """The definition a run was started from. Raises RunNotFound, with the remedy, if its code is not where it was."""
    if "made_by" in source:
        return _remade(source, workflow)
    for name, module in list(sys.modules.items()):
        if name == source.get("module") and name != "__main__":
            return pick(module, source.get("name") or workflow)
    file = source.get("file")
    if file is not None and Path(file).is_file():
        module = _in_package(source.get("module", ""), Path(file)) or module_at(file)
        return pick(module, source.get("name") or workflow)
    if source.get("module") and file is None:
        return pick(module_at(source["module"]), source.get("name") or workflow)
    raise RunNotFound(
        f"the code of workflow {workflow!r} is not where the run recorded it ({file or source or 'in a shell'});"
        " name it: penstock resume RUN --file FILE[:NAME]"
    )


def _remade(source: dict[str, Any], workflow: str) -> Definition:
    """A definition that was no variable of a module: the function that it named makes it again."""
    place, _, name = str(source["made_by"]).partition(":")
    made: Definition = getattr(importlib.import_module(place), name)(source, workflow)
    return made


def _in_package(name: str, file: Path) -> ModuleType | None:
    """The module of that name, from the package around its file: imported so, it may name its neighbours by dots."""
    parts = name.split(".")
    below = file.parent if file.name == "__init__.py" else file.with_suffix("")
    if len(parts) == 1 or below.parts[-len(parts) :] != tuple(parts):
        return None
    root = str(below.parents[len(parts) - 1])
    if root not in sys.path:
        sys.path.insert(0, root)
    module = importlib.import_module(name)
    return module if getattr(module, "__file__", None) == str(file) else None


def definitions_in(module: ModuleType) -> Iterator[tuple[str, Definition]]:
    """The definitions a module holds, by variable; one held under two names counts once."""
    seen: set[int] = set()
    for name, value in list(vars(module).items()):
        if not isinstance(value, type) and id(value) not in seen and is_definition(value):
            seen.add(id(value))
            yield name, value


def is_definition(value: Any) -> TypeGuard[Definition]:
    """Whether a value has a program; one that raises when it is asked (some stand for what is not there yet) has none."""
    try:
        return isinstance(value, Definition)
    except Exception:
        return False


def classes_in(module: ModuleType) -> Iterator[tuple[str, type[Definition]]]:
    """The classes written in a module that make a definition of nothing, by name; not those whose definitions it holds."""
    made = {type(value) for _, value in definitions_in(module)}
    for name, value in list(vars(module).items()):
        mine = isinstance(value, type) and (value.__module__, value.__name__) == (module.__name__, name)
        if mine and value not in made and makes_definitions(value):
            yield name, value


def makes_definitions(kind: type) -> TypeGuard[type[Definition]]:
    """Whether a class, called with nothing, makes a definition."""
    import inspect

    if not callable(getattr(kind, "as_program", None)) or inspect.isabstract(kind):
        return False
    try:
        inspect.signature(kind).bind()
    except (TypeError, ValueError):
        return False
    return not getattr(kind, "_is_protocol", False)


def pick(module: ModuleType, name: str = "") -> Definition:
    """The definition of that name in a module, or the only one. Raises DefinitionError with what there is.

    A class that makes definitions makes one; without a name classes count where the module holds no definition.
    """
    found = _offered(module)
    where = getattr(module, "__file__", None) or module.__name__
    if not found:
        raise DefinitionError(
            f"{where} holds no workflow: make one, such as flow = Workflow('name'), at the top level"
        )
    if name:
        return _made(_named(name, module, found, where))
    found = dict(definitions_in(module)) or found
    if len(found) > 1:
        raise DefinitionError(
            f"{where} holds {len(found)} workflows: say which one: {listed(f'{where}:{n}' for n in found)}"
        )
    return _made(next(iter(found.values())))


def _offered(module: ModuleType) -> dict[str, Any]:
    return {**dict(definitions_in(module)), **dict(classes_in(module))}


def _named(name: str, module: ModuleType, found: Mapping[str, Any], where: str) -> Any:
    held = vars(module).get(name)
    for definition in found.values():
        if definition is held:
            return definition
    if isinstance(held, type) and makes_definitions(held):  # the module holds one that it made as well
        return held
    for definition in found.values():
        if name == getattr(definition, "name", None):
            return definition
    raise DefinitionError(f"{where} holds no workflow {name!r}; {guess(name, found, 'it holds')}")


def _made(definition: Any) -> Definition:
    made: Definition = definition() if isinstance(definition, type) else definition
    return made


def module_at(place: str) -> ModuleType:
    """The module of a file or of a name. Raises DefinitionError if there is neither, and whatever it raises itself."""
    path = Path(place)
    if path.is_dir() and (path.suffix == ".py" or not (path / "__init__.py").is_file()):
        raise DefinitionError(f"{place!r} is a folder; give a file in it, such as {path / 'flow.py'}")
    if path.suffix == ".py" or path.is_file():
        if not path.is_file():
            raise DefinitionError(f"there is no file {place!r} (looked in {Path.cwd()})")
        _check_readable(path)
        return load_file(path.resolve())
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


class _ScriptLoader(SourceFileLoader):
    """Reads no bytecode: a file that is changed within a second, to the same length, would run as it was before."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def load_file(path: Path) -> ModuleType:
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
    if type(spec.loader) is SourceFileLoader:
        spec.loader = _ScriptLoader(name, str(path))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
