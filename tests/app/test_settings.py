"""Settings: who is asked first, from where paths start, and how a wrong one is refused."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import penstock
from penstock.app import Engine
from penstock.app.addresses import address_of
from penstock.app.settings import SETTINGS, all_found, found, project_file, strange_variables
from penstock.errors import SettingsError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    return tmp_path


def say(folder: Path, *lines: str) -> Path:
    file = folder / "pyproject.toml"
    file.write_text("\n".join(["[tool.penstock]", *lines]))
    return file


def test_an_option_comes_before_a_variable_before_the_file_before_the_default(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found("durability")[1:4] == ("power", "default", "")
    file = say(project, 'durability = "crash"')
    assert found("durability")[1:4] == ("crash", "pyproject", f"{file}, key tool.penstock.durability")
    monkeypatch.setenv("PENSTOCK_DURABILITY", "power")
    assert found("durability")[1:4] == ("power", "environment", "the variable PENSTOCK_DURABILITY")
    assert found("durability", "crash")[1:4] == ("crash", "option", "--durability")


def test_an_empty_variable_says_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(project, 'executor = "threads"')
    monkeypatch.setenv("PENSTOCK_EXECUTOR", "")
    assert found("executor").value == "threads"


def test_the_nearest_file_upward_that_has_a_table_of_ours_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = say(project, "lease_seconds = 2")
    (project / "a" / "b").mkdir(parents=True)
    (project / "a" / "pyproject.toml").write_text('[project]\nname = "a"\n')
    monkeypatch.chdir(project / "a" / "b")
    here = project_file()
    assert here is not None
    assert (here.path, found("lease_seconds").value) == (file, 2.0)


def test_a_path_in_the_file_starts_from_its_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    for said in ("runs.db", "sqlite:///runs.db"):
        say(project, f'store = "{said}"')
        assert address_of(None) == f"sqlite:///{project}/runs.db"
    say(project, 'store = "ephemeral"')
    assert address_of(None) == "ephemeral"
    say(project, 'store = "sqlite:////elsewhere/runs.db"')
    assert address_of(None) == "sqlite:////elsewhere/runs.db"


def test_a_path_in_a_variable_starts_from_here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STORE", "runs.db")
    assert address_of(None) == f"sqlite:///{project}/runs.db"


def test_an_engine_is_opened_as_the_settings_say_and_as_the_call_says_before_them(project: Path) -> None:
    say(project, 'store = "here.db"', 'durability = "crash"', 'executor = "threads"', "lease_seconds = 3")
    with penstock.open() as engine:
        assert engine.address == f"sqlite:///{project}/here.db"
        assert engine.durable_store().health()["durability"] == "crash"
        assert (engine.default_executor, engine.lease_seconds) == ("threads", 3.0)
    with penstock.open("there.db", durability="power", executor="inline", lease_seconds=4.0) as engine:
        assert engine.durable_store().health()["durability"] == "power"
        assert (engine.default_executor, engine.lease_seconds) == ("inline", 4.0)


def test_a_workflow_that_is_just_run_follows_the_settings(project: Path) -> None:
    say(project, 'store = "here.db"')
    flow = penstock.Workflow("w")
    flow.add_task(lambda: 1, name="one")
    assert flow.run() == 1
    penstock.close_all()
    assert (project / "here.db").exists()


def test_the_defaults_are_those_of_an_engine() -> None:
    parameters = inspect.signature(Engine).parameters
    for name in ("executor", "lease_seconds"):
        assert parameters[name].default == SETTINGS[name].default


def test_every_problem_of_a_file_is_named_with_its_key_and_the_nearest_right_name(project: Path) -> None:
    file = say(
        project,
        'durabilty = "crash"',
        'executor = "thread"',
        "lease_seconds = true",
        "store = 7",
        "colour = 1",
    )
    with pytest.raises(SettingsError) as refused:
        found("durability")
    assert set(str(refused.value).split("\n")) == {
        f"{file}: [tool.penstock] has a key 'durabilty', which is no setting; did you mean 'durability'?",
        f"{file}: [tool.penstock] has a key 'colour', which is no setting; there are {', '.join(SETTINGS)}",
        f"executor 'thread' means nothing ({file}, key tool.penstock.executor); did you mean 'threads'?",
        f"lease_seconds True must be a number of seconds above 0, such as 5 ({file}, key tool.penstock.lease_seconds)",
        f"store 7 must be text ({file}, key tool.penstock.store): put it in quotes",
    }


def test_a_file_that_was_mended_is_read_again(project: Path) -> None:
    say(project, 'executor = "thread"')
    with pytest.raises(SettingsError):
        found("executor")
    say(project, 'executor = "threads"')
    assert found("executor").value == "threads"


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_seconds_are_a_number_above_0(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LEASE_SECONDS", text)
    with pytest.raises(SettingsError, match=rf"lease_seconds '{text}' .*the variable PENSTOCK_LEASE_SECONDS"):
        found("lease_seconds")


def test_all_problems_of_the_environment_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DURABILITY", "pwer")
    monkeypatch.setenv("PENSTOCK_EXECUTOR", "fork")
    with pytest.raises(
        SettingsError, match=r"did you mean 'power'\?\nexecutor 'fork' .*there are inline, threads"
    ):
        all_found()


def test_an_address_that_means_nothing_says_who_said_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STORE", "redis://host")
    with pytest.raises(SettingsError, match=r"unknown kind 'redis'.* \(the variable PENSTOCK_STORE\)"):
        address_of(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.penstock\n", "cannot be read"),
        ("[tool]\npenstock = 3\n", "it must be a table"),
    ],
)
def test_a_file_that_is_no_table_of_settings_is_refused(project: Path, text: str, message: str) -> None:
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        found("store")


@pytest.mark.parametrize("text", ["[tool.ruff]\n", "[tool]\nblack = {}\n", "penstock [tool\n"])
def test_a_file_that_says_nothing_to_us_is_passed_by(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    assert project_file() is None


def test_a_table_may_be_written_in_any_way_that_toml_has(project: Path) -> None:
    for text in ('[tool]\npenstock = {executor = "threads"}', 'tool."penstock".executor = "threads"'):
        (project / "pyproject.toml").write_text(text)
        assert found("executor").value == "threads"


def test_a_variable_that_looks_like_a_setting_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DURABILTY", "crash")
    monkeypatch.setenv("PENSTOCK_XYZ", "1")
    assert strange_variables() == {"PENSTOCK_DURABILTY": "PENSTOCK_DURABILITY"}
