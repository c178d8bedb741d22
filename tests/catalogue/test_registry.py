"""One registry: a name stands for one definition, and what is not there is asked for with what is."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from penstock.catalogue import Catalogue, load
from penstock.errors import DefinitionError, NotInCatalogue, RunNotFound
from penstock.model.program import Plan
from penstock.tasks import Workflow, task
from tests.catalogue.conftest import ETL, PROCESSES, Write


class Approval(Plan):
    """Asks somebody."""

    def as_program(self) -> Approval:
        return self


def workflow(name: str) -> Workflow:
    flow = Workflow(name)
    flow.add_task(lambda: 1, name="one")
    return flow


def test_a_definition_is_found_under_its_own_name_or_another(known: Catalogue) -> None:
    flow = workflow("etl")
    assert known.register(flow).name == "etl"
    known.register(flow, "nightly")
    assert known.get("etl").make() is known["nightly"].make() is flow
    assert [entry.name for entry in known] == known.names() == ["etl", "nightly"]
    assert "nightly" in known
    assert len(known) == 2


def test_a_class_makes_a_definition_each_time(known: Catalogue) -> None:
    entry = known.register(Approval)
    assert entry.name == "Approval"
    assert isinstance(entry.make(), Approval)
    assert entry.make() is not entry.make()


def test_a_definition_is_registered_once_however_often_it_is_met(known: Catalogue) -> None:
    flow = workflow("etl")
    assert known.register(flow) is known.register(flow)


def test_a_name_that_is_taken_is_refused_with_both_places(known: Catalogue) -> None:
    first, second = workflow("etl"), Workflow("etl")
    known.register(first)
    with pytest.raises(DefinitionError) as refused:
        known.register(second)
    assert str(refused.value).count(f"{__file__}:") == 2
    assert "register one of them under another name, or with replace=True" in str(refused.value)
    assert known.get("etl").make() is first


def test_a_name_is_given_to_another_where_that_is_said(known: Catalogue) -> None:
    known.register(workflow("etl"))
    second = Workflow("etl")
    known.register(second, replace=True)
    assert known.get("etl").make() is second


def test_what_was_made_again_in_the_same_place_takes_its_place(known: Catalogue) -> None:
    first, second = workflow("etl"), workflow("etl")
    known.register(first)
    known.register(second)
    assert known.get("etl").make() is second


def test_a_class_that_was_written_again_takes_its_place(known: Catalogue, write: Write) -> None:
    import importlib
    import sys

    write("echoing.py", PROCESSES)
    known.register(load("echoing:Echo").__class__)
    known.register(importlib.reload(sys.modules["echoing"]).Echo)
    assert known.get("Echo").offered is sys.modules["echoing"].Echo


@pytest.mark.parametrize("stranger", [7, "etl", object(), dict])
def test_what_makes_no_workflow_is_refused(known: Catalogue, stranger: object) -> None:
    with pytest.raises(DefinitionError, match=r"cannot be registered: it has no as_program\(\)"):
        known.register(stranger)


def test_what_is_not_there_is_told_with_what_is_the_nearest_first(known: Catalogue) -> None:
    for name in ("report", "clean", "extract"):
        known.register(workflow(name), name)
    with pytest.raises(NotInCatalogue) as missing:
        known.get("extrct")
    assert str(missing.value) == (
        "there is no workflow 'extrct' in the catalogue; did you mean 'extract'? there are extract, report, clean"
    )
    assert isinstance(missing.value, KeyError)
    assert isinstance(missing.value, RunNotFound)
    assert known.find("extrct") is None


def test_an_empty_catalogue_says_so(known: Catalogue) -> None:
    with pytest.raises(
        NotInCatalogue, match="there is no workflow 'etl' in the catalogue; none is registered"
    ):
        known.get("etl")


def test_a_name_can_be_forgotten(known: Catalogue) -> None:
    known.register(workflow("etl"))
    known.unregister("etl")
    assert "etl" not in known
    with pytest.raises(NotInCatalogue):
        known.unregister("etl")
    known.register(workflow("etl"))
    known.clear()
    assert not len(known)


def test_threads_register_side_by_side_and_one_of_a_name_wins(known: Catalogue) -> None:
    refused: list[DefinitionError] = []
    flows = {number: workflow(f"flow-{number}") for number in range(50)}
    rivals = [Workflow("rival"), Workflow("rival")]
    ready = threading.Barrier(8)

    def register(thread: int) -> None:
        ready.wait()
        for number in range(thread, 50, 8):
            known.register(flows[number])
            assert [entry.name for entry in known]
        try:
            known.register(rivals[thread % 2], "rival")
        except DefinitionError as error:
            refused.append(error)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(known.names()) == {f"flow-{number}" for number in range(50)} | {"rival"}


# ── what is known of an entry ───────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_tells_name_style_words_inputs_and_place(
    known: Catalogue, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "etl", raising=False)  # other tests have files of that name
    path = write("etl.py", ETL)
    document = known.register(load(str(path))).document()
    schema = document.pop("schema")
    assert document == {
        "name": "etl",
        "style": "tasks",
        "docs": "Loads what was measured.",
        "inputs": [
            {"name": "limit", "type": "int", "required": True, "default": None},
            {"name": "folder", "type": "str", "required": False, "default": "here"},
        ],
        "outputs": [{"name": "load", "type": "int"}],
        "module": "etl",
        "variable": "flow",
        "file": str(path),
        "line": 11,
        "hash": known.get("etl").source["hash"],
        "problem": None,
    }
    assert schema["properties"]["limit"] == {"type": "integer"}
    assert schema["required"] == ["limit"]


def test_the_outputs_of_tasks_are_what_the_last_of_them_return(known: Catalogue) -> None:
    flow = Workflow("ends")

    @flow.task
    def names() -> list[str]:
        return []

    @task
    def greet(name: str) -> str:
        return name

    flow.add_task(greet.map(name="names"))
    flow.add_task(lambda names: names, name="untold", depends_on=["names"])
    outputs = known.register(flow).document()["outputs"]
    assert outputs == [{"name": "greet", "type": "list[str]"}, {"name": "untold", "type": "any"}]


DURABLE = """from penstock import task
from penstock.functions import workflow


@task
def add(a: int, b: int) -> int:
    return a + b


@workflow
async def total(numbers: list[int], start: int = 0) -> int:
    \"\"\"Adds numbers up.\"\"\"
    for number in numbers:
        start = await add(start, number)
    return start
"""


def test_a_durable_function_is_a_definition_like_others(known: Catalogue, write: Write) -> None:
    path = write("adding.py", DURABLE)
    assert known.discover(str(path)) == []
    [entry] = known
    assert (entry.name, entry.style, entry.docs) == ("total", "functions", "Adds numbers up.")
    assert str(entry.place) == f"{path}:10"
    assert entry.schema["required"] == ["numbers"]
    assert entry.document()["outputs"] == [{"name": "result", "type": "int"}]


def test_a_class_tells_its_own_words_and_line(known: Catalogue, write: Write) -> None:
    path = write("echoing.py", PROCESSES)
    load(str(path) + ":Echo")
    known.discover(str(path))
    entry = known.get("Echo")
    assert (entry.style, entry.docs, str(entry.place)) == ("own", "Says what it is told.", f"{path}:4")
    assert entry.inputs == {}


def test_a_definition_that_cannot_run_is_listed_with_what_is_wrong(known: Catalogue) -> None:
    flow = Workflow("broken")
    flow.add_task(lambda x: x, name="late", depends_on=["nowhere"])
    document = known.register(flow).document()
    assert "nowhere" in document["problem"]
    assert document["schema"] == {}
    assert document["inputs"] == []


def test_a_class_is_given_a_name_if_it_takes_one(known: Catalogue, write: Write) -> None:
    known.discover(str(write("echoing.py", PROCESSES)))
    assert known.get("Echo").make("mine").as_program().name == "mine"
    assert known.get("Nameless").make("mine").as_program().name == "mine"
    assert known.get("Nameless").make().as_program().name == "Nameless"


def test_a_class_that_insists_on_a_name_gets_that_of_its_entry(known: Catalogue) -> None:
    class Named(Plan):
        def __init__(self, name: str) -> None:
            self.name = name

        def as_program(self) -> Named:
            return self

    assert known.register(Named).make().as_program().name == "Named"


class Needy(Approval):
    def __init__(self, size: int, *more: int, colour: str = "red") -> None:
        self.size = size


class Failing(Approval):
    def __init__(self) -> None:
        raise RuntimeError("no luck")


def test_a_class_that_cannot_be_made_by_name_is_told_with_the_remedy(known: Catalogue) -> None:
    entry = known.register(Needy)
    with pytest.raises(
        DefinitionError, match="cannot be made by name: its __init__ needs 'size'; give them defaults"
    ):
        entry.make()
    assert "needs 'size'" in entry.document()["problem"]
    known.register(Failing)
    assert "cannot be made: RuntimeError('no luck')" in known.get("Failing").document()["problem"]


class Secret(Approval):
    """Takes a password."""

    class Given:
        param_type, required, default, description, sensitive = str, False, "hunter2", "of the door", True

    inputs = {"password": Given()}  # noqa: RUF012


def test_the_default_of_what_is_sensitive_is_shown_to_nobody(known: Catalogue) -> None:
    document = known.register(Secret).document()
    assert document["inputs"] == [
        {
            "name": "password", "type": "str", "required": False, "default": None,
            "description": "of the door", "sensitive": True,
        }
    ]  # fmt: skip
    assert document["schema"]["properties"]["password"] == {
        "type": "string", "description": "of the door", "writeOnly": True
    }  # fmt: skip
    assert "hunter2" not in str(document)


def test_what_was_written_in_a_shell_has_no_place(known: Catalogue, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "a_shell"}
    exec(compile(ETL, "<stdin>", "exec"), names)
    entry = known.register(names["flow"])
    assert str(entry.place) == "a shell"
    assert entry.source == {}
