"""What drivers and the keeper need of the engine they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.app.parts import Parts
from penstock.context import Context
from penstock.engine.host import BegunElsewhere
from penstock.errors import DefinitionError, LeaseLost, StoreError
from penstock.model import machine
from penstock.model.changes import Letter
from penstock.model.policies import CHILD
from penstock.ports import Executor

if TYPE_CHECKING:
    from penstock.engine.caching import Results
    from penstock.engine.limits import Limits


class Hosting(Parts):
    """The part of an engine that serves its drivers. See engine.driver.Host."""

    def executor(self, name: str) -> Executor:
        """An executor by name, made when first asked for. Raises DefinitionError for a name nobody gave."""
        with self.lock:
            found = self.executors.get(name)
            if found is None:
                found = self.executors[name] = self._make_executor(name)
            return found

    def _make_executor(self, name: str) -> Executor:
        if name == "transaction":
            from penstock.engine.transactions import Transactions

            return Transactions(self.store, self.address)
        if name == CHILD:
            from penstock.app.kin import children_of

            return children_of(self)
        return _make_executor(name, self.executors)

    def limits(self) -> Limits:
        """The slots of this engine, made when the first step is under a limit."""
        with self.lock:
            if self._limits is None:
                from penstock.app.limits import limits_of

                self._limits = limits_of(self)
            return self._limits

    def results(self) -> Results | None:
        """Where steps find the results of other runs, made when the first step has a cache; None where nothing is kept."""
        with self.lock:
            if self._results is None and self.store is not None:
                from penstock.app.caching import StoredResults

                self._results = StoredResults(self.store, self.codec)
            return self._results

    def finished(self, run: machine.Run) -> None:
        held = self.holdings.pop(run.id)
        if held is not None:
            held.handle.finished(run.final)

    def dropped(self, run: machine.Run, error: BaseException) -> None:
        if not isinstance(error, LeaseLost):
            self.owed[run.id] = run.epoch
        held = self.holdings.pop(run.id)
        if held is None:
            return
        if isinstance(error, BegunElsewhere) and self._is_of_another(run.id):
            held.handle.follow()
        else:
            held.handle.finished(None, error)

    def _is_of_another(self, run_id: str) -> bool:
        """Whether another engine began a run; it may also have been this one, which did not hear that its commit succeeded."""
        try:
            rows = self.durable_store().get("runs", [run_id])
        except StoreError:
            return False
        return run_id in rows and rows[run_id]["owner"] != self.owner

    def captured(self, step: machine.Step, context: Context) -> None:
        self._keep_lines(context)

    def bring_lines(self) -> None:
        """Keep what steps have written so far, though they go on. From the keeper's thread."""
        for driver in {held.driver for held in self.holdings.all()}:
            here = driver.here
            for context in [*driver.flying.values(), *([here[1]] if here is not None else [])]:
                if context.lines:
                    self._keep_lines(context)

    def _keep_lines(self, context: Context) -> None:
        assert context.lines is not None
        with self.lines_lock:
            taken = context.lines.take()
            if taken:
                self.progressed(context, "lines", taken)
                self._write_lines(context, taken)

    def _write_lines(self, context: Context, taken: list[tuple[float, str, str]]) -> None:
        lines = [(context.run, context.step, context.item, context.attempt, *line) for line in taken]
        if self.store is None:
            self.lines.extend(lines)
            return
        try:
            self.store.write_logs(lines)
            self.writes_lines = True
        except StoreError as error:  # the run goes on, or its own rows tell what is wrong
            if self.writes_lines:
                import logging

                self.writes_lines = False
                said = "what step %s wrote could not be kept: %s"
                logging.getLogger("penstock").warning(said, context.key, error)

    def progressed(self, context: Context, kind: str, payload: Any) -> None:
        if kind == "note":
            self._note(context, *payload)
            return
        for watcher in self.watchers:
            watcher(context.run, context.step, context.item, kind, payload)

    def _note(self, context: Context, topic: str, data: Any) -> None:
        """Record what a step says of itself while it goes on, in order, before how it ends."""
        held = self.holdings.get(context.run)
        if held is None:
            return
        self.journal.text(data)  # what cannot be stored is the step's own error, where that runs here
        if held.driver.here is not None and held.driver.here[1] is context:
            held.note(topic, context.step, data)
        else:
            held.driver.post(held.note, topic, context.step, data)

    # What the keeper needs

    def held_leases(self) -> list[tuple[str, int]]:
        """(run, epoch) of every run this process drives."""
        return [(run.id, run.epoch) for run in self.holdings.recorded()]

    def known_letters(self) -> dict[str, int]:
        """The last letter taken of every run this process drives."""
        return {run.id: run.letters for run in self.holdings.recorded()}

    def lease_lost(self, run_id: str) -> None:
        """Another engine owns the run now: its own driver drops it."""
        held = self.holdings.get(run_id)
        if held is not None:
            held.driver.post(held.driver.lose, held.state, LeaseLost(f"another engine owns run {run_id} now"))

    def follow_kin(self) -> None:
        """See Household."""
        children = self.executors.get(CHILD)
        if children is not None or any(run.parent is not None for run in self.holdings.recorded()):
            from penstock.app.kin import follow_kin

            follow_kin(self, children)

    def deliver(self, run_id: str, letters: Sequence[Letter]) -> None:
        """Hand letters to the run's driver; whoever is told to stop hears of it while its step still runs."""
        held = self.holdings.get(run_id)
        if held is not None:
            held.driver.hurry(held.driver.take, held.state, letters, self.codec)
            if any(letter.kind == "cancel" for letter in letters):
                held.driver.warn(held.state)


def _make_executor(name: str, known: Mapping[str, Executor]) -> Executor:
    kind, _, slots = name.partition(":")
    if name == "sequential" or (kind == "threads" and (name == kind or (slots.isdecimal() and int(slots)))):
        from penstock.executors.threads import ThreadExecutor

        return ThreadExecutor(1 if name == "sequential" else int(slots or 0), name=name)
    if name == "processes":
        from penstock.executors.processes import ProcessExecutor

        return ProcessExecutor()
    if name == "asyncio":
        from penstock.executors.aio import AioExecutor

        return AioExecutor()
    if name == "inline":
        from penstock.executors.inline import InlineExecutor

        return InlineExecutor()
    names = sorted({"inline", "threads", "processes", "asyncio", *known})
    raise DefinitionError(f"there is no executor {name!r}; there are {', '.join(names)}")
