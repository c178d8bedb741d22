"""Looks at everything that was written, the moment it was, and at everything that is started, announced and told.

It keeps a replica of each run, folded from what the store holds by the real `evolve`, and compares engines with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from penstock.codecs import JsonCodec
from penstock.engine.driver import Driver
from penstock.engine.limits import Limits
from penstock.engine.rows import event_of
from penstock.errors import BugError
from penstock.model import events as e
from penstock.model.changes import Letter, Row
from penstock.model.invariants import find, projection, steps_of, waits
from penstock.model.policies import CHILD
from penstock.model.program import Do, Map
from penstock.model.state import Run, Step
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.executor import SimulatedExecutor
from penstock.testing.simulation.families import children_of, passed_up
from penstock.testing.simulation.replicas import Replica, difference, row_text, transitions, was_settled
from penstock.testing.simulation.slots import SlotWatch
from penstock.testing.simulation.world import Stopped, World, plain

ROUNDING = 1e-6
_ENDS: dict[Any, str] = {e.RunDone: "completed", e.RunFailed: "failed", e.RunCancelled: "cancelled"}


class Watched(Protocol):
    """An engine, as far as it is looked at."""

    name: str
    dead: bool

    @property
    def driver(self) -> Driver: ...
    def limits(self) -> Limits: ...


class Stage(Protocol):
    """Where everything happens: the runs that there are, and the engines."""

    world: World
    runs: dict[str, Case]
    commits: int

    @property
    def engines(self) -> Iterable[Watched]: ...
    def handle(self) -> Any: ...
    def born(self, run_id: str) -> None: ...


class Witness(Protocol):
    """Somebody else who looks at what is new after everything that happened, and says what is wrong."""

    def look(self, replicas: Mapping[str, Replica]) -> Iterable[str]: ...


class Audit:
    """See the module. Raises Stopped, which `Simulation.play` turns into a Violation."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = stage.world
        self._store = stage.handle()
        self._codec = JsonCodec()
        self._cursor = ""
        self._written = 0
        self._commits = 0
        self._compared: dict[tuple[str, str], int] = {}
        self._performed: set[tuple[str, str, int | None, int]] = set()
        self._ended: dict[tuple[Any, ...], float] = {}  # when an attempt's code came to its end, in true time
        self._waits: dict[tuple[Any, ...], float] = {}  # how long the log says the next attempt is to wait
        self._begun: set[tuple[Any, ...]] = set()
        self._told: dict[tuple[str, str], int] = {}
        self._open: dict[str, dict[int, Letter]] = {}
        self.replicas: dict[str, Replica] = {}
        self.slots = SlotWatch(self._store, self._world)
        self.letters: dict[str, dict[int, Letter]] = {}
        self.witnesses: list[Witness] = []

    def wrong(self, what: str) -> None:
        """Something is wrong: the simulation ends here."""
        self._world.note("audit", f"VIOLATION {what}")
        raise Stopped(what)

    # What was written

    def look(self) -> None:
        """After everything that happened: read what is new, if anything is, compare who is there."""
        if self._commits != self._stage.commits:
            self._commits = self._stage.commits
            self._look_at_the_store()
        for engine in self._stage.engines:
            if not engine.dead:
                self._compare(engine)

    def _look_at_the_store(self) -> None:
        rows, self._cursor = self._store.follow(self._cursor)
        for run_id, row in rows:
            self._read(run_id, row)
        for witness in self.witnesses:
            for complaint in witness.look(self.replicas):
                self.wrong(complaint)
        for run_id in list(self._stage.runs):
            self._read_letters(run_id)

    def _read(self, run_id: str, row: Row) -> None:
        replica = self.replicas.get(run_id)
        if replica is None:
            self._stage.born(run_id)
            replica = self.replicas[run_id] = Replica(run_id, self._stage.runs[run_id].program)
        run = replica.run
        event = event_of(row, self._codec, self._blob)
        self._world.note("store", f"{run_id} {row.sequence} {row.kind} {row_text(row, event)}")
        self._world.counts[f"event {row.kind}"] += 1
        self._world.counts.update(transitions(run, event))
        self._answer(run, event)
        if isinstance(event, e.StepFailed) and event.retry_at is not None and event.error.cause == "error":
            self._waits[run_id, event.step, event.item, event.attempt] = event.retry_at - row.at
        if row.sequence != run.sequence + 1:
            self.wrong(f"{run_id}: event {row.sequence} follows event {run.sequence}")
        wrong = [*replica.watch.seen(run, event, row.at), *self.slots.seen(run, replica.owner, event)]
        if isinstance(event, e.RunCancelled) and was_settled(replica.log):
            self._world.counts["cancelled by one without its code"] += 1
            wrong.clear()
        for complaint in wrong:
            self.wrong(f"{run_id}, event {row.sequence}: {complaint}")
        self._written += 1
        replica.places.append(self._written)
        if isinstance(event, e.Owned | e.RunStarted):
            replica.owner = event.owner
        try:
            replica.add(row.sequence, row.at, event)
        except BugError as error:
            self.wrong(f"{run_id}, event {row.sequence}: the log cannot be replayed: {error}")

    def _read_letters(self, run_id: str) -> None:
        """Letters that are gone from the inbox must have been carried out."""
        before = self._open.get(run_id, {})
        now = self._open[run_id] = {letter.number: letter for letter in self._store.inbox(run_id)}
        if now.keys() == before.keys():
            return
        self.letters.setdefault(run_id, {}).update(now)
        for number in before.keys() - now.keys():
            self._taken(run_id, before[number])

    def _taken(self, run_id: str, letter: Letter) -> None:
        replica = self.replicas[run_id]
        gone = replica.run.status == "cancelled"  # and so is what was sent to it, if nobody had its code
        if letter.kind == "signal" and letter.key not in replica.run.signal_keys and not gone:
            self.wrong(f"{run_id}: signal {letter.key} was taken from the inbox and is not in the log")
        ending = replica.run.final is not None or replica.run.undoing is not None
        if letter.kind == "cancel" and not replica.watch.cancel_asked and not ending:
            self.wrong(f"{run_id}: a cancel was taken from the inbox and is not in the log")

    def _blob(self, digest: str) -> bytes:
        data: bytes = self._store.get("blobs", [digest])[digest]["data"]
        return data

    # Who is there

    def _compare(self, engine: Watched) -> None:
        """An engine that knows as much as the log knows the same; its slots are accounted for."""
        core = engine.driver.core
        live = 0
        for run in core.runs.values():
            replica = self.replicas.get(run.id)
            live += run.running
            if replica is not None and replica.owner == engine.name:
                self._same(engine, run, replica.run)
        taken = sum(lane.capacity - lane.free for lane in engine.driver.core._lanes)
        if taken != live:
            self.wrong(f"{engine.name} has {taken} slots taken and {live} steps running")

    def _same(self, engine: Watched, run: Run, replayed: Run) -> None:
        if (run.sequence, run.epoch) != (replayed.sequence, replayed.epoch):
            return  # what it knows is not written yet
        if run.at != replayed.at or (run.status, run.running) != (replayed.status, replayed.running):
            self.wrong(f"{engine.name} is not where the log of {run.id} is: {difference(run, replayed)}")
        key = (engine.name, run.id)
        if self._compared.get(key) == run.sequence:
            return
        self._compared[key] = run.sequence
        if projection(run) != projection(replayed):
            self.wrong(f"{engine.name} is not where the log of {run.id} is: {difference(run, replayed)}")

    def _answer(self, run: Run, event: e.Event) -> None:
        """An attempt's end is recorded: its code must have come to it."""
        if isinstance(event, e.StepFailed) and event.error.cause != "error":
            return
        if isinstance(event, e.StepDone | e.StepFailed):
            step = find(run, event.step, event.item)
            if step is not None and step.policy.executor == CHILD:
                if not any(passed_up(event, child) for child in children_of(self.replicas, run.id)):
                    self.wrong(f"{run.id}: {step} has an end that no child of it came to: {plain(event)}")
            elif step is not None and type(step.ask) in (Do, Map):
                key = (run.id, step.id, step.item, step.attempt)
                if key not in self._performed:
                    self.wrong(
                        f"{run.id}: attempt {step.attempt} of {step} has an end its code did not come to"
                    )

    # What is done

    def performed(self, step: Step, attempt: int) -> None:
        """An attempt's code has come to its end, somewhere."""
        self._performed.add((step.run.id, step.id, step.item, attempt))
        self._ended[step.run.id, step.run.epoch, step.id, step.item, attempt] = self._world.now

    def starts(self, engine: Watched, step: Step) -> None:
        """An engine runs a step's code now."""
        run, where = step.run, f"{engine.name} starts {step} of {step.run.id}"
        key = (engine.name, run.id, run.epoch, step.id, step.item, step.attempt)
        if key in self._begun:
            self.wrong(f"{where} twice, attempt {step.attempt}")
        self._begun.add(key)
        self._not_early(step, where)
        replica = self.replicas.get(run.id)
        if replica is None:
            if not step.policy.pure:
                self.wrong(f"{where}, which is not in the store")
            return
        if step.policy.pure and replica.run.epoch != run.epoch:
            return  # it need not wait for anything, its lease included
        if replica.owner != engine.name:
            self._world.counts["started by a stale engine"] += 1
            return
        known = find(replica.run, step.id, step.item)
        if known is None:
            if not step.policy.pure:
                self.wrong(f"{where}, which the log does not know to be open")
        elif known.status == "running" and known.attempt != step.attempt:
            self.wrong(f"{where}: attempt {step.attempt}, while the log has {known.attempt} running")
        elif known.status == "waiting" and (known.due is None or run.at < known.due):
            self.wrong(f"{where} at {run.at}, which waits until {known.due}")
        elif known.status != "running" and replica.run.status != "running" and not step.policy.pure:
            self.wrong(f"{where}, while the run is {replica.run.status}")
        return

    def _not_early(self, step: Step, where: str) -> None:
        """Whoever saw the attempt before fail counts true seconds, whatever its clock was set to."""
        run, before = step.run, step.attempt - 1
        ended = self._ended.get((run.id, run.epoch, step.id, step.item, before))
        wait = self._waits.get((run.id, step.id, step.item, before), 0.0)
        if ended is not None and self._world.now - ended < wait - ROUNDING:
            self.wrong(f"{where} {self._world.now - ended} s after attempt {before}; {wait} s are its wait")

    def in_flight(self, engine: Watched, executor: SimulatedExecutor) -> None:
        """An executor was given a job."""
        wanted = [
            step for step, flight in executor.flights.items() if flight.attempt == step.attempt and step.live
        ]
        if executor.slots is not None and len(wanted) > executor.slots:
            self.wrong(f"{engine.name}'s executor {executor.name} runs {len(wanted)} steps")

    def announced(self, engine: Watched, run: Run) -> None:
        """An engine told somebody that a run is finished."""
        replica = self.replicas.get(run.id)
        self._world.note(engine.name, f"announces {run.id} {run.status}")
        last = replica.log[run.sequence - 1][2] if replica and len(replica.log) >= run.sequence else None
        if _ENDS.get(type(last)) != run.status:
            self.wrong(f"{engine.name} says that {run.id} is {run.status}, its log does not")

    def told(self, engine: Watched, run_id: str, sequence: int) -> None:
        """An engine told an observer of an event."""
        replica = self.replicas.get(run_id)
        if replica is None or sequence > replica.run.sequence:
            self.wrong(f"an observer was told of event {sequence} of {run_id}, which is not in the store")
        last = self._told.get((engine.name, run_id), 0)
        if sequence <= last:
            self.wrong(f"an observer was told of event {sequence} of {run_id} after {last}")
        self._told[engine.name, run_id] = sequence

    def crashed(self) -> None:
        """A process died: what was acknowledged is still there."""
        for run_id, replica in self.replicas.items():
            rows = self._store.read(run_id, replica.run.sequence - 1, 10)
            if not rows or rows[0].sequence != replica.run.sequence:
                self.wrong(f"{run_id}: event {replica.run.sequence} was written and is gone")

    def reasons(self, engine: Watched) -> None:
        """Nothing moves in an engine: every run of it must have a reason."""
        for run in engine.driver.core.runs.values():
            queued = any(step.lane is not None and not step.lane.free for step in steps_of(run))
            if not (queued or waits(run) or engine.limits().knows(run.id)):
                self.wrong(f"{run.id} hangs on {engine.name} and nothing says why: {plain(projection(run))}")
