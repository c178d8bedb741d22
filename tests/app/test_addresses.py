"""Where a store is: what addresses mean, and which is used when none is given."""

from __future__ import annotations

from pathlib import Path

import pytest

import penstock
from penstock.app import Engine, close_all, engine_at
from penstock.app.addresses import address_of, default_file, store_at
from penstock.errors import PenstockError, SettingsError


@pytest.mark.parametrize("text", ["ephemeral", "memory:"])
def test_names_of_stores_that_are_no_files_stay_as_they_are(text: str) -> None:
    assert address_of(text) == text


def test_a_path_and_an_address_of_it_are_the_same(tmp_path: Path) -> None:
    full = f"sqlite:///{tmp_path}/x.db"
    assert address_of(tmp_path / "x.db") == address_of(str(tmp_path / "x.db")) == address_of(full) == full


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert address_of("x.db") == address_of("sqlite:///x.db") == f"sqlite:///{tmp_path}/x.db"


def test_a_store_in_a_json_file_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = store_at(address_of("json:///x.json"), "crash")
    assert store is not None
    assert (store.url, store.health()["durability"]) == (f"json:///{tmp_path}/x.json", "crash")
    store.close()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert address_of("~/x.db") == f"sqlite:///{tmp_path}/x.db"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sqlit:///x.db", r"unknown kind 'sqlit'; did you mean 'sqlite'\?"),
        ("redis://host", "unknown kind 'redis'; use sqlite:///PATH"),
        ("sqlite:", "lacks its path: say sqlite:///path/to/file.db"),
        ("sqlite", "lacks its path"),
        ("sqlite:///", "lacks its path"),
        ("sqlite://x.db", "lacks its path"),
        ("json:", "lacks its path: say json:///path/to/file.json"),
        ("json://x.json", "lacks its path: say json:///path/to/file.json"),
        ("jsn:///x.json", r"unknown kind 'jsn'; did you mean 'json'\?"),
    ],
)
def test_an_address_that_means_nothing_is_refused_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        address_of(text)


def test_the_environment_says_which_store_when_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STORE", "ephemeral")
    assert address_of(None) == "ephemeral"


def test_the_default_is_the_nearest_folder_of_ours_upward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".penstock").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.delenv("PENSTOCK_STORE", raising=False)
    assert default_file() == tmp_path / ".penstock" / "penstock.db"
    assert address_of(None) == f"sqlite:///{tmp_path}/.penstock/penstock.db"


@pytest.mark.parametrize("marker", ["pyproject.toml", ".git"])
def test_else_it_is_beside_the_project_s_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / marker).touch()
    monkeypatch.chdir(tmp_path / "a")
    assert default_file() == tmp_path / ".penstock" / "penstock.db"


def test_a_folder_of_ours_is_made_and_kept_out_of_version_control(tmp_path: Path) -> None:
    store = store_at(f"sqlite:///{tmp_path}/.penstock/penstock.db")
    assert store is not None
    store.close()
    assert (tmp_path / ".penstock" / ".gitignore").read_text() == "*\n"


def test_durability_is_one_of_two(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"durability 'fast' must be 'power' .* or 'crash'"):
        penstock.open(str(tmp_path / "x.db"), durability="fast")
    with penstock.open(str(tmp_path / "x.db"), durability="crash") as engine:
        assert engine.durable_store().health()["durability"] == "crash"


def test_an_ephemeral_engine_has_no_store() -> None:
    assert store_at("ephemeral") is None
    with (
        penstock.open("ephemeral") as engine,
        pytest.raises(PenstockError, match="this engine is ephemeral: it keeps nothing"),
    ):
        engine.list()


def test_a_process_has_one_engine_for_each_store_until_that_is_closed(tmp_path: Path) -> None:
    first = engine_at(str(tmp_path / "x.db"))
    assert engine_at(f"sqlite:///{tmp_path}/x.db") is first
    assert engine_at(first) is first
    first.close()
    second = engine_at(str(tmp_path / "x.db"))
    assert second is not first
    close_all()
    assert second.closed


def test_a_closed_engine_starts_nothing(tmp_path: Path) -> None:
    engine: Engine = penstock.open("ephemeral")
    engine.close()
    engine.close()
    flow = penstock.Workflow("w")
    flow.add_task(lambda: 1, name="x")
    with pytest.raises(PenstockError, match="the engine on ephemeral was closed; open another"):
        engine.run(flow)
