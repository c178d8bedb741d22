"""Process classes by name: a view of the process's catalogue, which holds definitions of every style."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from penstock.catalogue import Catalogue, Entry, catalogue
from penstock.catalogue.registry import not_there
from penstock.errors import DefinitionError, NotInCatalogue
from penstock.model.wording import shown

if TYPE_CHECKING:
    from penstock.processes.process import Process

C = TypeVar("C", bound="type[Process]")

STYLE: Final = "processes"


class ProcessRegistry:
    """Registers process classes and makes processes of them.

    What is registered here is in the catalogue, and process classes that were found otherwise are seen here. `known` is another
    catalogue than that of this process.
    """

    def __init__(self, known: Catalogue | None = None) -> None:
        self._known = catalogue if known is None else known

    def register(self, process_class: C, name: str | None = None) -> C:
        """Register a class under `name`, else under its own; also as a decorator.

        Raises DefinitionError for a name that is taken. A class that was written again, as in a notebook, takes its own place.
        """
        given: Any = process_class
        if not isinstance(given, type) or Entry("", given).style != STYLE:
            raise DefinitionError(
                f"{shown(process_class)} is no process class: register a subclass of AtomarProcess or OrchestratedProcess"
            )
        self._known.register(process_class, name)
        return process_class

    def create(self, name: str, instance_name: str | None = None) -> Process:
        """A new process of the class of that name. Raises NotInCatalogue, a KeyError that lists what is known."""
        made: Any = self._entry(name).make(instance_name)
        process: Process = made
        return process

    def get(self, name: str) -> type[Process] | None:
        """The class of that name; None where there is none."""
        entry = self._known.find(name)
        return entry.offered if entry is not None and _is_process(entry) else None

    def get_info(self, name: str) -> dict[str, Any]:
        """What list_processes tells, of one. Raises NotInCatalogue, a KeyError."""
        return _info(self._entry(name))

    def list_processes(self) -> list[dict[str, Any]]:
        """Every class: name, class, module, docs and parameters, in order of registration; `problem` if it cannot be made."""
        return [_info(entry) for entry in self._entries()]

    def unregister(self, name: str) -> None:
        """Forget a class. Raises NotInCatalogue, a KeyError."""
        self._known.unregister(self._entry(name).name)

    def clear(self) -> None:
        """Forget every process class."""
        for entry in self._entries():
            self._known.unregister(entry.name)

    def _entry(self, name: str) -> Entry:
        entry = self._known.find(name)
        if entry is None or not _is_process(entry):
            names = [each.name for each in self._entries()]
            raise NotInCatalogue(not_there(name, names, "process {} in the registry"))
        return entry

    def _entries(self) -> list[Entry]:
        return [entry for entry in self._known if _is_process(entry)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in self._entries())

    def __len__(self) -> int:
        return len(self._entries())


process_registry: Final = ProcessRegistry()
"""That of this process."""


def _is_process(entry: Entry) -> bool:
    return isinstance(entry.offered, type) and entry.style == STYLE


def _info(entry: Entry) -> dict[str, Any]:
    said = entry.document()
    parameters = {"inputs": said["inputs"], "outputs": said["outputs"]}
    return {
        "name": entry.name,
        "class": entry.offered.__name__,
        "module": entry.offered.__module__,
        "docs": said["docs"],
        "parameters": parameters,
        "problem": said["problem"],
    }
