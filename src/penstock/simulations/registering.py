"""A workflow's files become a definition in the store: read, parsed, kept under name and version, never executed on the way."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.errors import InputError, RunNotFound
from penstock.model.wording import listed
from penstock.simulations.configuration import Configuration, check_name, named
from penstock.simulations.definitions import Definitions, check_same
from penstock.simulations.finding import Found, find, suggestion
from penstock.simulations.parameters import problems_in
from penstock.simulations.problems import refuse
from penstock.simulations.records import WorkflowDefinition, now
from penstock.simulations.source import Source, source_in, source_of

FIRST = "1.0"
"""The version of what names none."""


def user() -> str:
    """Who runs this process; "nobody" where the system has no name for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "nobody"


def definition_of(
    definitions: Definitions, folder: Path, name: str, version: str | None, config: Configuration | None
) -> tuple[WorkflowDefinition, Found]:
    """The definition that a name and a version mean, kept now if it was not before. Raises UserError with the remedy."""
    if config is not None and config.name:
        check_name(config, name)
    found = find(folder, name, config)
    version = version or _version_of(found, config)
    if found.code is None:
        return _kept(definitions, folder, found, version), found
    made = made_from(found, version or FIRST)
    kept = definitions.get(found.name, made.version)
    if kept is None:
        return definitions.keep(made), found
    check_same(kept, made)
    return kept, found


def made_from(found: Found, version: str) -> WorkflowDefinition:
    """The definition that a workflow's files make."""
    source = source_in(found.file())
    defaults = dict(source.asked)
    sections: dict[str, dict[str, Any]] = {}
    if found.defaults is not None:
        refuse(named(found.defaults), problems_in(found.defaults, source.asked))
        defaults |= found.defaults.parameters
        sections = found.defaults.sections
    return made_of(found.name, version, source, defaults, sections)


def made_of(
    name: str,
    version: str,
    source: Source,
    defaults: Mapping[str, Any],
    sections: Mapping[str, Mapping[str, Any]],
    origin: str = "file",
) -> WorkflowDefinition:
    """A definition of these parts, made now by this process's user."""
    at = now()
    return WorkflowDefinition(
        workflow_name=name,
        version=version,
        workflow_type=name,
        definition=source.text,
        parameter_values=dict(defaults),
        created_by=user(),
        created_at=at,
        updated_at=at,
        code_hash=source.hash,
        configuration={section: dict(table) for section, table in sections.items()},
        origin=origin,
    )


def check_needed(definition: WorkflowDefinition, parameters: Mapping[str, Any]) -> None:
    """Raise InputError for parameters that the code cannot do without and nobody gave."""
    source = source_of(definition.definition, f"the code of {definition.key}")
    missing = sorted(name for name in source.needed if name not in parameters)
    if missing:
        flags = listed(f"--{name.replace('_', '-')}" for name in missing)
        raise InputError(
            f"workflow {definition.workflow_name!r} needs {listed(missing)}: give {flags}, or a configuration that has them"
        )


def _version_of(found: Found, config: Configuration | None) -> str | None:
    return next(
        (each.version for each in (config, found.given, found.defaults) if each and each.version), None
    )


def _kept(definitions: Definitions, folder: Path, found: Found, version: str | None) -> WorkflowDefinition:
    """A definition of which there is no file here. Raises RunNotFound that tells what was tried."""
    kept = definitions.of(found.name)
    if kept:
        return definitions.known(found.name, version)
    raise RunNotFound(
        f"there is no workflow {found.name!r}: neither in the store, nor as {', '.join(found.tried)};"
        f" {suggestion(folder, found.name)}"
    )
