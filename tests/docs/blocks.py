"""How the blocks of a document are run: Python in one module a page, files onto the disk, `$ penstock` lines in a shell.

- A ```python block that begins with a line `# name.py` is that file: it is written to the page's folder and imported. One that
  names a folder too, `# folder/name.py`, and a ```toml block that begins so, is written and no more.
- Of a ```console block, lines `$ penstock ...` are run there. Each must exit with 0, unless it ends in `# exits with 2`.
  What is shown below a command must be in its output, line by line in this order, but for ids, times, durations and blanks;
  `...` stands for anything. Other commands are for the reader.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sybil import Example
from sybil.evaluators.python import PythonEvaluator

FILE_LINE = re.compile(r"# ((?:\w+/)?\w+\.(?:py|toml))\n")
LIMIT_SECONDS = 180

_VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b|\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
    (re.compile(r"\b[0-9a-f]{16}\b|\b(?=[a-f]*\d)[0-9a-f]{8}\b|\b[a-f]{8}\b"), "ID"),
    (re.compile(r"\b(\d+ h|\d+ min|[\d.]+ s|\d+ ms)( \d+ (min|s))?( ago)?(?!\w)"), "DURATION"),
    (re.compile(r"\s+"), " "),
)

_python = PythonEvaluator()


def run_python(example: Example) -> None:
    """A block of Python; one that begins with a file's name becomes that file."""
    source = str(example.parsed)
    named = FILE_LINE.match(source)
    if named is None:
        _python(example)
        return
    file = Path(named[1])
    write(file, source)
    if file.parent != Path():
        return
    sys.modules.pop(file.stem, None)
    importlib.invalidate_caches()
    importlib.import_module(file.stem)


def run_toml(example: Example) -> None:
    """A block of TOML that begins with a file's name becomes that file."""
    source = str(example.parsed)
    named = FILE_LINE.match(source)
    if named is not None:
        write(Path(named[1]), source)


def write(file: Path, source: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(source, encoding="utf-8")


class Command(NamedTuple):
    """A command line as a page shows it, with what the page says it prints and how it ends."""

    line: str
    shown: list[str]
    code: int


def run_console(example: Example) -> str | None:
    """A block of the console; what differs from the page, if anything."""
    faults = [fault for command in commands_in(str(example.parsed)) for fault in _faults_of(command)]
    return "\n".join(faults) or None


def commands_in(block: str) -> Iterator[Command]:
    """The commands of ours in a block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *shown = part.rstrip().split("\n")
        if line.startswith("penstock "):
            line, _, code = line.partition(" # exits with ")
            yield Command(line, [text for text in shown if text.strip()], int(code or 0))


def _faults_of(command: Command) -> Iterator[str]:
    code, output = _run(command.line)
    if code != command.code:
        yield f"$ {command.line}\nexits with {code}, not {command.code}:\n{output}"
    found = iter(output.split("\n"))
    for line in command.shown:
        if line.strip() != "..." and not any(pattern_of(line).fullmatch(normal(each)) for each in found):
            yield f"$ {command.line}\ndoes not print, in this place:\n{line}\nbut:\n{output}"
            return


def _run(line: str) -> tuple[int, str]:
    own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    done = subprocess.run(
        ["sh", "-c", f"exec {line}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
        env={**os.environ, **own, "NO_COLOR": "1"},
    )
    return (done.returncode if done.returncode >= 0 else 128 - done.returncode), done.stdout


def normal(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, name in _VARYING:
        line = pattern.sub(name, line)
    return line.strip()


def pattern_of(line: str) -> re.Pattern[str]:
    """What a shown line stands for."""
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\.\.\.", normal(line))))
