"""Sensitive parameters: encrypted where they are recorded, shown nowhere, refused without a key."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import DefinitionError, ProcessExecutionError, SettingsError
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, OutputParameter

KEY = "ab" * 32
SECRET = "swordfish and chips"


class Login(AtomarProcess):
    """Makes a token of a password."""

    def define_parameters(self) -> None:
        self.input.add(InputParameter("password", str, sensitive=True))
        self.output.add(OutputParameter("token", dict, sensitive=True))
        self.output.add(OutputParameter("length", int))

    async def execute_impl(self) -> None:
        password = self.input["password"].value
        self.output["token"].value = {"of": password}
        self.output["length"].value = len(password)


class Use(AtomarProcess):
    """Uses a token, and fails if it is told to, saying too much."""

    def __init__(self, name: str = "use", fail: bool = False) -> None:
        super().__init__(name)
        self.fail = fail
        self.input.add(InputParameter("token", dict, sensitive=True))
        self.output.add(OutputParameter("length", int))

    async def execute_impl(self) -> None:
        print("using", self.input["token"].value["of"])
        if self.fail:
            raise PermissionError(f"the password {self.input['token'].value['of']} is wrong")
        self.output["length"].value = len(self.input["token"].value["of"])


class Session(OrchestratedProcess):
    """Logs in and uses the token."""

    def __init__(self, name: str = "session", fail: bool = False) -> None:
        super().__init__(name)
        self.fail = fail
        self.input.add(InputParameter("password", str, sensitive=True))
        self.output.add(OutputParameter("token", dict, sensitive=True))
        self.output.add(OutputParameter("length", int))

    def define_orchestration(self) -> None:
        login, use = Login(), Use(fail=self.fail)
        self.add_child(login)
        self.add_child(use)
        self._connect_param(self.input["password"], login.input["password"])
        self._connect_param(login.output["token"], use.input["token"])
        self._connect_param(login.output["token"], self.output["token"])
        self._connect_param(use.output["length"], self.output["length"])


def everything_in(folder: Path) -> str:
    """All that a store's file holds, as the file itself and as rows."""
    connection = sqlite3.connect(folder / "runs.db")
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    ]
    rows = [str(row) for name in tables for row in connection.execute(f'SELECT * FROM "{name}"')]
    connection.close()
    raw = b"".join(file.read_bytes() for file in folder.glob("runs.db*"))
    return "\n".join(rows) + raw.decode("latin-1")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_KEY", KEY)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.mark.usefixtures("key")
async def test_values_go_along_links_and_into_the_store_only_sealed(tmp_path: Path, store: str) -> None:
    process = Session()
    process.input["password"].value = SECRET
    await process.execute(store=store)
    assert process.output["token"].value == {"of": SECRET}
    assert process.output["length"].value == len(SECRET)
    assert "***" in str(process.to_dict())
    penstock.close_all()
    assert SECRET not in everything_in(tmp_path) + str(process.to_dict()) + repr(process.output)


@pytest.mark.usefixtures("key")
def test_a_resumed_run_unseals_what_its_children_gave(tmp_path: Path, store: str) -> None:
    with pytest.raises(ProcessExecutionError):
        Session(fail=True).using(store=store).run(password=SECRET)
    penstock.close_all()
    with penstock.open(store) as engine:
        run = engine.resume(engine.get("latest").id, Fixed(), wait=True)
        assert run.result()["length"] == len(SECRET)
        assert SECRET not in f"{run.result()} {run.events()} {run.steps['Login'].result}"


class Fixed(Session):
    """The session, mended, under its name."""

    def define_orchestration(self) -> None:
        self.fail = False
        super().define_orchestration()


Fixed.__name__, Fixed.__qualname__ = "Session", "Session"


@pytest.mark.usefixtures("key")
async def test_a_failure_does_not_tell_it(
    tmp_path: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    process = Session(fail=True)
    process.input["password"].value = SECRET
    with pytest.raises(ProcessExecutionError) as raised:
        await process.execute(store=store)
    penstock.close_all()
    use = process.get_child("use")
    told = f"{raised.value} {raised.value.__cause__} {use.error} {use.error_stacktrace} {process.error}"
    assert "the password *** is wrong" in told
    assert SECRET not in told
    assert SECRET not in everything_in(tmp_path)
    assert (
        SECRET in capsys.readouterr().out
    )  # what it prints to the terminal is its own affair; it is not kept


@pytest.mark.parametrize("kind", [Login, Session])
async def test_a_recorded_run_without_a_key_is_refused_and_one_that_keeps_nothing_is_not(
    store: str, kind: Any
) -> None:
    process = kind()
    process.input["password"].value = SECRET
    with pytest.raises(SettingsError, match=r"'password'.*PENSTOCK_KEY.*token_hex"):
        await process.execute(store=store)
    await process.execute()
    assert process.output["token"].value == {"of": SECRET}


async def test_a_child_that_is_sensitive_needs_the_key_too(store: str) -> None:
    class Holds(OrchestratedProcess):
        def define_orchestration(self) -> None:
            child = Login()
            child.input["password"].value = SECRET
            self.add_child(child)

    with pytest.raises(SettingsError, match="of 'Login' is sensitive"):
        await Holds().execute(store=store)


async def test_a_run_that_keeps_nothing_hides_values_from_whoever_watches() -> None:
    with penstock.open("ephemeral") as engine:
        run = await engine.run_async(Session(), {"password": SECRET})
        shown = f"{run.events()} {run.result()} {run.steps['Login'].result}"
    assert SECRET not in shown
    assert "***" in shown


@pytest.mark.usefixtures("key")
async def test_another_key_does_not_open_it(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Login()
    process.input["password"].value = SECRET
    await process.execute(store=store)
    monkeypatch.setenv("PENSTOCK_KEY", "cd" * 32)
    with pytest.raises(SettingsError, match="another key"):
        _ = process.output["token"].value
    monkeypatch.setenv("PENSTOCK_KEY", "short")
    with pytest.raises(SettingsError, match="32 bytes"):
        _ = process.output["token"].value


async def test_a_sensitive_value_does_not_go_where_it_would_be_recorded_openly() -> None:
    class Leaks(OrchestratedProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("token", dict))

        def define_orchestration(self) -> None:
            login = Login()
            self.add_child(login)
            self._connect_param(login.output["token"], self.output["token"])

    with pytest.raises(DefinitionError, match="the first is sensitive"):
        await Leaks().execute()


def test_the_command_line_does_not_show_it(tmp_path: Path) -> None:
    (tmp_path / "login.py").write_text(
        "from penstock.processes import *\n\n\n"
        "class Login(AtomarProcess):\n"
        "    def define_parameters(self):\n"
        "        self.input.add(InputParameter('password', str, sensitive=True))\n"
        "        self.output.add(OutputParameter('token', str, sensitive=True))\n\n"
        "    async def execute_impl(self):\n"
        "        self.output['token'].value = self.input['password'].value\n"
    )
    environment = {**os.environ, "PENSTOCK_STORE": "sqlite:///runs.db", "PENSTOCK_KEY": KEY}

    def told(*words: str) -> str:
        command = [sys.executable, "-m", "penstock", *words]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    ran = told("run", "login.py", "--password", SECRET, "--json")
    assert (
        json.loads((ran.partition("\n{")[2] and "{" + ran.partition("\n{")[2]) or ran)["status"]
        == "completed"
    )
    shown = (
        ran + told("show", "latest") + told("show", "latest", "--json") + told("events", "latest", "--json")
    )
    assert SECRET not in shown
    assert SECRET not in everything_in(tmp_path)
