"""Tab: what a shell is offered, asked by bash itself and, where they are installed or may be, by zsh and fish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.packages import MAY_INSTALL, need


@pytest.fixture
def offered(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> object:
    """What fish, which is told most, is offered for a command line whose last word is being typed: word -> help."""

    def ask(line: str) -> dict[str, str]:
        words = line.split(" ")
        monkeypatch.setenv("_PENSTOCK_COMPLETE", "fish_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(words[:-1]) + " " + words[-1])
        monkeypatch.setenv("COMP_CWORD", words[-1])
        result = cli()
        monkeypatch.delenv("_PENSTOCK_COMPLETE")
        assert (result.exit_code, result.stderr) == (0, "")
        found = [text.partition(",")[2].partition("\t") for text in result.stdout.splitlines() if text]
        return {word: said for word, _, said in found}

    return ask


def test_commands_are_offered_with_what_they_are_for(offered) -> None:  # type: ignore[no-untyped-def]
    assert offered("penstock ru") == {
        "run": "Run a workflow and watch it.",
        "runs": "List runs, the newest first.",
    }


def test_commands_of_a_command_and_its_options_are_offered(offered) -> None:  # type: ignore[no-untyped-def]
    assert list(offered("penstock db b")) == ["backup"]
    assert "--status" in offered("penstock runs --s")
    assert list(offered("penstock runs --status comp")) == ["completed"]


def test_inputs_of_the_workflow_in_a_file_are_offered(offered) -> None:  # type: ignore[no-untyped-def]
    assert list(offered("penstock run greetings.py --p")) == ["--profile", "--polite"]


def test_runs_and_their_steps_are_offered(cli: Cli, offered) -> None:  # type: ignore[no-untyped-def]
    assert offered("penstock show ") == {}
    cli("run", "greetings.py", "--quiet")
    shown = offered("penstock show ")
    latest, run = shown
    assert latest == "latest"
    assert shown[run].startswith("greetings, completed, ")
    assert list(offered(f"penstock show {run[:3]}")) == [run]
    assert set(offered("penstock logs latest ")) == {"names", "greet", "letter"}
    assert list(offered("penstock logs latest gr")) == ["greet"]


def test_schedules_are_offered(cli: Cli, offered) -> None:  # type: ignore[no-untyped-def]
    cli("schedule", "add", "greetings.py", "--name", "nightly", "--every", "1h")
    assert offered("penstock schedule pause ni") == {"nightly": "greetings"}


def test_nothing_is_said_where_nothing_can_be_offered(cli: Cli, offered, folder: Path) -> None:  # type: ignore[no-untyped-def]
    Path("broken.py").write_text("print('loud')\nraise ValueError('no')")
    (folder / ".penstock" / "penstock.db").write_bytes(b"no database" * 1000)
    assert "--profile" in offered("penstock run broken.py --p")
    assert offered("penstock show ") == {}


def test_the_shell_is_the_one_that_is_used(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/zsh")
    assert "#compdef penstock" in cli("completion").stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    result = cli("completion")
    assert (result.exit_code, "say which shell" in result.stderr) == (2, True)
    assert "did you mean 'fish'" in cli("completion", "fsh").stderr


def test_bash_completes_commands_and_runs(cli: Cli, folder: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    cli("run", "greetings.py", "--quiet")
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "penstock").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m penstock "$@"\n')
    (bin_ / "penstock").chmod(0o755)
    script = """
    eval "$(penstock completion bash)"
    COMP_WORDS=(penstock pau); COMP_CWORD=1; COMPREPLY=(); _penstock_completion penstock; echo "${COMPREPLY[@]}"
    COMP_WORDS=(penstock show la); COMP_CWORD=2; COMPREPLY=(); _penstock_completion penstock; echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=True,
    )
    assert (result.stdout.split(), result.stderr) == (["pause", "latest"], "")


@MAY_INSTALL
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_script(cli: Cli, shell: str, folder: Path) -> None:
    script = folder / "script"
    script.write_text(cli("completion", shell).stdout)
    assert "_PENSTOCK_COMPLETE" in script.read_text()
    need(shell, is_here=lambda: shutil.which(shell) is not None)
    subprocess.run([shell, "-n", str(script)], check=True, timeout=300)
