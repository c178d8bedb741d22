"""Where code is: definitions are found again by file, module and name, and what is missing is said with the remedy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import catalogue
from penstock.errors import DefinitionError, RunNotFound
from penstock.tasks import Workflow

ONE = "from penstock import Workflow\nflow = Workflow('etl')\nflow.add_task(lambda: 1, name='x')\nagain = flow\n"
TWO = ONE + "other = Workflow('report')\nother.add_task(lambda: 2, name='y')\n"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules and paths that a test loads go with it."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") and "pytest" in str(sys.modules[name].__file__):
            del sys.modules[name]


def written(folder: Path, text: str, name: str = "flows_here.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_with_one_workflow_needs_no_name(tmp_path: Path) -> None:
    definition = catalogue.load(str(written(tmp_path, ONE)))
    assert definition.as_program().name == "etl"


@pytest.mark.parametrize("name", ["other", "report"])
def test_one_of_several_is_named_by_its_variable_or_its_own_name(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, TWO)
    assert catalogue.load(f"{path}:{name}").as_program().name == "report"


def test_which_one_must_be_said_where_there_are_several(tmp_path: Path) -> None:
    path = written(tmp_path, TWO)
    with pytest.raises(
        DefinitionError, match=rf"holds 2 workflows: say which one: {path}:flow, {path}:other"
    ):
        catalogue.load(str(path))


def test_a_name_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, TWO)
    with pytest.raises(DefinitionError, match=r"holds no workflow 'flwo'; did you mean 'flow'\?"):
        catalogue.load(f"{path}:flwo")
    with pytest.raises(DefinitionError, match="holds no workflow 'zzz'; it holds flow, other"):
        catalogue.load(f"{path}:zzz")


def test_a_file_without_workflows_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"holds no workflow: make one, such as flow = Workflow\('name'\)"
    ):
        catalogue.load(str(written(tmp_path, "x = 1\n")))


def test_a_file_that_is_mended_within_a_second_runs_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytecode is told from its source by the source's length and second."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("abc", "xyz"):
        file = written(tmp_path, ONE.replace("etl", name))
        os.utime(file, (1e9, 1e9))
        assert catalogue.load(str(file)).as_program().name == name
        del sys.modules[file.stem]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"there is no file '.*nowhere.py'"):
        catalogue.load(f"{tmp_path}/nowhere.py")


def test_a_module_can_be_named_too(tmp_path: Path) -> None:
    written(tmp_path, ONE, "flows_as_module.py")
    sys.path.insert(0, str(tmp_path))
    assert catalogue.load("flows_as_module").as_program().name == "etl"
    assert catalogue.load("flows_as_module:again").as_program().name == "etl"


def test_what_is_neither_file_nor_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="there is no file and no module 'no_such_thing'"):
        catalogue.load("no_such_thing")


def test_a_module_that_lacks_something_itself_says_what(tmp_path: Path) -> None:
    written(tmp_path, "import something_missing\n", "lacking.py")
    sys.path.insert(0, str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="something_missing"):
        catalogue.load("lacking")


def test_a_file_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    path = written(tmp_path, "raise RuntimeError('broken file')\n", "raising.py")
    with pytest.raises(RuntimeError, match="broken file"):
        catalogue.load(str(path))
    assert "raising" not in sys.modules


def test_a_file_is_loaded_once_and_its_neighbours_can_be_imported(tmp_path: Path) -> None:
    written(tmp_path, "number = 7\n", "neighbour_here.py")
    path = written(tmp_path, "import neighbour_here\n" + ONE)
    first = catalogue.load(str(path))
    assert catalogue.load(str(path)) is first


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = catalogue.load(str(written(tmp_path / "a", ONE)))
    second = catalogue.load(str(written(tmp_path / "b", ONE)))
    assert first is not second


# ── what a run records of it ────────────────────────────────────────────────────────────────────────────────────────


def test_a_source_says_file_module_variable_and_hash(tmp_path: Path) -> None:
    path = written(tmp_path, ONE)
    source = catalogue.source_of(catalogue.load(str(path)))
    assert source == {
        "module": "flows_here", "name": "flow", "file": str(path), "hash": catalogue.hash_of(path)
    }  # fmt: skip


def test_a_definition_without_a_variable_has_no_name() -> None:
    source = catalogue.source_of(Workflow("local"))
    assert "name" not in source
    assert source["file"] == __file__


def test_a_definition_of_a_module_that_is_gone_has_no_source() -> None:
    flow = Workflow("gone")
    flow.module = "a_module_that_is_gone"
    assert catalogue.source_of(flow) == {}


def test_the_hash_follows_the_text(tmp_path: Path) -> None:
    path = written(tmp_path, ONE)
    before = catalogue.hash_of(path)
    path.write_text(ONE + "# changed\n")
    assert catalogue.hash_of(path) != before
    assert len(before) == 16


def test_a_run_s_code_is_found_where_it_was(tmp_path: Path) -> None:
    source = catalogue.source_of(catalogue.load(str(written(tmp_path, TWO)) + ":other"))
    del sys.modules["flows_here"]
    assert catalogue.reload(source, "report").as_program().name == "report"


def test_a_module_that_is_loaded_is_not_loaded_again(tmp_path: Path) -> None:
    flow = catalogue.load(str(written(tmp_path, ONE)))
    assert catalogue.reload(catalogue.source_of(flow), "etl") is flow


def test_a_module_without_a_file_is_imported_by_name(tmp_path: Path) -> None:
    written(tmp_path, ONE, "flows_named_only.py")
    sys.path.insert(0, str(tmp_path))
    assert catalogue.reload({"module": "flows_named_only", "name": "flow"}, "etl").as_program().name == "etl"


def test_a_module_of_a_package_is_found_again_with_its_neighbours(tmp_path: Path) -> None:
    package = tmp_path / "flows_packed" / "deeper"
    package.mkdir(parents=True)
    (tmp_path / "flows_packed" / "__init__.py").touch()
    (package / "__init__.py").touch()
    written(package, "number = 7\n", "numbers_here.py")
    written(package, "from .numbers_here import number\n" + ONE, "etl.py")
    sys.path.insert(0, str(tmp_path))
    source = catalogue.source_of(catalogue.load("flows_packed.deeper.etl:flow"))
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("flows_packed")]:
        del sys.modules[name]
    assert catalogue.reload(source, "etl").as_program().name == "etl"


CLASSES = """from penstock.model.program import Plan


class Echo(Plan):
    name = "echo"

    def as_program(self):
        return self


class Other(Echo):
    name = "other"
"""


def test_a_class_that_makes_definitions_makes_one(tmp_path: Path) -> None:
    path = written(tmp_path, CLASSES)
    assert catalogue.load(f"{path}:Other").as_program().name == "other"
    assert catalogue.load(f"{path}:echo").as_program().name == "echo"
    with pytest.raises(DefinitionError, match="holds 2 workflows: say which one"):
        catalogue.load(str(path))
    assert [name for name, _ in catalogue.load_all(str(path))] == ["Echo", "Other"]


def test_a_run_of_a_class_finds_the_class_again(tmp_path: Path) -> None:
    made = catalogue.load(str(written(tmp_path, CLASSES)) + ":Echo")
    source = catalogue.source_of(made)
    assert source["name"] == "Echo"
    del sys.modules["flows_here"]
    again = catalogue.reload(source, "echo")
    assert (type(again).__name__, again is made) == ("Echo", False)


def test_what_a_module_holds_comes_before_the_classes_that_it_defines(tmp_path: Path) -> None:
    path = written(tmp_path, CLASSES + "it = Other()\n")
    assert type(catalogue.load(str(path))).__name__ == "Other"
    assert [name for name, _ in catalogue.load_all(str(path))] == ["it", "Echo"]


@pytest.mark.parametrize("source", [{}, {"module": "__main__", "file": "/nowhere/flows.py"}])
def test_code_that_is_not_where_it_was_is_asked_for(source: dict[str, str]) -> None:
    with pytest.raises(
        RunNotFound, match=r"the code of workflow 'etl' is not where .* penstock resume RUN --file"
    ):
        catalogue.reload(source, "etl")


def test_definitions_of_a_module_are_listed_once_each(tmp_path: Path) -> None:
    catalogue.load(str(written(tmp_path, TWO)) + ":flow")
    module = sys.modules["flows_here"]
    assert [name for name, _ in catalogue.definitions_in(module)] == ["flow", "other"]


def test_a_definition_that_is_no_variable_is_made_again_by_what_it_named(tmp_path: Path) -> None:
    text = "class Told:\n    recorded = {'made_by': 'told_here:make', 'number': 7}\n"
    text += "def make(source, name): return name, source['number']\n"
    written(tmp_path, text, "told_here.py")
    sys.path.insert(0, str(tmp_path))
    from importlib import import_module

    source = catalogue.source_of(import_module("told_here").Told())
    assert catalogue.reload(source, "w") == ("w", 7)
