"""The runner: finds a workflow by its name, keeps its definition, records its execution, and has it played."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import CommandRefused, RunNotFound
from penstock.model.ids import run_id_for
from penstock.simulations.configuration import Configuration
from penstock.simulations.definitions import Definitions
from penstock.simulations.executions import Executions
from penstock.simulations.finding import folder_of
from penstock.simulations.inprocess import check_trusted, executor_of, watched
from penstock.simulations.kernel import check_installed
from penstock.simulations.preparing import Asked, How, Prepared, Ready, configuration_from, prepared_of
from penstock.simulations.records import WorkflowDefinition, WorkflowExecution, now
from penstock.simulations.registering import definition_of, made_of, user
from penstock.simulations.simulation import Limits, Simulation, order_of
from penstock.simulations.source import source_of
from penstock.simulations.started import Started
from penstock.simulations.station import Deliver, Station
from penstock.simulations.sweeping import combinations, executed
from penstock.simulations.telling import attend, tell_all

if TYPE_CHECKING:
    import logging

    from penstock.app import Engine


class WorkflowRunner:
    """Runs simulated workflows on the engine of a store (left out, the default one).

    `folder` is where workflows' files are; left out, the nearest folder `workflows` upward. `deliver` is handed the messages of
    executions that run inside this process; left out, they go to the event bus and the broker, as all others do. Code
    that came over the network runs only with `allow_network`. `latest` is the id of the execution begun last.
    """

    def __init__(
        self,
        store: str | Engine | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        deliver: Deliver | None = None,
        allow_network: bool = False,
    ) -> None:
        self._store = store
        self._folder = None if folder is None else os.fspath(folder)
        self.limits = limits
        self.deliver: Deliver = deliver or tell_all
        self.allow_network = allow_network
        self.latest: str | None = None
        self._station: Station | None = None

    @property
    def engine(self) -> Engine:
        """The engine that runs are on. Raises CommandRefused, on use, for one that keeps nothing."""
        from penstock.app import engine_at

        return engine_at(self._store)

    @property
    def folder(self) -> Path:
        """Where workflows' files are."""
        return folder_of(self._folder)

    @property
    def definitions(self) -> Definitions:
        """What is defined in the store."""
        return Definitions(self.engine)

    @property
    def executions(self) -> Executions:
        """What was executed, as the store has it."""
        return Executions(self.engine)

    # In a process of its own

    def run(self, workflow_name: str, version: str | None = None, **how: Any) -> WorkflowExecution:
        """Execute a workflow and wait for its end, whatever that is; see `start` for the options. The record.

        An interrupt stops it at once: its execution is then terminated.
        """
        execution_id, simulation, order = self._recorded(self.ready(workflow_name, version, **how))
        try:
            self.engine.run(simulation, order, key=execution_id)
        except KeyboardInterrupt:
            self._interrupted(execution_id)
            raise
        return self.executions.get(execution_id)

    def start(self, workflow_name: str, version: str | None = None, **how: Any) -> Started:
        """Execute a workflow in the background. How has the options."""
        return self.begin(self.ready(workflow_name, version, **how))

    def sweep(
        self,
        workflow_name: str,
        over: Mapping[str, Sequence[Any]],
        version: str | None = None,
        *,
        jobs: int | None = None,
        **how: Any,
    ) -> list[WorkflowExecution]:
        """Execute a workflow with every combination of these parameters' values, and wait for the end of all.

        `jobs` so many at a time, one for each processor if it is left out; see `start` for the other options. The records, the
        last parameter's values going round quickest. Nothing is begun unless all of it is right.
        """
        overrides = how.pop("overrides", None) or {}
        each = [{**how, "overrides": {**overrides, **values}} for values in combinations(over)]
        return executed(self, workflow_name, version, each, jobs)

    def ready(self, workflow_name: str, version: str | None = None, **how: Any) -> Ready:
        """What `begin` begins: checked, while nothing of it is recorded yet. Raises what `run` would raise."""
        check_installed()
        asked = How(**how)
        found = None if asked.config is None else configuration_from(asked.config)
        prepared = self._parts(workflow_name, version, found, asked.overrides or {}, asked.texts or {})
        definition = prepared.definition
        self._check_origin(definition)
        limits = asked.limits or self.limits or (Limits() if asked.realtime is None else Limits(seconds=None))
        order = order_of(
            definition,
            limits,
            prepared.parameters,
            prepared.sections,
            seed=asked.seed,
            realtime=asked.realtime,
        )
        return Ready(prepared, Simulation(definition.workflow_name, definition.code_hash, limits), order)

    def begin(self, ready: Ready) -> Started:
        """Execute in the background what is ready to be."""
        execution_id, simulation, order = self._recorded(ready)
        return Started(self, execution_id, self.engine.start(simulation, order, key=execution_id))

    def stop(self, execution_id: str, reason: str = "") -> WorkflowExecution:
        """Stop an execution at once. Raises CommandRefused if it has ended, or if the caller's environment drives it."""
        found = self.executions.get(execution_id)
        if found.run_id is None:
            raise CommandRefused(
                f"execution {execution_id} is driven by the program that began it: stop it there"
            )
        self.engine.command(found.run_id, "cancel", reason)
        self.engine.get(found.run_id).wait(10)
        return self.executions.get(execution_id)

    def resume(self, execution_id: str) -> WorkflowExecution:
        """Play an execution again whose runner went away, to its end. The record."""
        found = self.executions.get(execution_id)
        if found.run_id is None:
            raise CommandRefused(
                f"execution {execution_id} was driven by the program that began it: begin another"
            )
        self.engine.resume(found.run_id, wait=True)
        return self.executions.get(execution_id)

    # Inside the caller's process

    def run_by_name(
        self,
        workflow_name: str,
        version: str | None = None,
        parameter_overrides: Mapping[str, Any] | None = None,
    ) -> Any:
        """The executor of a workflow, recorded as running: the caller's environment drives its `execute(env)`.

        Only code that is its author's file on this machine runs here. Raises CommandRefused, with the remedy, for any other.
        """
        return self._executor(self._parts(workflow_name, version, None, parameter_overrides or {}))

    def load_workflow_from_config(
        self,
        config: Mapping[str, Any] | Configuration | str | Path,
        parameter_overrides: Mapping[str, Any] | None = None,
    ) -> Any:
        """As `run_by_name`, of the workflow that a configuration names, with its values."""
        found = configuration_from(config)
        return self._executor(self._parts(found.name, None, found, parameter_overrides or {}))

    def register_workflow_from_file(
        self, workflow_name: str, version: str | None = None
    ) -> WorkflowDefinition:
        """Keep the definition that is in the folder of workflows. Its code is parsed, not executed."""
        return definition_of(self.definitions, self.folder, workflow_name, version, None)[0]

    def register(
        self,
        workflow_name: str,
        version: str,
        code: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        origin: str = "network",
    ) -> WorkflowDefinition:
        """Keep code that comes from elsewhere. It is parsed, not executed."""
        source = source_of(code, f"the code of {workflow_name!r}")
        defaults = {**source.asked, **(parameters or {})}
        sections = {"parameters": dict(parameters or {})}
        return self.definitions.keep(made_of(workflow_name, version, source, defaults, sections, origin))

    def generate_execution_id(self, workflow_name: str) -> str:
        """An id that no other execution has: NAME-USER-NNNN."""
        return self.executions.next_id(workflow_name, user())

    # What a workflow is offered, here too

    @property
    def logger(self) -> logging.Logger:
        """Where workflows log."""
        return self._own().logger

    def publish(self, msg_type: str, **fields: Any) -> dict[str, Any]:
        """Publish a message in the runner's own name. See Station.publish."""
        return self._own().publish(msg_type, **fields)

    def send_message(self, destination: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Publish a message to a destination in the runner's own name. See Station.send_message."""
        return self._own().send_message(destination, message)

    def _own(self) -> Station:
        if self._station is None:
            self._station = Station("", "", {}, self.deliver, many=1)
        return self._station

    # How it is put together

    def _recorded(self, ready: Ready) -> tuple[str, Simulation, dict[str, Any]]:
        """The id of an execution that is recorded from now on, and what to run."""
        simulation = ready.simulation
        execution_id = self.generate_execution_id(simulation.name)
        attend(self.engine)
        run_id = run_id_for(simulation.name, execution_id)
        self._add(ready.prepared, execution_id, status="pending", run_id=run_id, seed=ready.order["seed"])
        return execution_id, simulation, {**ready.order, "execution_id": execution_id}

    def _check_origin(self, definition: WorkflowDefinition) -> None:
        if definition.origin == "network" and not self.allow_network:
            raise CommandRefused(
                f"the code of {definition.key!r} came over the network, and such code runs only where an operator"
                " allowed it: WorkflowRunner(allow_network=True)"
            )

    def _parts(
        self,
        name: str,
        version: str | None,
        config: Configuration | None,
        overrides: Mapping[str, Any],
        texts: Mapping[str, str] | None = None,
    ) -> Prepared:
        return prepared_of(
            self.definitions, self.folder, Asked(name, version, config, overrides, texts or {})
        )

    def _interrupted(self, execution_id: str) -> None:
        try:
            self.stop(execution_id, "interrupted")
        except RunNotFound:  # before its run was recorded
            self.executions.update(
                execution_id, status="terminated", end_time=now(), error_message="interrupted"
            )

    def _add(self, prepared: Prepared, execution_id: str, **more: Any) -> None:
        self.latest = execution_id
        self.executions.add(
            WorkflowExecution(
                execution_id=execution_id,
                workflow_definition=prepared.definition,
                parameter_values=prepared.parameters,
                performance_metrics=None,
                start_time=now(),
                end_time=None,
                executed_by=user(),
                owner=self.engine.owner,
                **more,
            )
        )

    def _executor(self, prepared: Prepared) -> Any:
        check_trusted(prepared.definition, prepared.code)
        execution_id = self.generate_execution_id(prepared.definition.workflow_name)
        executor, station = executor_of(prepared, execution_id, self.deliver)
        self._add(prepared, execution_id, status="running")
        return watched(executor, station, self.executions)


def generate_execution_id(workflow_name: str) -> str:
    """An id that no other execution in the default store has: NAME-USER-NNNN."""
    return WorkflowRunner().generate_execution_id(workflow_name)
