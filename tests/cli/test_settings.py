"""`penstock settings`: values and who said so; and that commands follow them."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.app.settings import SETTINGS
from tests.cli.conftest import Cli, document


def test_each_setting_is_shown_with_where_it_comes_from(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyproject.toml").write_text('[tool.penstock]\ndurability = "crash"\n')
    monkeypatch.setenv("PENSTOCK_EXECUTOR", "threads")
    found = document(cli("settings", "--store", "here.db", "--json"))
    assert {each["setting"]: (each["value"], each["from"]) for each in found["settings"]} == {
        "store": (f"sqlite:///{folder}/here.db", "option"),
        "durability": ("crash", "pyproject"),
        "executor": ("threads", "environment"),
        "lease_seconds": (5.0, "default"),
        "workflows": (None, "default"),
        "broker": (None, "default"),
    }
    assert found["file"] == str(folder / "pyproject.toml")
    table = cli("settings").stdout
    assert f"crash {folder}/pyproject.toml, key tool.penstock.durability" in " ".join(table.split())


def test_a_variable_with_a_slip_in_its_name_is_pointed_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STOR", "x.db")
    assert (
        "note: the variable PENSTOCK_STOR is no setting; did you mean PENSTOCK_STORE?"
        in cli("settings").stdout
    )


def test_a_wrong_value_is_refused_by_every_command(cli: Cli, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.penstock]\nexecuter = "threads"\n')
    for command in (["settings"], ["runs"], ["run", "greetings.py"]):
        result = cli(*command)
        assert result.exit_code == 2
        assert "has a key 'executer', which is no setting; did you mean 'executor'?" in result.stderr


def test_a_run_follows_the_file_and_the_option_comes_first(cli: Cli, folder: Path) -> None:
    (folder / "where.py").write_text(WHERE)
    (folder / "pyproject.toml").write_text('[tool.penstock]\nexecutor = "threads"\nstore = "kept.db"\n')
    assert document(cli("run", "where.py", "--json"))["result"] is False
    assert (folder / "kept.db").exists()
    assert document(cli("run", "where.py", "--json", "--executor", "inline"))["result"] is True


def test_the_options_of_commands_are_those_of_the_table() -> None:
    from penstock.cli import resume, run

    for command in (run.command, resume.command):
        options = {flag: each for each in command.params for flag in each.opts}
        for setting in SETTINGS.values():
            if setting.option is not None:
                option = options[setting.option]
                assert getattr(option.type, "choices", ()) == setting.choices
                assert option.default not in setting.choices


WHERE = """
import threading

from penstock import Workflow, task


@task
def on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


flow = Workflow("where")
flow.add_task(on_main_thread)
"""
