"""Runs that are steps of others, as an engine has them: begun beside their parent or left to workers, found again, ordered."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from penstock.app.run import Run
from penstock.app.starting import with_defaults
from penstock.engine.children import Children, follow_parents
from penstock.errors import CodeChanged, CommandRefused, RunNotFound
from penstock.model.child import Child
from penstock.model.policies import CHILD
from penstock.model.state import Step

if TYPE_CHECKING:
    from penstock.app.parts import Held, Holdings, Parts
    from penstock.engine.driver import Driver
    from penstock.engine.recovery import Log, Recovered
    from penstock.model.program import Definition, OnChange
    from penstock.model.state import Run as RunState
    from penstock.ports import Executor, Store


class KinEngine(Protocol):
    """What is asked of an engine. See Engine."""

    store: Store | None
    holdings: Holdings

    def known(self, run_id: str) -> Run[Any] | None: ...
    def events_of(self, run_id: str) -> Log: ...
    def start_beside(
        self, held: Held, definition: Definition, inputs: Any = None, **how: Any
    ) -> Run[Any]: ...
    def submit(
        self,
        definition: Definition,
        inputs: Any = None,
        *,
        queue: str,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        parent: RunState | None = None,
    ) -> Run[Any]: ...
    def recover(
        self, run_id: str, definition: Definition | None, *, rouse: bool = True
    ) -> Recovered | Run[Any]: ...
    def adopt(
        self,
        recovered: Recovered,
        driver: Driver,
        definition: Definition | None,
        *,
        order: tuple[str, str] | None,
        notes: Iterable[tuple[str, Any]] = (),
    ) -> Run[Any]: ...
    def minded(
        self, run_id: str, definition: Definition | None, on_change: OnChange | None
    ) -> tuple[str, Sequence[Any], Sequence[tuple[str, Any]]]: ...
    def say_changes(self, run_id: str, changes: Iterable[Any]) -> None: ...
    def command(self, run_id: str, kind: str, reason: str = "") -> None: ...


class EngineKin:
    """See Kin."""

    def __init__(self, engine: KinEngine) -> None:
        self._engine = engine
        self._left: set[str] = set()
        self.children = Children(self)

    def statuses(self, runs: Iterable[str]) -> Mapping[str, str]:
        engine = self._engine
        if engine.store is not None:
            return {run: row["status"] for run, row in engine.store.get("runs", list(runs)).items()}
        known = {run: engine.known(run) for run in runs}
        return {run: handle.status for run, handle in known.items() if handle is not None}

    def log(self, run: str) -> Log:
        return self._engine.events_of(run)

    def begin(self, step: Step, child: Child, key: str, inputs: Mapping[str, Any]) -> None:
        engine, definition = self._engine, child.definition
        held = engine.holdings.get(step.run.id)
        if held is None:
            return
        given = with_defaults(definition, inputs)
        how: dict[str, Any] = {"key": key, "tags": getattr(definition, "tags", None), "parent": step.run}
        if child.queue is None:
            run = engine.start_beside(held, definition, given, **how)
            run.when_over(partial(self.children.left, run.id))
        else:
            run = engine.submit(definition, given, queue=child.queue, **how)
        held.driver.post(held.note, CHILD, step.id, {"run": run.id})

    def take_up(self, step: Step, child: Child, run: str) -> None:
        engine = self._engine
        held = engine.holdings.get(step.run.id)
        if engine.store is None or held is None or engine.holdings.get(run) is not None:
            return
        try:
            _, changes, notes = engine.minded(run, child.definition, None)
            recovered = engine.recover(run, child.definition, rouse=False)
        except CommandRefused:  # it is alive elsewhere
            return
        except CodeChanged as error:
            self._leave(run, error)
            return
        if isinstance(recovered, Run):
            return
        if changes:
            engine.say_changes(run, changes)
        handle = engine.adopt(recovered, held.driver, child.definition, order=None, notes=notes)
        handle.when_over(partial(self.children.left, run))

    def _leave(self, run: str, error: CodeChanged) -> None:
        """Others may have the code with which it may go on, or somebody resumes it all the same; said once."""
        if run not in self._left:
            self._left.add(run)
            logging.getLogger("penstock").warning("run %s is left to others: %s", run, error)

    def order(self, run: str, kind: str, reason: str) -> None:
        try:
            self._engine.command(run, kind, reason)
        except (CommandRefused, RunNotFound):  # it has ended meanwhile, or is so already
            return


def children_of(engine: Parts) -> Children:
    """The executor of an engine's steps that are runs of their own."""
    return EngineKin(cast(KinEngine, engine)).children


def follow_kin(engine: Parts, children: Executor | None) -> None:
    """See Household."""
    if isinstance(children, Children):
        follow_parents(children.kin, engine.holdings.recorded())
        children.walk()
    else:
        follow_parents(EngineKin(cast(KinEngine, engine)), engine.holdings.recorded())
