"""The documents of other systems, which are no part of this repository: their text and their fenced blocks.

They are looked for in the folder PENSTOCK_DOCUMENTS, else beside the checkout; a test that needs one that is absent is skipped.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = Path(os.environ.get("PENSTOCK_DOCUMENTS") or ROOT.parent / "shared" / "spec")

_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: the line it begins in, its language and its text."""

    line: int
    language: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @property
    def first(self) -> str:
        """Its text without the comment that names a file."""
        return re.sub(r"\A# .*\n", "", self.text)

    def __str__(self) -> str:
        return f"line {self.line}, {self.language or 'plain'}, {self.digest}"


class Document(NamedTuple):
    """A document by the name of its file."""

    name: str

    def text(self) -> str:
        path = FOLDER / self.name
        if not path.is_file():
            pytest.skip(f"there is no {self.name} in {FOLDER}: name its folder in PENSTOCK_DOCUMENTS")
        return path.read_text(encoding="utf-8")

    def blocks(self) -> list[Block]:
        text = self.text()
        return [
            Block(text.count("\n", 0, each.start()) + 1, each[1], each[2]) for each in _BLOCK.finditer(text)
        ]

    def block(self, said: str) -> Block:
        """The only one that says so."""
        (found,) = [each for each in self.blocks() if said in each.text]
        return found

    def compiled(self, block: Block, flags: int = 0) -> Any:
        """A block of Python, whose traceback names the document and the block's line in it."""
        return compile(block.text, f"{self.name}:{block.line}", "exec", flags=flags)
