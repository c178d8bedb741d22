"""What a durable function may not call itself, because a replay would be given another answer, or do it again.

The function's syntax tree is read when it is decorated; names are looked up in its module. Functions of the same module that it
calls are read too, as soon as they are known. What this does not see, the log does: a replay that goes another way is refused.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple

from penstock.context.places import near

_NOW: Final = "use penstock.functions.now()"
_CHANCE: Final = "use penstock.functions.random()"
_STEP: Final = "call it in a step: step(fn)(...)"
_GIVEN: Final = "give it as an input, or read it in a step"
_ASYNC: Final = "use gather, race and sleep of penstock.functions"

RULES: Final[Mapping[str, str]] = {
    "time.sleep": "use penstock.functions.sleep(seconds)",
    "asyncio.sleep": "use penstock.functions.sleep(seconds)",
    "time.time": _NOW, "time.time_ns": _NOW, "time.monotonic*": _NOW, "time.perf_counter*": _NOW, "time.localtime": _NOW,
    "time.gmtime": _NOW, "time.ctime": _NOW,
    "datetime.datetime.now": _NOW, "datetime.datetime.utcnow": _NOW, "datetime.datetime.today": _NOW,
    "datetime.date.today": "use penstock.functions.now().date()",
    "random.Random": _CHANCE, "random.SystemRandom": _CHANCE, "random.*": _CHANCE, "secrets.*": _CHANCE,
    "numpy.random.*": _CHANCE,
    "uuid.uuid1": "use penstock.functions.uuid4()", "uuid.uuid4": "use penstock.functions.uuid4()",
    "os.urandom": _CHANCE, "os.getenv": _GIVEN, "os.environ*": _GIVEN, "os.getpid": _GIVEN, "input": _GIVEN,
    "a loop over a set": "its order differs from process to process: sorted(...)",
    "hash": "use zlib.crc32 or hashlib: it differs from process to process", "id": "it differs from process to process",
    "open": _STEP, "io.open": _STEP, "os.*": _STEP, "shutil.*": _STEP, "subprocess.*": _STEP, "socket.*": _STEP,
    "requests.*": _STEP, "httpx.*": _STEP, "aiohttp.*": _STEP, "urllib.request.*": _STEP, "sqlite3.connect": _STEP,
    "asyncio.*": _ASYNC, "threading.*": _ASYNC, "multiprocessing.*": _ASYNC, "concurrent.futures.*": _ASYNC,
}  # fmt: skip
"""What is called (the first pattern that fits) -> what to do instead."""

_PURE: Final = frozenset({"os.path.*", "os.fspath", "os.sep"})


class Finding(NamedTuple):
    """A call that cannot replay: where it stands, what is called, what to do instead."""

    place: str
    name: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.name}: {self.remedy}"


def findings(fn: Callable[..., Any], allow: Collection[str] = ()) -> list[Finding]:
    """All calls of a function, and of those of its module that it calls, that cannot replay."""
    found: list[Finding] = []
    seen: set[CodeType] = set()
    queue = [fn]
    for function in queue:
        if function.__code__ in seen:
            continue
        seen.add(function.__code__)
        for node, name, target in _calls(function):
            if isinstance(target, FunctionType) and target.__module__ == fn.__module__:
                queue.append(target)
            elif name is not None and (remedy := _remedy(name, allow)) is not None:
                found.append(Finding(_place(function, node), name, remedy))
    return found


def _remedy(name: str, allow: Collection[str]) -> str | None:
    if any(fnmatchcase(name, pattern) for pattern in (*allow, *_PURE)):
        return None
    return next((remedy for pattern, remedy in RULES.items() if fnmatchcase(name, pattern)), None)


def _place(fn: Callable[..., Any], node: ast.AST) -> str:
    code = fn.__code__
    first = inspect.getsourcelines(fn)[1]
    return f"{near(code.co_filename)}:{first + node.lineno - 1}"  # type: ignore[attr-defined]


def _calls(fn: Callable[..., Any]) -> Iterator[tuple[ast.AST, str | None, Any]]:
    """What a function calls: the node, its full name where that is known, and what it is."""
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getsourcelines(fn)[0])))
    except (OSError, TypeError, SyntaxError):  # written in a shell, or made at run time
        return
    names = _Names(fn, tree)
    for node in _nodes_in(tree):
        if isinstance(node, ast.Call):
            yield node, *names.of(node.func)
        elif (hurried := _gone_over(node)) is not None and names.is_set(hurried):
            yield hurried, "a loop over a set", None
        elif isinstance(node, ast.Subscript) and (known := names.of(node.value))[0] == "os.environ":
            yield node, *known


def _nodes_in(tree: ast.Module) -> Iterator[ast.AST]:
    """All that the bodies of its definitions hold: no decorators, and no defaults."""
    for definition in tree.body:
        body = getattr(definition, "body", [])
        for statement in body if isinstance(body, list) else [body]:
            yield from ast.walk(statement)


def _gone_over(node: ast.AST) -> ast.expr | None:
    """What a loop goes over, if it is one."""
    return node.iter if isinstance(node, ast.For | ast.comprehension) else None


class _Names:
    """What names mean inside a function: its own imports, what it encloses, its module's, the builtins."""

    def __init__(self, fn: Callable[..., Any], tree: ast.AST) -> None:
        closed = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=False))
        self._known = {**fn.__globals__, **{name: _content(cell) for name, cell in closed.items()}}
        self._imported = dict(_imports(tree))
        self._own = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        } | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}

    def is_set(self, node: ast.expr) -> bool:
        """Whether an expression is a set, as far as it shows."""
        made = isinstance(node, ast.Call) and self.of(node.func)[0] in ("set", "frozenset")
        return made or isinstance(node, ast.Set | ast.SetComp)

    def of(self, node: ast.AST) -> tuple[str | None, Any]:
        """The full name of what an expression names, and the thing itself, as far as they are known."""
        rest: list[str] = []
        while isinstance(node, ast.Attribute):
            rest.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self._own:
            return None, None
        if node.id in self._imported:
            return ".".join([self._imported[node.id], *rest]), None
        if node.id not in self._known:
            return (".".join([node.id, *rest]), None) if hasattr(_builtins, node.id) else (None, None)
        thing = self._known[node.id]
        name = _full_name(thing)
        for part in rest:
            thing = getattr(thing, part, None)
        return (None if name is None else ".".join([name, *rest])), thing


_builtins = sys.modules["builtins"]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(thing: Any) -> str | None:
    """As `module.name`; methods of the hidden generator of `random` and the like by the module that holds them."""
    if isinstance(thing, ModuleType):
        return thing.__name__
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    owner = getattr(thing, "__self__", None)
    if isinstance(owner, ModuleType):  # a function written in C
        module = owner.__name__
    elif owner is not None and name is not None:
        module, name = type(owner).__module__, name.rpartition(".")[2]
        if isinstance(owner, type):
            module, name = owner.__module__, f"{owner.__qualname__}.{name}"
    if module is None or name is None:
        return None
    module = {"_io": "io", "builtins": "", "posix": "os", "nt": "os", "_random": "random"}.get(module, module)
    return f"{module}.{name}" if module else name
