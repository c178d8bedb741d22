"""What is wrong with a configuration: all of it at once, each with its section, its key and the line it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from penstock.context.places import near
from penstock.errors import DefinitionError


class Problem(NamedTuple):
    """One wrong thing. `section` and `key` are empty where it is the file's, or the whole section's, fault."""

    file: str
    section: str
    key: str
    said: str

    @property
    def what(self) -> str:
        """The section, the key and what is wrong with it."""
        place = " ".join(part for part in (f"[{self.section}]" if self.section else "", self.key) if part)
        return f"{place}: {self.said}" if place else self.said

    @property
    def line(self) -> int | None:
        """The line it stands in, where the file shows it."""
        try:
            text = Path(self.file).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        return line_of(text, self.section, self.key)

    def __str__(self) -> str:
        if not self.file:
            return self.what
        place = near(self.file) if self.line is None else f"{near(self.file)}:{self.line}"
        return f"{place}: {self.what}"


def line_of(text: str, section: str, key: str) -> int | None:
    """The line of a key in its section, else that of the section's header; None if neither is written that way."""
    header, inside = None, not section
    entry = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""") if key else None
    for number, line in enumerate(text.splitlines(), 1):
        if (named := re.match(r"\s*\[+\s*([^]#]+?)\s*\]", line)) is not None:
            inside = named[1].strip("\"'") == section
            header = number if inside and header is None else header
        elif inside and entry is not None and entry.match(line):
            return number
    return header


def refuse(what: str, problems: Iterable[Problem]) -> None:
    """Raise DefinitionError that tells all problems, if there are any."""
    told = [str(problem) for problem in problems]
    if len(told) == 1:
        raise DefinitionError(told[0])
    if told:
        raise DefinitionError(f"{what} has {len(told)} problems:\n" + "\n".join(f"  {each}" for each in told))
