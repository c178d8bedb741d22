"""What one Python file holds: pure functions from source text to a small record that JSON can carry.

- Every line has one kind: a docstring's, blank, a comment's, or code.
- Complexity is McCabe's, with each `and`, `or`, comprehension and `case` counted as a branch. A lambda's
  branches belong to the function around it; a nested function is a function of its own.
- Documented is the share of public definitions that carry a docstring: the module itself, and the classes and
  functions whose names, down from the module, have no leading underscore and which are not inside a function.
- A file that cannot be parsed is a record too: its lines are counted and `error` says what is wrong.
"""

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypedDict

INSTALLED_FOLDERS = frozenset({"site-packages", "dist-packages"})
TEST_FOLDERS = frozenset({"test", "tests", "idle_test"})
UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Definition = FunctionNode | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert)


@dataclass(frozen=True)
class Function:
    """One function or method: its dotted name inside the module, and its size in lines and branches."""

    name: str
    line: int
    length: int
    complexity: int


@dataclass(frozen=True)
class Module:
    """One file. `imports` are absolute dotted names; `error` is empty if the file could be parsed."""

    path: str
    name: str
    lines: int
    code: int = 0
    comments: int = 0
    docstrings: int = 0
    blank: int = 0
    classes: int = 0
    definitions: int = 0
    documented: int = 0
    functions: list[Function] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    error: str = ""


class LineKinds(TypedDict):
    lines: int
    code: int
    comments: int
    docstrings: int
    blank: int


def measure_source(path: str, source: bytes) -> Module:
    """The record of the file at `path` (relative, with slashes) that holds `source`, however bad that is."""
    name = module_name(path)
    try:
        text = decoded(source)
        tree = parsed(text)
    except UNPARSABLE as error:
        return Module(
            path=path, name=name, lines=source.count(b"\n"), error=f"{type(error).__name__}: {error}"
        )
    named = list(definitions(tree))
    public = [tree, *(node for qualified, node in named if is_public(qualified))]
    return Module(
        path=path,
        name=name,
        **line_kinds(text, tree),
        classes=sum(isinstance(node, ast.ClassDef) for _, node in named),
        definitions=len(public),
        documented=sum(has_docstring(node) for node in public),
        functions=[sized(qualified, node) for qualified, node in named if isinstance(node, FUNCTIONS)],
        imports=imported_names(tree, package=package_of(path)),
    )


def module_name(path: str) -> str:
    """`email/mime/text.py` is `email.mime.text`; `email/__init__.py` is `email`."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: str) -> str:
    """The package that a relative import in this file starts from."""
    return ".".join(PurePosixPath(path).parts[:-1])


def source_files(root: Path, *, tests: bool = False) -> list[str]:
    """The library's own Python files under `root`: relative paths with slashes, sorted, the same everywhere."""
    left_out = INSTALLED_FOLDERS if tests else INSTALLED_FOLDERS | TEST_FOLDERS
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    return sorted(path.as_posix() for path in paths if left_out.isdisjoint(path.parts[:-1]))


def decoded(source: bytes) -> str:
    """Source as text, by its own encoding cookie, with newlines made plain."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return io.TextIOWrapper(io.BytesIO(source), encoding).read()


def parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


# Lines


def line_kinds(text: str, tree: ast.Module) -> LineKinds:
    """How many lines of each kind; the kinds add up to `lines`."""
    rows = text.removesuffix("\n").split("\n") if text else []
    docstrings = docstring_lines(tree)
    blank = {number for number, row in enumerate(rows, 1) if not row.strip()} - docstrings
    comments = comment_lines(text) - docstrings
    return {
        "lines": len(rows),
        "code": len(rows) - len(docstrings) - len(blank) - len(comments),
        "comments": len(comments),
        "docstrings": len(docstrings),
        "blank": len(blank),
    }


def docstring_lines(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in [tree, *(node for _, node in definitions(tree))]:
        if has_docstring(node):
            found.update(span(node.body[0]))
    return found


def comment_lines(text: str) -> set[int]:
    """Lines that hold a comment and nothing else."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
    }


def span(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


# Definitions


def definitions(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Every function and class with its qualified name, in the order of the source."""
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, DEFINITIONS):
            yield prefix + node.name, node
            prefix += node.name + ("." if isinstance(node, ast.ClassDef) else ".<locals>.")
        pending.extend((prefix, child) for child in reversed(list(ast.iter_child_nodes(node))))


def is_public(qualified: str) -> bool:
    return not any(part.startswith(("_", "<")) for part in qualified.split("."))


def has_docstring(node: ast.Module | Definition) -> bool:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), *_]:
            return True
        case _:
            return False


def sized(qualified: str, node: FunctionNode) -> Function:
    return Function(
        name=qualified.replace(".<locals>", ""),
        line=node.lineno,
        length=len(span(node)),
        complexity=complexity(node),
    )


def complexity(node: FunctionNode) -> int:
    """McCabe's number of the function alone: one, and one more for each branch."""
    total = 1
    pending: list[ast.AST] = list(node.body)
    while pending:
        child = pending.pop()
        if isinstance(child, DEFINITIONS):
            continue
        total += branches(child)
        pending.extend(ast.iter_child_nodes(child))
    return total


def branches(node: ast.AST) -> int:
    match node:
        case ast.BoolOp(values=values):
            return len(values) - 1
        case ast.comprehension(ifs=conditions):
            return 1 + len(conditions)
        case ast.match_case(pattern=ast.MatchAs(pattern=None), guard=None):
            return 0
        case ast.match_case():
            return 1
        case _:
            return int(isinstance(node, BRANCHES))


# Imports


def imported_names(tree: ast.Module, *, package: str) -> list[str]:
    """Absolute dotted names, sorted: `from a import b` gives `a.b`, because b may be a module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, package)
            found.update(f"{source}.{alias.name}".removesuffix(".*").lstrip(".") for alias in node.names)
    return sorted(found)


def absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join(part for part in [*parts, node.module or ""] if part)
