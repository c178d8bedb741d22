"""docs/command-line.md is true: its commands run in order in one folder and print what is printed there.

Ids, times, durations and the folder differ from run to run, so they are compared by kind; so are blanks between columns; `...`
stands for anything.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.cli.conftest import Cli

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SAME = (
    (r"\b[0-9a-f]{16}\b", "RUN"),
    (r"\b[0-9a-f]{8}\b", "RUN"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\d\d:\d\d:\d\d(\.\d+)?", "CLOCK"),
    (r"\d{10}\.\d+", "SECONDS"),
    (r"\b\d+(\.\d)? (ms|s)\b", "TIME"),
    (r"/[^ ]*/(?=greetings\.py)", "FOLDER/"),
    (r" +", " "),
)


def kinds(text: str) -> str:
    """Text with everything replaced that differs from run to run."""
    for pattern, name in SAME:
        text = re.sub(pattern, name, text)
    return text.strip()


def filled(wanted: list[str], printed: list[str]) -> list[str]:
    """What was wanted, if that is what was printed once each `...` stands for anything; else what was printed."""
    pattern = ".*".join(re.escape(part) for part in "\n".join(wanted).split("..."))
    return wanted if re.fullmatch(pattern, "\n".join(printed), re.DOTALL) else printed


def commands(block: str) -> list[tuple[str, int, str]]:
    """(command, exit code, output) of a console block."""
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        command, _, remark = line.partition(" # exits with ")
        found.append((command, int(remark or 0), output))
    return found


def test_every_command_in_the_document_prints_what_is_printed_there(cli: Cli, folder: Path) -> None:
    blocks = BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))
    (code,) = (text for language, text in blocks if language == "python")
    (folder / "greetings.py").write_text(code, encoding="utf-8")
    shown = [command for language, text in blocks if language == "console" for command in commands(text)]
    assert len(shown) > 10
    for command, code_wanted, output in shown:
        program, *arguments = shlex.split(command)
        assert program == "penstock"
        result = cli(*arguments)
        assert (command, result.exit_code) == (command, code_wanted)
        wanted = kinds(output.replace("FOLDER/", "/x/")).splitlines()
        printed = kinds(result.output).splitlines()
        assert [command, *(printed if "..." not in output else filled(wanted, printed))] == [command, *wanted]


def test_every_command_is_in_the_document() -> None:
    from penstock.cli.commands import COMMANDS

    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name in COMMANDS if f"penstock {name}" not in text]


def test_every_exit_code_is_in_the_document() -> None:
    from penstock.cli import ending

    listed = set(re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    codes = {value for name, value in vars(ending).items() if name.isupper() and isinstance(value, int)}
    assert listed == {str(code) for code in codes}


def test_every_field_of_the_documents_is_listed(cli: Cli) -> None:
    import json

    text = DOCUMENT.read_text(encoding="utf-8")
    cli("run", "mendable.py")
    cli("run", "greetings.py")
    found: set[str] = set()
    for arguments in (["show", "latest"], ["runs"], ["graph", "latest"]):
        answer = json.loads(cli(*arguments, "--json").stdout)
        for document in answer if isinstance(answer, list) else [answer]:
            found |= {*document, *(key for step in document.get("steps", []) for key in step)}
    assert not [name for name in found if f"`{name}`" not in text]
