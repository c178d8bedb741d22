"""What one execution is made of: a definition, and parameters from the stored defaults, a configuration and overrides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.simulations.configuration import Configuration, configuration_of, read_configuration
from penstock.simulations.definitions import Definitions
from penstock.simulations.parameters import from_texts, merged
from penstock.simulations.records import WorkflowDefinition
from penstock.simulations.registering import check_needed, definition_of

if TYPE_CHECKING:
    from penstock.simulations.simulation import Limits, Simulation


class How(NamedTuple):
    """How to execute a workflow.

    `overrides` are parameters by name, `texts` the same as a command line gives them; `config` is a file or a document whose
    values go over the stored ones; `realtime` is wall seconds for each virtual one, None as fast as it goes.
    """

    overrides: Mapping[str, Any] | None = None
    texts: Mapping[str, str] | None = None
    config: Mapping[str, Any] | Configuration | str | os.PathLike[str] | None = None
    seed: int = 0
    realtime: float | None = None
    limits: Limits | None = None


class Asked(NamedTuple):
    """What somebody wants executed; `texts` are overrides as a command line gives them."""

    name: str
    version: str | None
    config: Configuration | None
    overrides: Mapping[str, Any]
    texts: Mapping[str, str]


class Prepared(NamedTuple):
    """What an execution is made of: the definition, its parameters, and the sections they came in."""

    definition: WorkflowDefinition
    parameters: dict[str, Any]
    sections: dict[str, dict[str, Any]]
    code: Path | None


class Ready(NamedTuple):
    """An execution that is checked, and of which nothing is recorded yet; `order` is its run's input but for its id."""

    prepared: Prepared
    simulation: Simulation
    order: dict[str, Any]


def prepared_of(definitions: Definitions, folder: Path, asked: Asked) -> Prepared:
    """What was asked for, found and checked. Raises UserError."""
    definition, found = definition_of(definitions, folder, asked.name, asked.version, asked.config)
    config = asked.config or found.given
    known = {**definition.parameter_values, **(config.parameters if config is not None else {})}
    said = {**asked.overrides, **from_texts(asked.name, known, asked.texts)}
    parameters = merged(asked.name, definition.parameter_values, config, said)
    check_needed(definition, parameters)
    sections = config.sections if config is not None else definition.configuration
    return Prepared(definition, parameters, overlaid(sections, said), found.code)


def configuration_from(config: Mapping[str, Any] | Configuration | str | os.PathLike[str]) -> Configuration:
    """A configuration from a file or a document."""
    if isinstance(config, Configuration):
        return config
    return configuration_of(config) if isinstance(config, Mapping) else read_configuration(Path(config))


def overlaid(
    sections: Mapping[str, Mapping[str, Any]], overrides: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Sections with overrides where their names stand, and below [parameters] where they stand nowhere."""
    found = {section: dict(table) for section, table in sections.items()}
    for name, value in overrides.items():
        holding = [table for section, table in found.items() if name in table and section != "workflow"]
        for table in holding or [found.setdefault("parameters", {})]:
            table[name] = value
    return found
