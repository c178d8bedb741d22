"""`penstock new`: a project that runs and passes its tests at once, and never anything written over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.cli.new import FILES, TEMPLATES
from tests.cli.conftest import LIMIT_SECONDS, Cli, document


def in_project(folder: Path, *words: str) -> str:
    """What a command prints in a project's folder; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=LIMIT_SECONDS,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_project_runs_and_passes_its_tests_and_the_usual_checks(
    cli: Cli, folder: Path, template: str
) -> None:
    found = document(cli("new", "first-flow", "--template", template, "--json"))
    project = folder / "first-flow"
    assert found == {
        "folder": str(project),
        "template": template,
        "files": ["first_flow.py", "test_first_flow.py", "pyproject.toml", "README.md"],
    }
    assert "✓ completed" in in_project(project, "penstock", "run", "first_flow.py")
    assert " passed" in in_project(project, "pytest", "-p", "no:cacheprovider")
    assert "All checks passed!" in in_project(
        project, "ruff", "check", "--isolated", "--select", "E,F,W,I,UP,B,ANN"
    )
    assert "pyproject.toml, key tool.penstock." in in_project(project, "penstock", "settings")


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_command_that_a_projects_readme_names_is_there(cli: Cli, folder: Path, template: str) -> None:
    from penstock.cli.commands import COMMANDS

    cli("new", "first", "--template", template)
    words = (folder / "first" / "README.md").read_text().split("`penstock ")[1:]
    named = {each.split()[0] for each in words}
    assert len(named) > 3
    assert named <= COMMANDS.keys()


def test_a_new_project_says_what_to_type_next(cli: Cli) -> None:
    result = cli("new", "first-flow")
    assert result.exit_code == 0
    assert "cd first-flow" in result.stdout
    assert "penstock run first_flow.py" in result.stdout


def test_every_file_of_a_template_goes_into_the_project() -> None:
    import penstock.cli

    for template in TEMPLATES:
        place = Path(penstock.cli.__file__).parent / "templates" / template
        assert {file.name for file in place.iterdir()} == FILES.keys()


def test_nothing_is_written_over(cli: Cli, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes").write_text("dear")
    (folder / "file").write_text("dear")
    for name in ("mine", "file"):
        result = cli("new", name)
        assert result.exit_code == 2
        assert f"'{name}' is there already: nothing was written; give another name" in result.stderr
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes"]
    assert (folder / "file").read_text() == "dear"


def test_a_folder_that_is_empty_is_filled(cli: Cli, folder: Path) -> None:
    (folder / "empty").mkdir()
    assert cli("new", "empty").exit_code == 0
    assert (folder / "empty" / "empty.py").is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1st", "'1st' cannot name a project: use letters, digits and dashes"),
        ("class", "'class' cannot name a project"),
        ("json", "import json means something else already; try 'json-flow'"),
        ("penstock", "import penstock means something else already"),
        ("nowhere/first", "there is no folder 'nowhere' to make 'first' in"),
        (".", "cannot name a project"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_leaves_nothing(
    cli: Cli, folder: Path, name: str, message: str
) -> None:
    before = sorted(folder.iterdir())
    result = cli("new", name)
    assert result.exit_code == 2
    assert message in result.stderr
    assert sorted(folder.iterdir()) == before
