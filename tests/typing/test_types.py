"""Type checkers read what users write as we do: mypy and pyright accept one file, and find every marked line of the other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_MARK = re.compile(r"  # error: (?P<mypy>[\w-]+), (?P<pyright>\w+)$")
_MYPY = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[\w-]+)\]$", re.MULTILINE)

Found = dict[int, set[str]]
"""By line, the checker's words for what is wrong there; it may have several."""


def marked(file: Path, checker: str) -> Found:
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    return {number: {mark[checker]} for number, line in lines if (mark := _MARK.search(line))}


def mypy(file: Path) -> Found:
    """With the project's own settings, which are strict."""
    said = run([sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(file)])
    assert all(":" in line for line in said.splitlines()), said
    return by_line((int(each["line"]), each["code"]) for each in _MYPY.finditer(said))


def pyright(file: Path, folder: Path) -> Found:
    """As it comes, without the rules that basedpyright adds."""
    settings = {"typeCheckingMode": "standard", "include": [str(file)], "pythonVersion": "3.11"}
    config = folder / "pyrightconfig.json"
    config.write_text(json.dumps(settings))
    checker = [sys.executable, "-m", "basedpyright", "--project", str(config), "--pythonpath", sys.executable]
    answer = json.loads(run([*checker, "--outputjson"]))
    assert answer["summary"]["filesAnalyzed"] == 1, answer
    errors = [each for each in answer["generalDiagnostics"] if each["severity"] == "error"]
    return by_line((each["range"]["start"]["line"] + 1, each.get("rule", each["message"])) for each in errors)


def by_line(errors: Iterable[tuple[int, str]]) -> Found:
    found: Found = {}
    for line, word in errors:
        found.setdefault(line, set()).add(word)
    return found


def run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout


@pytest.fixture(params=["mypy", "pyright"])
def checker(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Callable[[Path], Found]]:
    if request.param == "mypy":
        return "mypy", mypy
    return "pyright", lambda file: pyright(file, tmp_path)


def test_what_users_write_is_accepted(checker: tuple[str, Callable[[Path], Found]]) -> None:
    assert checker[1](HERE / "accepted.py") == {}


def test_what_is_wrong_is_found_on_its_line(checker: tuple[str, Callable[[Path], Found]]) -> None:
    name, check = checker
    file = HERE / "refused.py"
    expected = marked(file, name)
    assert len(expected) > 20
    found = check(file)
    assert found.keys() == expected.keys()
    assert not [line for line, words in expected.items() if not words <= found[line]]
