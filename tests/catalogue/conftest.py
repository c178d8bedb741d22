"""A folder to write modules into; what they load goes with the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.catalogue import Catalogue, catalogue

ETL = '''"""Loads what was measured."""

from penstock import Workflow, task


@task
def load(limit: int, folder: str = "here") -> int:
    return limit


flow = Workflow("etl")
flow.add_task(load)
'''

REPORT = """from penstock import Workflow

report = Workflow("report")
report.add_task(lambda: 1, name="one")
"""

PROCESSES = '''from penstock.model.program import Do, End, Fail, Plan


class Echo(Plan):
    """Says what it is told."""

    def __init__(self, name="Echo"):
        self.name = name

    def as_program(self):
        return self

    def play(self, input):
        return Once()


class Once:
    def begin(self, at):
        return [Do("once", str, ("x",))]

    def done(self, key, value, at):
        return [End(value)]

    def failed(self, key, error, at):
        return [Fail(error)]


class Relay(Echo):
    def __init__(self, name, *runners):
        super().__init__(name)


class Nameless(Echo):
    def __init__(self):
        super().__init__("Nameless")
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, on the path; modules that were written there are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("PENSTOCK_STORE", "PENSTOCK_WORKFLOWS"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    catalogue.clear()
    for name in set(sys.modules) - before:
        found = sys.modules[name]
        places = [str(getattr(found, "__file__", None)), *map(str, getattr(found, "__path__", ()))]
        if any(place.startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


Write = Callable[..., Path]


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes a file below the folder."""

    def written(name: str, text: str = "") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def known() -> Catalogue:
    """An empty catalogue."""
    return Catalogue()
