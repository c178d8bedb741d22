"""Where a definition's code is: its module, file, variable, line, and the hash of the file."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary


def source_of(definition: Any) -> dict[str, Any]:
    """Where a definition's code is: `module`, `file`, `name` (its variable, where it has one) and the file's `hash`.

    The name of one that was made from a class of that module is the class's. A definition made in a shell or a notebook has
    no file; only the process that made it can continue its runs. One that says by itself where it is from has `recorded`, with
    `made_by`, MODULE:FUNCTION, which makes it again of this and the workflow's name.
    """
    try:
        found = _sources.get(definition)
    except TypeError:  # it cannot be remembered, as what is compared by value
        return _source_of(definition)
    if found is None:
        found = _sources[definition] = _source_of(definition)
    return found


_sources: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def _source_of(definition: Any) -> dict[str, Any]:
    said = getattr(definition, "recorded", None)
    if isinstance(said, dict) and "made_by" in said:
        return said
    module = sys.modules.get(module_of(definition))
    if module is None:
        return {}
    source: dict[str, Any] = {"module": module.__name__}
    held = vars(module)
    name = next((name for name, value in list(held.items()) if value is definition), None)
    made_from = type(definition)
    if name is None and made_from.__module__ == module.__name__ and held.get(made_from.__name__) is made_from:
        name = made_from.__name__
    if name is not None:
        source["name"] = name
    file = getattr(module, "__file__", None)
    if file is not None and Path(file).is_file():
        source["file"] = str(Path(file).resolve())
        source["hash"] = hash_of(file)
    return source


def module_of(definition: Any) -> str:
    """The name of the module that a definition was written in, as far as it tells; of a class its own."""
    said = None if isinstance(definition, type) else getattr(definition, "module", None)
    return said if isinstance(said, str) and said else str(getattr(definition, "__module__", None) or "")


def hash_of(file: str | Path) -> str:
    """The first 16 digits of the SHA-256 of a file."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]


class Place(NamedTuple):
    """Where something was written, as far as that is known. Shown as FILE:LINE."""

    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.file is None:
            return "a shell"
        return self.file if self.line is None else f"{self.file}:{self.line}"


def place_of(definition: Any) -> Place:
    """The file and the line in which a definition was written."""
    said: Any = getattr(definition, "said", None)
    if said is not None and not isinstance(definition, type):
        where, _, line = str(said).rpartition(":")
        return _place(where, int(line))
    if (spot := _code_of(definition)) is not None:
        return spot
    source = source_of(definition)
    file: str | None = source.get("file")
    return Place(file, None if file is None else _line_of(source.get("name"), file))


def _code_of(definition: Any) -> Place | None:
    """Where a function begins, or what wraps one."""
    import inspect

    code = getattr(inspect.unwrap(definition), "__code__", None)
    return None if code is None else _place(code.co_filename, code.co_firstlineno)


def _place(file: str, line: int) -> Place:
    """A shell's code has a line, and a file that is none."""
    path = Path(file).resolve()
    return Place(str(path), line) if path.is_file() else Place()


def _line_of(name: str | None, file: str) -> int | None:
    """The line at which a module's variable or class begins."""
    if name is None:
        return None
    begins = re.compile(rf"(class\s+)?{re.escape(name)}\b\s*[:=(]")
    with open(file, encoding="utf-8", errors="replace") as lines:
        return next((number for number, line in enumerate(lines, 1) if begins.match(line)), None)
