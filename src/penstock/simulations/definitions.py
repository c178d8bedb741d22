"""Definitions in a store: found by name and version, kept once, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import DefinitionError, RunNotFound
from penstock.model.changes import OK, Change, Guard, Put
from penstock.model.wording import guess, listed
from penstock.simulations.records import WorkflowDefinition

if TYPE_CHECKING:
    from penstock.app import Engine

KIND = "simulation_definition"
MANY = 1_000


class Definitions:
    """The definitions that an engine's store holds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.durable_store()

    def get(self, name: str, version: str) -> WorkflowDefinition | None:
        """The definition of that name and version, if there is one."""
        return self.by_key([f"{name}@{version}"]).get(f"{name}@{version}")

    def known(self, name: str, version: str | None = None) -> WorkflowDefinition:
        """The definition of that name, the one kept last where no version is said. Raises RunNotFound with what there is."""
        found = self.of(name)
        wanted = [each for each in found if version in (None, each.version)]
        if wanted:
            return wanted[0]
        if found:
            versions = listed(each.version for each in found)
            raise RunNotFound(f"workflow {name!r} has no version {version!r}; there are {versions}")
        raise RunNotFound(
            f"no workflow {name!r} is defined; {guess(name, {each.workflow_name for each in self.all()})}"
        )

    def of(self, name: str) -> list[WorkflowDefinition]:
        """The versions of a workflow, the one kept last first."""
        return [self._read(row) for row in self._rows(f"{KIND}:{name}@")]

    def all(self) -> list[WorkflowDefinition]:
        """Every definition, the one kept last first."""
        return [self._read(row) for row in self._rows(f"{KIND}:")]

    def by_key(self, keys: list[str]) -> dict[str, WorkflowDefinition]:
        """Definitions by NAME@VERSION; missing ones are left out."""
        rows = self._store.get("documents", [f"{KIND}:{key}" for key in keys])
        return {found.key: found for found in map(self._read, rows.values())}

    def keep(self, definition: WorkflowDefinition) -> WorkflowDefinition:
        """Keep a definition, or find the same one kept before. Raises DefinitionError for another of its name and version."""
        key = f"{KIND}:{definition.key}"
        text = self._engine.codec.encode(_plain(definition))
        columns = {"kind": KIND, "version": definition.version, "data": text}
        put = Put("documents", key, columns)
        (verdict,) = self._store.commit([Change(puts=[put], guards=[Guard("documents", key, None)])])
        if verdict == OK:
            return definition
        kept = self.by_key([definition.key])[definition.key]
        check_same(kept, definition)
        return kept

    def _rows(self, prefix: str) -> list[dict[str, Any]]:
        return self._store.find("documents", {"kind": KIND}, prefix=prefix, limit=MANY, newest_first=True)

    def _read(self, row: dict[str, Any]) -> WorkflowDefinition:
        return WorkflowDefinition(**self._engine.codec.decode(row["data"]))


def _plain(definition: WorkflowDefinition) -> dict[str, Any]:
    return definition._asdict()


def check_same(kept: WorkflowDefinition, now: WorkflowDefinition) -> None:
    """Raise DefinitionError where code or defaults are no longer what was kept under this version."""
    name, version = kept.workflow_name, kept.version
    remedy = f"give what is new another version (--version {_next(version)}), or bring back what was"
    if kept.code_hash != now.code_hash:
        raise DefinitionError(
            f"the code of workflow {name!r} is not what is kept as version {version} (then {kept.code_hash}, now"
            f" {now.code_hash}), and a version never changes: {remedy}"
        )
    changed = [
        each
        for each in {**kept.parameter_values, **now.parameter_values}
        if kept.parameter_values.get(each) != now.parameter_values.get(each)
    ]
    if changed:
        raise DefinitionError(
            f"the defaults of workflow {name!r} are not what is kept as version {version} ({listed(changed)} changed), and a"
            f" version never changes: {remedy}, or give the new values with --config FILE"
        )


def _next(version: str) -> str:
    head, dot, last = version.rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdecimal() else f"{version}.1"
