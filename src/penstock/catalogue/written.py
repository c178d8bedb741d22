"""A module of a project as it is written: its top-level names, the text of each without comments, and what each refers to.

Read from its file and never from what the names stand for at run time, so that two processes see the same.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, Final, NamedTuple

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_OURS: Final = str(Path(__file__).resolve().parents[1])
_BLOCKS: Final = (ast.If, ast.Try, ast.With, ast.For, ast.While)
_NAMED: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Import(NamedTuple):
    """What a name of a module stands for elsewhere: a module, or a name in one."""

    module: str
    name: str | None = None


Bared = tuple[list[str], list[tuple[list[str], Mapping[str, Import]]]]


class Written:
    """One file. `label` is its module's name, that of the file where it was run as a script."""

    def __init__(self, label: str, package: str, file: Path) -> None:
        source = file.read_bytes()
        tree = ast.parse(source)
        self.label = label
        self.package = package
        self.file = file
        self.names: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, Import] = {}
        self.stars: list[str] = []
        self.bared: dict[str, Bared] = {}  # what fingerprints have read of names
        self._codes: dict[str, list[Any]] = {}
        for code in _codes(compile(source, str(file), "exec", dont_inherit=True)):
            self._codes.setdefault(code.co_qualname, []).append(_looks(code))
        for statement in _top(tree.body):
            self._take(statement)

    def runs(self, code: CodeType) -> bool:
        """Whether a function's code is what is written here: the file may have changed since it was imported."""
        return _looks(code) in self._codes.get(code.co_qualname, ())

    def imported(self, node: ast.stmt) -> Iterator[tuple[str, Import]]:
        """The names that an import statement binds."""
        if isinstance(node, ast.Import):
            for each in node.names:
                whole = each.name if each.asname else each.name.partition(".")[0]
                yield each.asname or whole, Import(whole)
        elif isinstance(node, ast.ImportFrom):
            module = self._absolute(node)
            for each in node.names:
                yield each.asname or each.name, Import(module, each.name)

    def _take(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            self.stars.append(self._absolute(statement))
        for name, what in self.imported(statement):
            self.imports[name] = what
        for name in _bound(statement):
            self.names.setdefault(name, []).append(statement)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        above = parts[: len(parts) - node.level + 1]
        return ".".join([*above, *([node.module] if node.module else [])])


def written(name: str) -> Written | None:
    """A module of the project, by its name; None for what belongs to Python, to Penstock or to an installed package."""
    file = _file_of(name)
    if file is None or not _is_of_a_project(str(file)):
        return None
    label = name if name.rpartition(".")[2] in (file.stem, file.parent.name) else file.stem
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    try:
        state = file.stat()
        return _read(label, package, file, state.st_mtime_ns, state.st_size)
    except (OSError, SyntaxError, ValueError):
        return None


@cache
def _read(label: str, package: str, file: Path, changed: int, size: int) -> Written:
    return Written(label, package, file)


def _file_of(name: str) -> Path | None:
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is not None or module is not None:
        return _resolved(file) if file is not None and file.endswith(".py") else None
    return (
        _looked_for(name, tuple(sys.path)) if name and all(map(str.isidentifier, name.split("."))) else None
    )


@cache
def _resolved(file: str) -> Path:
    return Path(file).resolve()


@cache
def _looked_for(name: str, folders: tuple[str, ...]) -> Path | None:
    """The file of a module that nobody has imported yet."""
    below = Path(*name.split("."))
    for folder in folders:
        for file in (Path(folder, below, "__init__.py"), Path(folder, below).with_suffix(".py")):
            if file.is_file():
                return file.resolve()
    return None


@cache
def _is_of_a_project(file: str) -> bool:
    if not _INSTALLED.isdisjoint(Path(file).parts) or file.startswith(_OURS):
        return False
    paths = (Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib"))
    return not any(Path(file).is_relative_to(path) for path in paths)


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those inside of its `if`, `try`, `with` and loops too."""
    for statement in body:
        if not isinstance(statement, _BLOCKS):
            yield statement
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _top(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from _top(handler.body)


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _NAMED):
        yield statement.name
        return
    targets: list[ast.expr] = list(getattr(statement, "targets", []))
    if isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets.append(statement.target)
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                yield node.id


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _looks(code: CodeType) -> Any:
    """What two codes share that do the same, wherever in a file they stand."""
    constants = [
        _looks(each) if isinstance(each, CodeType) else (type(each), each) for each in code.co_consts
    ]
    return (code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants)
