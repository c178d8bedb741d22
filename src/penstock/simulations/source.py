"""The code of a simulated workflow as text: its hash, what it must hold, and the parameters it asks for.

It is never executed here.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from penstock.context.places import near
from penstock.errors import DefinitionError

CLASS = "WorkflowExecutor"
METHOD = "execute"


class Source(NamedTuple):
    """Code that was looked at. `asked` are the parameters it reads, with the default it gives each (None: it gives none).

    `needed` are those of them that it cannot do without.
    """

    text: str
    hash: str
    asked: Mapping[str, Any]
    needed: tuple[str, ...]


def source_in(path: Path) -> Source:
    """The source in a file. Raises DefinitionError, also for code that holds no workflow."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{near(str(path))} is no text in UTF-8 ({error})") from error
    except OSError as error:
        raise DefinitionError(f"{near(str(path))} cannot be read ({error.strerror})") from error
    return source_of(text, near(str(path)))


@lru_cache(maxsize=16)  # a sweep asks for the same one again and again
def source_of(text: str, place: str) -> Source:
    """The source in a text. Raises DefinitionError; `place` is how the message calls it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise DefinitionError(f"{place}{line}: is no Python: {said}") from error
    _check(tree, place)
    read = dict.fromkeys(_read(tree))
    asked = _asked(tree)
    return Source(text, hash_of(text), dict.fromkeys(read) | asked, tuple(read.keys() - asked.keys()))


def hash_of(text: str) -> str:
    """The first 16 digits of the SHA-256 of code."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _check(tree: ast.Module, place: str) -> None:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == CLASS]
    if not classes:
        others = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        said = f"it has {', '.join(others)}" if others else "it has no class"
        raise DefinitionError(
            f"{place} holds no class {CLASS}: {said}; write one with __init__(self, parameters) and {METHOD}(self, env)"
        )
    methods = {node.name: node for node in classes[-1].body if isinstance(node, ast.FunctionDef)}
    if METHOD not in methods and not classes[-1].bases:
        raise DefinitionError(
            f"{place}:{classes[-1].lineno}: {CLASS} has no method {METHOD}(self, env): write one that yields SimPy events"
        )
    method = methods.get(METHOD)
    if method is not None and not any(
        isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(method)
    ):
        raise DefinitionError(
            f"{place}:{method.lineno}: {CLASS}.{METHOD} yields nothing: let it yield events, such as `yield env.timeout(1)`"
        )


def _read(tree: ast.Module) -> Iterator[str]:
    """The names in `parameters["x"]`, also of self."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_parameters(node.value):
            name = _constant(node.slice)
            if isinstance(name, str):
                yield name


def _asked(tree: ast.Module) -> dict[str, Any]:
    """The names in `parameters.get("x", 1)` and `"x" in parameters`, with their defaults."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[first, *rest]):
                default = _constant(rest[0]) if rest else None
            case ast.Compare(left=first, ops=[ast.In() | ast.NotIn()], comparators=[owner]):
                default = None
            case _:
                continue
        name = _constant(first)
        if _is_parameters(owner) and isinstance(name, str) and found.get(name) is None:
            found[name] = default
    return found


def _is_parameters(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name == "parameters"


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
