"""The documents are true: their blocks run as a reader would run them, and their links lead somewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from tests.docs.blocks import commands_in, normal, pattern_of, run_console, run_python, run_toml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ITS_OWN_TEST = ROOT / "docs" / "command-line.md"  # tests/cli/test_document.py has its commands
LINK = re.compile(r"\[[^]]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)")

sybil = Sybil(
    parsers=[
        CodeBlockParser("python", run_python),
        CodeBlockParser("console", run_console),
        CodeBlockParser("toml", run_toml),
        SkipParser(),
    ],
    path=str(ROOT),
    pattern="*.md",
)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module for a page's blocks, and an empty project for its files."""
    (tmp_path / ".penstock").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("PENSTOCK_STORE", raising=False)
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    yield module
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_blocks_run(path: Path, page: ModuleType) -> None:
    """A document's blocks run from top to bottom, in one module and one folder of their own."""
    document = sybil.parse(path)
    document.namespace = vars(page)
    for example in document.examples():
        if path != ITS_OWN_TEST or example.region.evaluator is not run_console:
            example.evaluate()


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_links_lead_somewhere(path: Path) -> None:
    links = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in link]
    assert not [link for link in links if not (path.parent / link).exists()]


def test_of_a_console_only_our_own_commands_are_run() -> None:
    block = "$ make demo\n$ penstock run a.py\n✓ a  3 ms\n\n$ penstock run b.py # exits with 1\n"
    assert [tuple(command) for command in commands_in(block)] == [
        ("penstock run a.py", ["✓ a  3 ms"], 0),
        ("penstock run b.py", [], 1),
    ]


@pytest.mark.parametrize(
    ("shown_line", "printed"),
    [
        ("✓ fetch  3 items in 5 ms", "✓ fetch  3 items in 1 min 02 s"),
        ("run 2645e2a384f9027f", "run 00aa11bb22cc33dd"),
        ("03:34:42 ✓ clean  3 ms", "12:00:01 ✓ clean    0.2 s"),
        ("result ...", "  result   anything at all"),
        ("started   2026-11-21 03:34:42  0 s ago", "started   2027-01-01 00:00:00  3 s ago"),
    ],
)
def test_ids_times_and_blanks_may_differ(shown_line: str, printed: str) -> None:
    assert pattern_of(shown_line).fullmatch(normal(printed))


@pytest.mark.parametrize(
    ("shown_line", "printed"), [("3 items", "4 items"), ("completed", "failed"), ("step a", "step b")]
)
def test_nothing_else_may_differ(shown_line: str, printed: str) -> None:
    assert not pattern_of(shown_line).fullmatch(normal(printed))
