"""What a function's code is: its syntax tree and that of all of its project that it refers to, as one digest.

1. Comments, docstrings and layout count for nothing; nor do Penstock's own decorators, which say how a step runs.
2. Functions, classes and constants of the same project count, however far away. What belongs to Python, to Penstock or to an
   installed package counts by its name only.
3. Of values that a function closes over, of defaults of a `partial` and the like, plain ones count as they are, others by type.
4. A function of a file that changed since it was imported has no fingerprint: what runs is not what is written.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from symtable import SymbolTable, symtable
from types import FunctionType
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from penstock.catalogue.shapes import global_names, innermost, plain, shape_of
from penstock.catalogue.written import Bared, Import, Written, written

DIGITS: Final = 16
DEEPEST: Final = 20
"""Through so many modules a name is followed."""


class Code(NamedTuple):
    """`parts` is a digest for each function, class or constant, by name; `stale` names a part whose file has changed since."""

    digest: str
    parts: Mapping[str, str]
    stale: str | None = None


def code_of(fn: Callable[..., Any]) -> Code:
    """The fingerprint of a function, the same in every process."""
    try:
        found = _known.get(fn)
    except TypeError:  # it cannot be remembered
        return _code_of(fn)
    if found is None:
        found = _known[fn] = _code_of(fn)
    return found


_known: WeakKeyDictionary[Any, Code] = WeakKeyDictionary()


def name_of(fn: Callable[..., Any]) -> str:
    """What a function is called in fingerprints: its module, or the file's name of a script, and its qualified name."""
    inner = innermost(fn)
    module = written(getattr(inner, "__module__", "") or "")
    label = module.label if module is not None else getattr(inner, "__module__", "")
    return f"{label}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names of the parts that differ between two fingerprints."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def digest_of(parts: Mapping[str, str]) -> str:
    """One digest for all parts."""
    return _digest("\n".join(f"{name} {each}" for name, each in sorted(parts.items())))


def _code_of(fn: Callable[..., Any]) -> Code:
    reading = _Reading()
    reading.add(fn)
    return Code(digest_of(reading.parts), reading.parts, reading.stale)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


class _Reading:
    """Goes from a function to all that it refers to."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.stale: str | None = None
        self._queue: list[tuple[Written, str]] = []
        self._seen: set[int] = set()
        # what functions were written within; whether these run as written is all the same
        self._around: set[str] = set()

    def add(self, fn: Any) -> None:
        """A function, or what holds one, and all below it."""
        if id(fn) in self._seen:
            return
        self._seen.add(id(fn))
        if isinstance(fn, partial):
            said = [plain(each) for each in (*fn.args, *sorted(fn.keywords.items()))]
            self.parts[f"{name_of(fn)} (partial)"] = _digest(repr(said))
        inner = innermost(fn)
        if not isinstance(inner, FunctionType):
            inner = inner if isinstance(inner, type) else type(inner)
        module = written(inner.__module__ or "")
        top, _, within = inner.__qualname__.partition(".")
        if module is not None and top in module.names:
            if within:
                self._around.add(f"{module.label}.{top}")
            self._queue.append((module, top))
        elif isinstance(inner, FunctionType):
            self._add_code(inner, module)
        if isinstance(inner, FunctionType):
            self._check(module, inner)
            self._add_closure(inner)
        self._work()

    def _add_code(self, fn: FunctionType, module: Written | None) -> None:
        """A function that no top-level name stands for, such as a lambda, or one that was typed into a shell."""
        label = name_of(fn)
        defaults = plain([fn.__defaults__, fn.__kwdefaults__])
        self.parts[label] = _digest(f"{shape_of(fn.__code__)} {defaults}")
        for name in sorted(set(global_names(fn.__code__))):
            if module is not None:
                self._refer(module, [name], {}, [])
            elif isinstance(named := fn.__globals__.get(name), FunctionType):
                self.add(named)
            elif name in fn.__globals__ and not inspect.ismodule(named):
                self.parts[f"{fn.__module__}.{name}"] = _digest(plain(named))

    def _add_closure(self, fn: FunctionType) -> None:
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not yet filled
                continue
            if isinstance(value, FunctionType | partial):
                self.add(value)
            else:
                self.parts[f"{name_of(fn)} ({name})"] = _digest(plain(value))

    def _check(self, module: Written | None, fn: FunctionType) -> None:
        if module is not None and self.stale is None and not module.runs(fn.__code__):
            self.stale = name_of(fn)

    def _work(self) -> None:
        while self._queue:
            module, name = self._queue.pop()
            label = f"{module.label}.{name}"
            if label not in self.parts:
                self.parts[label] = ""
                self.parts[label] = self._read(module, name)
                if label not in self._around:
                    self._check_live(module, name)

    def _check_live(self, module: Written, name: str) -> None:
        live = vars(sys.modules.get(module.label) or _nothing).get(name)
        inner = innermost(live)
        if isinstance(inner, FunctionType) and inner.__module__ == module.label:
            self._check(module, inner)

    def _read(self, module: Written, name: str) -> str:
        """A part's digest: its text, and what names from outside stand for in it."""
        outside: list[str] = []
        texts, chains = _text_and_names(module, name)
        for chain, inner in chains:
            self._refer(module, chain, inner, outside)
        return _digest("\n".join([*texts, *sorted(set(outside))]))

    def _refer(
        self, module: Written, chain: list[str], inner: Mapping[str, Import], outside: list[str]
    ) -> None:
        """Follow a dotted name of a module to what it stands for."""
        first, *rest = chain
        what = inner.get(first) or (None if first in module.names else module.imports.get(first))
        if first in module.names and what is None:
            self._queue.append((module, first))
            return
        targets = [what] if what is not None else [Import(star, first) for star in module.stars]
        for each in targets:
            found = _target(each.module, [*([each.name] if each.name else []), *rest])
            if found is not None:
                self._queue.append(found)
            elif what is not None and written(each.module) is None:
                outside.append(f"{first} = {each.module}.{each.name or ''}")


def _text_and_names(module: Written, name: str) -> Bared:
    """The bare text of a name's statements, and the dotted names that they take from outside, with what they import."""
    known = module.bared.get(name)
    if known is not None:
        return known
    texts: list[str] = []
    chains: list[tuple[list[str], Mapping[str, Import]]] = []
    for statement in module.names[name]:
        bare = _Bare(module).visit(copy.deepcopy(statement))
        texts.append(ast.unparse(bare))
        within = (node for node in ast.walk(bare) if isinstance(node, ast.stmt))
        inner = dict(pair for node in within for pair in module.imported(node))
        free = _free(symtable(texts[-1], name, "exec"))
        chains += [(chain, inner) for chain in _chains(bare) if chain[0] in free or chain[0] in inner]
    module.bared[name] = texts, chains
    return texts, chains


def _target(place: str, names: list[str], depth: int = 0) -> tuple[Written, str] | None:
    """From a name that was imported to where it is written; it may go through several modules."""
    module = written(place)
    if not names or depth > DEEPEST:
        return None
    if module is not None and names[0] in module.names:
        return module, names[0]
    if written(f"{place}.{names[0]}") is not None:
        return _target(f"{place}.{names[0]}", names[1:], depth + 1)
    if module is None:
        return None
    again = module.imports.get(names[0])
    if again is not None:
        return _target(again.module, [*([again.name] if again.name else []), *names[1:]], depth + 1)
    stars = (_target(star, names, depth + 1) for star in module.stars)
    return next((found for found in stars if found is not None), None)


class _Nothing:
    pass


_nothing = _Nothing()


class _Bare(ast.NodeTransformer):
    """A statement without docstrings, and without the decorators that are Penstock's."""

    def __init__(self, module: Written) -> None:
        self._module = module

    def visit_Expr(self, node: ast.Expr) -> Any:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = [each for each in node.decorator_list if not self._is_ours(each)]
        return super().generic_visit(node)

    def _is_ours(self, decorator: ast.expr) -> bool:
        """`@task(...)`, `@penstock.task`, or `@flow.task` where `flow` was made by something of Penstock's."""
        root = _root(decorator)
        if self._is_penstock(root):
            return True
        made = self._module.names.get(root, ())
        return any(
            isinstance(each, ast.Assign)
            and isinstance(each.value, ast.Call)
            and self._is_penstock(_root(each.value))
            for each in made
        )

    def _is_penstock(self, name: str) -> bool:
        what = self._module.imports.get(name)
        return what is not None and what.module.partition(".")[0] == "penstock"


def _free(table: SymbolTable) -> set[str]:
    """The names that a statement takes from its module: neither parameters nor what it binds within itself."""
    top = table.get_type() == "module"
    names = {
        each.get_name() for each in table.get_symbols() if each.is_referenced() and (top or each.is_global())
    }
    return names.union(*map(_free, table.get_children()))


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _chains(tree: ast.AST) -> Iterator[list[str]]:
    """Every dotted name of a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield [node.id]
        elif isinstance(node, ast.Attribute):
            names: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                names.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield [inner.id, *reversed(names)]
