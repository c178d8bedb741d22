"""Executions that the caller's own SimPy environment drives: the executor writes down by itself how it ended."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.context.places import near
from penstock.errors import CommandRefused, PenstockError
from penstock.simulations.assembling import assembled, executed
from penstock.simulations.executions import Executions
from penstock.simulations.playing import namespace_of
from penstock.simulations.preparing import Prepared
from penstock.simulations.records import WorkflowDefinition, now
from penstock.simulations.source import CLASS, hash_of
from penstock.simulations.station import Deliver, Station


def check_trusted(definition: WorkflowDefinition, code: Path | None) -> None:
    """Raise CommandRefused for code that is not, as it is, in its author's file on this machine."""
    remedy = (
        "put its file there, or run it in a process of its own: WorkflowRunner.run, swf-testbed run-workflow"
    )
    if code is None:
        raise CommandRefused(
            f"the code of workflow {definition.key!r} is in the store and in no file here, and only its author's own file runs"
            f" inside the caller's process: {remedy}"
        )
    if hash_of(code.read_text(encoding="utf-8")) != definition.code_hash:
        raise CommandRefused(
            f"{near(str(code))} is not the code that {definition.key!r} was kept with: {remedy}"
        )


def executor_of(prepared: Prepared, execution_id: str, deliver: Deliver) -> tuple[Any, Station]:
    """The executor of a workflow, its code executed in this process, and the station that it was given."""
    found = executed(prepared.definition.definition, str(prepared.code))
    station = Station(
        execution_id,
        execution_id,
        prepared.parameters,
        deliver,
        namespace=namespace_of(prepared.sections, prepared.parameters),
        many=1,
    )
    executor = assembled(
        found[CLASS],
        parameters=prepared.parameters,
        config=prepared.sections,
        runner=station,
        execution_id=execution_id,
    )
    return executor, station


def watched(executor: Any, station: Station, executions: Executions) -> Any:
    """The executor, whose `execute` tells the store how it ended and what was measured."""
    inner = executor.execute

    def execute(env: Any) -> Generator[Any, Any, Any]:
        station.env = env
        begun = _Begun(env, station)
        try:
            value = yield from inner(env)
        except GeneratorExit:
            # its store may be closed already; then the next reader finds its owner gone
            with suppress(PenstockError):
                begun.ends(executions, "terminated", "its environment went on no more")
            raise
        except BaseException as error:
            begun.ends(executions, "failed", f"{type(error).__name__}: {error}")
            raise
        begun.ends(executions, "completed", None)
        return value

    executor.execute = execute
    return executor


class _Begun:
    """When an execution began, by every clock."""

    def __init__(self, env: Any, station: Station) -> None:
        self.env = env
        self.station = station
        self.wall = time.monotonic()
        self.virtual = env.now
        self.events = _scheduled(env)

    def ends(self, executions: Executions, status: str, said: str | None) -> None:
        self.station.flush()
        executions.update(
            self.station.execution_id,
            status=status,
            end_time=now(),
            error_message=said,
            performance_metrics=self.station.measures.figures(
                self.env.now,
                since=self.virtual,
                wall=time.monotonic() - self.wall,
                events=_scheduled(self.env) - self.events - 1,
            ),
        )


def _scheduled(env: Any) -> int:
    """How many events an environment has had so far, those of others among them: the number that its next one would have."""
    numbers = getattr(env, "_eid", None)
    return 0 if numbers is None else int(next(numbers))
