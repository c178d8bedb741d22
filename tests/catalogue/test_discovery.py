"""Definitions are found in modules, packages, files, folders and entry points; what cannot be loaded is told, not raised."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from penstock.catalogue import Catalogue
from tests.catalogue.conftest import ETL, PROCESSES, REPORT, Write


def test_a_module_is_found_by_name_and_as_itself(known: Catalogue, write: Write) -> None:
    write("flows_one.py", ETL + REPORT)
    assert known.discover("flows_one") == []
    assert known.names() == ["etl", "report"]
    other = Catalogue()
    assert other.discover(sys.modules["flows_one"]) == []
    assert other.names() == ["etl", "report"]


def test_one_definition_can_be_named(known: Catalogue, write: Write) -> None:
    path = write("flows_two.py", ETL + REPORT)
    known.discover("flows_two:report", f"{path}:etl")
    assert known.names() == ["report", "etl"]


def test_a_package_is_walked_with_all_below_it_but_its_tests(known: Catalogue, write: Write) -> None:
    write("house/__init__.py", "from house.deep.etl import flow")
    write("house/deep/__init__.py")
    write("house/deep/etl.py", ETL)
    write("house/report.py", REPORT)
    write("house/__main__.py", "raise RuntimeError('nobody runs this')")
    write("house/tests/__init__.py", "raise RuntimeError('nobody looks here')")
    write("house/test_it.py", "raise RuntimeError('nor here')")
    assert known.discover("house") == []
    assert sorted(known.names()) == ["etl", "report"]


def test_what_raises_is_told_with_its_place_and_the_rest_is_found(known: Catalogue, write: Write) -> None:
    write("shaky/__init__.py")
    write("shaky/a_good.py", REPORT)
    broken = write("shaky/broken.py", "x = 1\nraise RuntimeError('no luck')\n")
    odd = write("shaky/odd.py", "def f(:\n")
    write("shaky/leaving.py", "raise SystemExit(3)\n")
    write("shaky/missing.py", "import something_missing\n")
    problems = {problem.place: problem.message for problem in known.discover("shaky")}
    assert known.names() == ["report"]
    assert problems["shaky.broken"] == f"{broken}:2: RuntimeError: no luck"
    assert problems["shaky.odd"].startswith(f"{odd}:1: ")
    assert problems["shaky.leaving"].endswith("SystemExit: 3")
    assert problems["shaky.missing"].endswith("ModuleNotFoundError: No module named 'something_missing'")


def test_a_folder_is_walked_with_packages_in_it(known: Catalogue, write: Write, folder: Path) -> None:
    write("workflows/etl.py", ETL)
    write("workflows/deeper/reporting.py", REPORT)
    write("workflows/packed/__init__.py")
    write("workflows/packed/echoes.py", "from .echoing import Echo\n")
    write("workflows/packed/echoing.py", PROCESSES)
    write("workflows/notes.txt", "no Python")
    write("workflows/test_etl.py", "raise RuntimeError('nobody looks here')")
    write("workflows/.hidden/x.py", "raise RuntimeError('nor here')")
    write("workflows/environment/pyvenv.cfg")
    write("workflows/environment/x.py", "raise RuntimeError('nor here')")
    assert known.discover(folder / "workflows") == []
    assert sorted(known.names()) == ["Echo", "Nameless", "etl", "report"]


def test_classes_that_need_more_than_nothing_are_no_definitions(known: Catalogue, write: Write) -> None:
    known.discover(str(write("echoing.py", PROCESSES)))
    assert known.names() == ["Echo", "Nameless"]


def test_a_class_whose_definition_the_module_holds_is_not_offered_too(known: Catalogue, write: Write) -> None:
    known.discover(str(write("echoing.py", PROCESSES + "\necho = Echo('echo')\n")))
    assert known.names() == ["echo", "Nameless"]


def test_a_package_that_another_hides_is_told(known: Catalogue, write: Write, folder: Path) -> None:
    write("workflows/json/__init__.py", REPORT)
    problems = known.discover("workflows")
    assert "is hidden by another module 'json'" in problems[0].message


def test_a_name_that_two_files_use_is_told_with_both_places(known: Catalogue, write: Write) -> None:
    first, second = write("workflows/a.py", REPORT), write("workflows/b.py", REPORT)
    problems = known.discover("workflows")
    assert [problem.place for problem in problems] == [str(second)]
    assert f"{first}:3" in problems[0].message
    assert f"{second}:3" in problems[0].message


ODD = """from dataclasses import dataclass, field

from penstock.model.program import Plan


class Proxy:
    def __getattr__(self, name):
        raise RuntimeError("outside of its context")


@dataclass
class Unhashable(Plan):
    steps: list = field(default_factory=list)
    name: str = "unhashable"

    def as_program(self):
        return self


class Moody(Plan):
    def __init__(self, mood):
        self.mood = mood

    @property
    def name(self):
        raise LookupError("not today")

    def as_program(self):
        return self


it = Unhashable()
moody = Moody("bad")
"""


def test_odd_objects_hurt_nobody_else(known: Catalogue, write: Write) -> None:
    path = write("workflows/odd.py", ODD)
    write("workflows/proxied.py", ODD.split("@dataclass", maxsplit=1)[0] + "proxy = Proxy()\n" + ETL)
    write("workflows/report.py", REPORT)
    problems = {problem.place: problem.message for problem in known.discover("workflows")}
    assert sorted(known.names()) == ["etl", "report", "unhashable"]
    assert list(problems) == [str(path)]
    assert "LookupError: not today" in problems[str(path)]
    assert known.get("unhashable").source["name"] == "it"


def test_links_that_lead_back_are_not_followed(known: Catalogue, write: Write, folder: Path) -> None:
    write("workflows/deeper/report.py", REPORT)
    (folder / "workflows" / "deeper" / "back").symlink_to(folder / "workflows", target_is_directory=True)
    assert known.discover("workflows") == []
    assert known.names() == ["report"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere.py", "there is no file 'nowhere.py'"),
        ("nowhere", "there is no file and no module 'nowhere'"),
        ("json:flow", "holds no workflow"),
    ],
)
def test_a_place_that_is_not_there_is_told(known: Catalogue, folder: Path, place: str, words: str) -> None:
    [problem] = known.discover(place)
    assert problem.place == place
    assert words in problem.message


# ── entry points ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def installed(write: Write) -> None:
    """A package that offers a definition, a module, and two that are broken."""
    write("offered_one.py", ETL)
    write("offered_many.py", REPORT + PROCESSES)
    write("offers-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: offers\nVersion: 1\n")
    write(
        "offers-1.dist-info/entry_points.txt",
        "[penstock.workflows]\nload = offered_one:flow\nmany = offered_many\n"
        "gone = offered_nowhere:flow\nodd = offered_one:load\n",
    )


@pytest.mark.usefixtures("installed")
def test_entry_points_offer_definitions_under_their_names_and_modules(known: Catalogue) -> None:
    problems = known.discover(entry_points=True)
    assert sorted(known.names()) == ["Echo", "Nameless", "load", "report"]
    assert [problem.place for problem in problems] == [
        "entry point gone = offered_nowhere:flow",
        "entry point odd = offered_one:load",
    ]
    assert "No module named 'offered_nowhere'" in problems[0].message
    assert "has no as_program()" in problems[1].message


@pytest.mark.usefixtures("installed")
def test_one_entry_point_is_loaded_without_the_others(known: Catalogue) -> None:
    assert known.discover_entry_point("load") == []
    assert known.names() == ["load"]
    assert "offered_many" not in sys.modules
