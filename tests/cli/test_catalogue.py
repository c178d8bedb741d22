"""`penstock catalogue`, and commands that are given a name from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.catalogue import catalogue
from tests.cli.conftest import Cli, Spawned, document


@pytest.fixture(autouse=True)
def _project(folder: Path) -> Iterator[None]:
    """A project that says where its workflows are; one of the files is broken."""
    (folder / "pyproject.toml").write_text('[tool.penstock]\nworkflows = ["flows/", "greetings.py"]\n')
    (folder / "flows").mkdir()
    (folder / "flows" / "mending.py").write_text((folder / "mendable.py").read_text())
    yield
    catalogue.clear()


def broken(folder: Path, name: str = "broken") -> Path:
    path = folder / "flows" / f"{name}.py"
    path.write_text("import nothing_at_all\n")
    return path


def test_all_that_the_project_names_is_listed(cli: Cli) -> None:
    assert cli("catalogue").output == (
        "✓ greetings  tasks\n"
        "  Greets everybody on a list.\n"
        "  inputs   count: int = 3, polite: bool = False\n"
        "  code     greetings.py:23\n"
        "✓ mendable  tasks\n"
        "  inputs   none\n"
        "  code     flows/mending.py:19\n"
        "\n"
        "2 workflows\n"
    )


def test_programs_are_told_all_of_it(cli: Cli, folder: Path) -> None:
    found = document(cli("catalogue", "--json"))
    greetings = next(each for each in found["workflows"] if each["name"] == "greetings")
    assert found["problems"] == []
    assert (greetings["style"], greetings["line"]) == ("tasks", 23)
    assert greetings["file"] == str(folder / "greetings.py")
    assert greetings["schema"]["properties"]["count"] == {"type": "integer", "default": 3}
    assert greetings["inputs"][1] == {"name": "polite", "type": "bool", "required": False, "default": False}


def test_what_cannot_be_loaded_is_told_beside_the_rest(cli: Cli, folder: Path) -> None:
    broken(folder)
    output = cli("catalogue").output
    assert (
        "✗ flows/broken.py  flows/broken.py:1: ModuleNotFoundError: No module named 'nothing_at_all'"
        in output
    )
    assert output.endswith("2 workflows, 1 problem\n")


def test_a_workflow_that_cannot_run_is_listed_with_its_problem(cli: Cli, folder: Path) -> None:
    (folder / "flows" / "wrong.py").write_text(
        "from penstock import Workflow\nwrong = Workflow('wrong')\nwrong.add_task(int, name='x', depends_on=['y'])\n"
    )
    output = cli("catalogue").output
    assert "✗ wrong  tasks\n  flows/wrong.py:3: " in output


def test_places_that_are_given_are_listed_alone(cli: Cli) -> None:
    assert "greetings" not in cli("catalogue", "flows").output
    assert document(cli("catalogue", "mendable.py", "--json"))["workflows"][0]["name"] == "mendable"
    assert document(cli("catalogue", "--style", "routines", "--json"))["workflows"] == []


def test_where_there_is_none_it_says_how_to_name_some(cli: Cli, folder: Path) -> None:
    (folder / "pyproject.toml").unlink()
    assert 'workflows = ["workflows/"]' in cli("catalogue").output


def test_a_workflow_is_run_drawn_and_checked_by_name(cli: Cli) -> None:
    assert cli("run", "greetings", "--count", "1", "--quiet").output == "Hello, Ada!\n"
    assert cli("graph", "greetings").output.startswith("greetings\n\n  ●  names\n")
    assert cli("validate", "greetings").output.startswith("✓ greetings\n")
    assert "Inputs of workflow greetings" in cli("run", "greetings", "--help").output


def test_a_run_that_was_started_by_name_is_resumed(cli: Cli, folder: Path) -> None:
    assert cli("run", "mendable").exit_code == 1
    (folder / "mended").write_text("ab")
    assert "completed" in cli("resume", "latest").output


def test_a_file_comes_before_a_name_and_a_name_before_a_module(cli: Cli, folder: Path) -> None:
    (folder / "flows" / "signalling.py").write_text(
        "from penstock import Workflow\nflow = Workflow('signal')\nflow.add_task(lambda: 7, name='x')\n"
    )
    assert cli("run", "signal", "--quiet").output == "7\n"
    (folder / "signal").write_text("")
    assert "is no Python file" in cli("run", "signal").output


def test_a_miss_names_the_nearest(cli: Cli, folder: Path) -> None:
    result = cli("run", "greting")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: there is no file, module or workflow 'greting'; did you mean 'greetings'?"
        " there are greetings, mendable\n"
    )
    broken(folder)
    result = cli("validate", "nothing")
    assert result.exit_code == 2
    assert "there is no file, module or workflow 'nothing'" in result.output


def test_a_miss_says_what_could_not_be_loaded(cli: Cli, folder: Path) -> None:
    first = broken(folder)
    broken(folder, "broken_too")
    result = cli("run", "brken")
    assert f"could not be loaded: {first}: {first}:1: ModuleNotFoundError" in result.stderr
    assert "1 more problem: penstock catalogue" in result.stderr


def test_a_name_of_hexadecimal_digits_is_a_run_first(cli: Cli, folder: Path) -> None:
    (folder / "flows" / "feeding.py").write_text(
        "from penstock import Workflow\nflow = Workflow('feed')\nflow.add_task(lambda: 7, name='x')\n"
    )
    assert cli("graph", "feed").output == "feed\n\n  ●  x\n"
    assert cli("graph", "dead").exit_code == 2


def test_what_modules_print_is_kept_out_of_json(cli: Cli, folder: Path) -> None:
    (folder / "flows" / "loud.py").write_text("print('loading')\n")
    result = cli("catalogue", "--json")
    assert len(json.loads(result.stdout)["workflows"]) == 2


def test_installed_packages_offer_workflows(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "offers-1.dist-info").mkdir()
    (folder / "offers-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: offers\nVersion: 1\n"
    )
    (folder / "offers-1.dist-info" / "entry_points.txt").write_text(
        "[penstock.workflows]\nhello = greetings:flow\n"
    )
    (folder / "pyproject.toml").unlink()
    monkeypatch.syspath_prepend(folder)
    assert cli("run", "hello", "--count", "1", "--quiet").output == "Hello, Ada!\n"
    assert [each["name"] for each in document(cli("catalogue", "--json"))["workflows"]] == ["hello"]


def test_a_package_of_the_project_is_found_from_a_folder_below_by_a_process_of_its_own(
    folder: Path, spawn: Callable[..., Spawned], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "src" / "pipelines"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "names.py").write_text("MENDED = 'mended'\n")
    (package / "nightly.py").write_text(
        "from pathlib import Path\nfrom penstock import Workflow\nfrom .names import MENDED\n"
        "flow = Workflow('nightly')\nflow.add_task(lambda: Path(MENDED).read_text(), name='read')\n"
    )
    (folder / "pyproject.toml").write_text('[tool.penstock]\nworkflows = ["pipelines"]\nstore = "kept.db"\n')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert spawn("run", "nightly").ended()[0] == 1
    (folder / "below" / "mended").write_text("at last")
    code, output, _ = spawn("resume", "latest", "--quiet").ended()
    assert (code, output) == (0, "at last\n")
