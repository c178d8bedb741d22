"""A workflow inside the caller's own SimPy environment."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import Any

from penstock.simulations.configuration import read_configuration
from penstock.simulations.runner import WorkflowRunner


class WorkflowSimulator:
    """Loads a workflow by name, or from a TOML file, which goes before the stored definition, and simulates it in `env`.

    Its code runs in this process: see WorkflowRunner.run_by_name for what that takes.
    """

    def __init__(
        self,
        env: Any,
        workflow_name: str | None = None,
        version: str | None = None,
        config_file: str | os.PathLike[str] | None = None,
        *,
        runner: WorkflowRunner | None = None,
        parameter_overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.env = env
        self.runner = runner or WorkflowRunner()
        self._overrides = parameter_overrides
        self.config: dict[str, dict[str, Any]] | None = None
        if config_file is not None:
            self._found = read_configuration(os.fspath(config_file))
            self.config = self._found.sections
            self.workflow_executor = self.load_from_config()
        else:
            self.workflow_executor = self.runner.run_by_name(
                workflow_name or "", version, parameter_overrides
            )

    def run_simulation(self) -> Generator[Any, Any, Any]:
        """The workflow as a generator of SimPy events: `env.process(simulator.run_simulation())`."""
        value = yield from self.workflow_executor.execute(self.env)
        return value

    def load_from_config(self) -> Any:
        """The executor of the workflow that the configuration names."""
        return self.runner.load_workflow_from_config(self._found, self._overrides)
