"""sWFME's registry of processes: a view of the catalogue that sees process classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.catalogue import Catalogue
from penstock.errors import DefinitionError, NotInCatalogue
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, OutputParameter
from penstock.processes.registry import ProcessRegistry, process_registry
from penstock.tasks import Workflow
from tests.catalogue.conftest import Write


class Adding(AtomarProcess):
    """Adds one."""

    def __init__(self, name: str = "Adding") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int, required=True, description="to add to"))
        self.input.add(InputParameter("password", str, required=False, default="hunter2", sensitive=True))
        self.output.add(OutputParameter("more", int, "one more"))

    async def execute_impl(self) -> None:
        self.output["more"].value = self.input["number"].value + 1


class Nameless(OrchestratedProcess):
    def __init__(self) -> None:
        super().__init__("Nameless")
        self.input.add(InputParameter("number", int, required=True))
        self.output.add(OutputParameter("more", int))

    def define_orchestration(self) -> None:
        adding = self.add_child(Adding())
        self._connect_param(self.input["number"], adding.input["number"])
        self._connect_param(adding.output["more"], self.output["more"])


class Needy(Adding):
    def __init__(self, factor: int) -> None:
        super().__init__("Needy")
        self.factor = factor


SHOP = """from penstock import Workflow
from penstock.processes import AtomarProcess


class Sell(AtomarProcess):
    async def execute_impl(self):
        pass


flow = Workflow("flow")
"""

STEPS = """from penstock.processes import AtomarProcess, OrchestratedProcess


class One(AtomarProcess):
    async def execute_impl(self):
        pass


class Many(OrchestratedProcess):
    def define_orchestration(self):
        self.add_child(One())
"""


@pytest.fixture
def registry() -> ProcessRegistry:
    return ProcessRegistry(Catalogue())


@pytest.fixture
def _ours() -> Iterator[None]:
    process_registry.clear()
    yield
    process_registry.clear()


def test_a_class_is_registered_under_its_name_or_another(registry: ProcessRegistry) -> None:
    registry.register(Adding)
    registry.register(Adding, "add")
    assert list(registry) == ["Adding", "add"]
    assert registry.get("add") is Adding
    assert "Adding" in registry
    assert len(registry) == 2
    assert registry.get("subtract") is None


def test_it_is_a_decorator_too(registry: ProcessRegistry) -> None:
    @registry.register
    class Decorated(Adding):
        pass

    assert registry.get("Decorated") is Decorated


async def test_what_is_created_runs(registry: ProcessRegistry) -> None:
    registry.register(Nameless, "pipeline")
    workflow = registry.create("pipeline")
    workflow.input["number"].value = 2
    assert await workflow.execute()
    assert workflow.status == "completed"
    assert workflow.output["more"].value == 3


def test_each_time_another_process_is_created_with_the_name_it_is_given(registry: ProcessRegistry) -> None:
    registry.register(Adding)
    registry.register(Nameless)
    assert registry.create("Adding") is not registry.create("Adding")
    assert registry.create("Adding").name == "Adding"
    assert registry.create("Adding", "mine").name == "mine"
    assert registry.create("Nameless", "mine").name == "mine"
    assert registry.create("Nameless").name == "Nameless"


def test_an_unknown_name_is_a_key_error_that_lists_what_is_known(registry: ProcessRegistry) -> None:
    registry.register(Nameless)
    registry.register(Adding)
    with pytest.raises(KeyError) as missing:
        registry.create("Addng")
    assert str(missing.value) == (
        "there is no process 'Addng' in the registry; did you mean 'Adding'? there are Adding, Nameless"
    )
    for ask in (registry.get_info, registry.unregister):
        with pytest.raises(NotInCatalogue):
            ask("Addng")


def test_processes_are_listed_with_class_docs_and_parameters(registry: ProcessRegistry) -> None:
    registry.register(Adding, "add")
    (told,) = registry.list_processes()
    assert told == registry.get_info("add")
    assert (told["name"], told["class"], told["module"], told["docs"]) == (
        "add", "Adding", __name__, "Adds one."
    )  # fmt: skip
    assert told["parameters"]["inputs"][0] == {
        "name": "number", "type": "int", "required": True, "default": None, "description": "to add to"
    }  # fmt: skip
    assert told["parameters"]["outputs"] == [{"name": "more", "type": "int", "description": "one more"}]
    assert told["problem"] is None
    assert "hunter2" not in str(told)


def test_a_class_that_cannot_be_created_is_listed_with_its_problem(registry: ProcessRegistry) -> None:
    registry.register(Needy)
    assert "its __init__ needs 'factor'" in registry.list_processes()[0]["problem"]
    with pytest.raises(DefinitionError, match="needs 'factor'"):
        registry.create("Needy")


@pytest.mark.parametrize("stranger", [7, Workflow, Workflow("w"), Adding()])
def test_what_is_no_process_class_is_refused(registry: ProcessRegistry, stranger: object) -> None:
    with pytest.raises(DefinitionError, match="is no process class"):
        registry.register(stranger)  # type: ignore[type-var]


def test_a_second_class_of_one_name_is_refused(registry: ProcessRegistry) -> None:
    registry.register(Adding, "x")
    with pytest.raises(DefinitionError, match="is in the catalogue already"):
        registry.register(Nameless, "x")


def test_it_sees_what_the_catalogue_found_and_nothing_of_other_styles(write: Write) -> None:
    write("shop_here.py", SHOP)
    known = Catalogue()
    known.discover("shop_here")
    registry = ProcessRegistry(known)
    assert sorted(known.names()) == ["Sell", "flow"]
    assert [told["name"] for told in registry.list_processes()] == ["Sell"]
    with pytest.raises(NotInCatalogue):
        registry.create("flow")
    registry.clear()
    assert known.names() == ["flow"]


@pytest.mark.usefixtures("_ours")
def test_the_process_has_one_which_swfme_s_users_know_by_their_name() -> None:
    from swfme.registry import process_registry as by_package
    from swfme.registry.process_registry import ProcessRegistry as Theirs
    from swfme.registry.process_registry import process_registry as by_module

    assert by_package is by_module is process_registry
    assert Theirs is ProcessRegistry
    process_registry.register(Adding)
    process_registry.unregister("Adding")
    assert len(process_registry) == 0


def test_classes_of_a_file_are_found_and_their_base_is_not(write: Write, folder: Path) -> None:
    write("steps_here.py", STEPS)
    known = Catalogue()
    assert known.discover("steps_here.py") == []
    assert known.names() == ["One", "Many"]
    assert {entry.style for entry in known} == {"processes"}
