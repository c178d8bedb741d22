"""Code as text: what it must hold, which parameters it asks for, which file it is in. It is never executed on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import DefinitionError, RunNotFound
from penstock.simulations.finding import find
from penstock.simulations.source import source_in, source_of
from tests.simulations.conftest import WORKFLOWS, Write

CODE = "class WorkflowExecutor:\n    def __init__(self, parameters): ...\n    def execute(self, env):\n        yield\n"


def config(folder: Path, stem: str, name: str, more: str = "") -> Path:
    path = folder / f"{stem}.toml"
    path.write_text(f'[workflow]\nname = "{name}"\n{more}\n[parameters]\nwho = "{stem}"\n')
    return path


def test_the_parameters_that_code_asks_for_are_known_with_their_defaults() -> None:
    assert source_in(WORKFLOWS / "stf_processing.py").asked == {
        "stf_interval_sec": 2.0,
        "physics_duration_min": 60,
        "schedule": "loop",
    }
    found = source_in(WORKFLOWS / "fast_processing.py")
    needed = ("worker_count", "stf_interval_sec", "physics_duration_min")
    assert found.asked == {**dict.fromkeys(needed), "schedule": "loop"}
    assert set(found.needed) == set(needed)


def test_what_code_looks_for_first_it_can_do_without() -> None:
    looking = 'if "a" in self.parameters:\n            self.parameters["a"]\n        yield'
    assert source_of(CODE.replace("yield", looking), "here").needed == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Else: ...", "holds no class WorkflowExecutor: it has Else"),
        ("x = 1", "it has no class"),
        (
            "class WorkflowExecutor:\n  def __init__(self, p): ...",
            "w.py:1: WorkflowExecutor has no method execute",
        ),
        (CODE.replace("yield", "return"), "w.py:3: WorkflowExecutor.execute yields nothing"),
        ("def (", "w.py:1: is no Python"),
    ],
)
def test_code_that_is_no_workflow_is_refused(text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        source_of(text, "w.py")


def test_looking_at_code_does_not_execute_it(write: Write, project: Path) -> None:
    write("w", "yield", head='open("executed", "w")')
    source_in(project / "workflows" / "w.py")
    assert not (project / "executed").exists()


# ── which files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_name_of_the_code_is_the_configurations_own_word_first(tmp_path: Path) -> None:
    for stem in ("said", "w", "w_default"):
        (tmp_path / f"{stem}.py").write_text(CODE)
    config(tmp_path, "w_default", "w", 'code = "said.py"')
    assert find(tmp_path, "w").file().name == "said.py"
    config(tmp_path, "w_default", "w")
    assert find(tmp_path, "w").file().name == "w.py"
    (tmp_path / "w.py").unlink()
    assert find(tmp_path, "w").file().name == "w_default.py"


def test_epic_fast_processing_finds_fast_processing() -> None:
    found = find(WORKFLOWS, "epic_fast_processing")
    assert found.file().name == "fast_processing.py"
    assert found.defaults is not None
    assert found.defaults.parameters["worker_count"] == 10


def test_the_stem_of_a_configuration_is_a_name_too() -> None:
    found = find(WORKFLOWS, "epic_fast_50_workers")
    assert found.name == "epic_fast_processing"
    assert found.given is not None
    assert found.given.parameters["worker_count"] == 50


def test_name_default_gives_the_defaults_else_the_first_in_order(tmp_path: Path) -> None:
    (tmp_path / "w.py").write_text(CODE)
    config(tmp_path, "b", "w")
    config(tmp_path, "a", "w")
    first = find(tmp_path, "w").defaults
    assert first is not None
    assert first.parameters == {"who": "a"}
    config(tmp_path, "w_default", "w")
    usual = find(tmp_path, "w").defaults
    assert usual is not None
    assert usual.parameters == {"who": "w_default"}


def test_code_that_is_nowhere_lists_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config(tmp_path, "tuned", "daily_run")
    with pytest.raises(
        RunNotFound, match=r"tried daily_run.py, tuned.py, \*_run.py; name it: \[workflow\] code"
    ):
        find(tmp_path, "daily_run").file()


def test_code_that_a_configuration_names_and_nobody_wrote_is_refused_with_what_is_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "daily.py").write_text(CODE)
    config(tmp_path, "w_default", "w", 'code = "dayly.py"')
    with pytest.raises(DefinitionError, match=r"there is no such file; did you mean 'daily.py'"):
        find(tmp_path, "w")
    config(tmp_path, "w_default", "w", 'code = "../daily.py"')
    with pytest.raises(DefinitionError, match=r"leaves the folder .*: put the file there, or below"):
        find(tmp_path, "w")


def test_a_file_that_cannot_be_read_as_code_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "w.py").write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionError, match=r"w.py is no text in UTF-8"):
        source_in(tmp_path / "w.py")
    with pytest.raises(DefinitionError, match=r"gone.py cannot be read \(No such file"):
        source_in(tmp_path / "gone.py")


def test_two_files_that_may_hold_the_code_are_both_named(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(CODE)
    (tmp_path / "daily_run.py").write_text(CODE)
    with pytest.raises(DefinitionError, match=r"several files.*daily_run.py.*run.py"):
        find(tmp_path, "my_daily_run")


def test_code_may_not_leave_the_configurations_folder(tmp_path: Path) -> None:
    (tmp_path / "w.py").write_text(CODE)
    inside = tmp_path / "inside"
    inside.mkdir()
    config(inside, "w", "w", 'code = "../w.py"')
    with pytest.raises(DefinitionError, match="leaves the folder"):
        find(inside, "w")
