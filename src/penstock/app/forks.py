"""What forks are made of, and how they come into the store.

A fork is a run of its own from the start. Its log begins with what it reuses (`reusing`), is written at once, and is then taken
up as any run is that nobody drives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from penstock.app.logs import read_events, read_start
from penstock.app.queues import gate_of
from penstock.app.reusing import Cut, beginning, results_of, undone_in
from penstock.app.run import Run
from penstock.app.starting import check_start, taken
from penstock.app.submitting import PLACES_A_PRIORITY, Submitting, check_place
from penstock.catalogue import reload
from penstock.engine.recovery import Log
from penstock.engine.rows import row_of
from penstock.errors import CodeChanged, CommandRefused, InputError
from penstock.model import events as e
from penstock.model import machine
from penstock.model.approval import is_rejection
from penstock.model.changes import Change, Guard, Put
from penstock.model.events import FORKED
from penstock.model.parameters import bind_inputs
from penstock.model.program import Definition, Dependent, Program
from penstock.model.wording import guess, shown

INPUT, OUTPUT = "input.", ".output"


class Place(NamedTuple):
    """Where a fork waits for a worker."""

    queue: str
    priority: int = 0
    delay: float | None = None


def place_in(queue: str | None, priority: int = 0) -> Place | None:
    """None: the fork waits for no worker."""
    return None if queue is None else Place(queue, priority)


def source_run(engine: Submitting, run: str | Run[Any], definition: Definition | None) -> Source:
    """The run as it is, and its code: `definition`, else where it was recorded. Raises RunNotFound, CodeChanged."""
    run_id = engine.get(run).id if isinstance(run, str) else run.id
    started = read_start(engine, run_id)
    definition = definition or reload(started.source, started.workflow)
    engine.learn(definition)
    program = definition.as_program()
    if program.name != started.workflow:
        raise CodeChanged(
            f"run {run_id} is of workflow {started.workflow!r}; the code at hand is {program.name!r}"
        )
    log = read_events(engine, run_id)
    return Source(run_id, log, log[0][2], definition, program)  # type: ignore[arg-type]


def change_of(
    engine: Submitting, run_id: str, fork: Fork, place: Place | None, tags: Mapping[str, str] | None = None
) -> Change:
    """What writes the beginning of a fork's log under that id; nobody drives the run yet."""
    program, source = fork.source.program, fork.source.started
    check_start(program.name, tags=tags)
    if place is not None:
        check_place(program.name, *place)
    now = engine.clock.now()
    limit = source.timeout if source.timeout is not None else program.timeout
    where, puts = engine.source_with_code(fork.source.definition, program)
    started = e.RunStarted(
        program.name,
        program.version,
        fork.input,
        deadline=None if limit is None else now + limit,
        source=where,
        tags={**source.tags, **(tags or {})},
        chance=source.chance or fork.source.run,
        timeout=source.timeout,
    )
    state = machine.Run(run_id, program)
    log = beginning(state, (started, e.Noted(FORKED, None, fork.note)), fork.made, fork.cut, now)
    blobs: list[Put] = []
    rows = [row_of(sequence, at, event, engine.codec, blobs) for sequence, at, event in log]
    put = Put("runs", run_id, _columns(started, place))
    return Change(run_id, 0, rows, [*blobs, *puts, put], [Guard("runs", run_id, None)])


def _columns(started: e.RunStarted, place: Place | None) -> dict[str, Any]:
    import msgspec

    columns: dict[str, Any] = {
        "workflow": started.workflow,
        "status": "pending",
        "tags": msgspec.json.encode(started.tags).decode(),
        "data": msgspec.json.encode({"source": started.source}).decode(),
    }
    if place is None:
        return {**columns, "state": "idle"}
    waits = {"state": "ready"} if place.delay is None else {"state": "delayed", "due_in": place.delay}
    rank = place.priority * PLACES_A_PRIORITY
    return {**columns, "queue": place.queue, "gate": gate_of(place.queue), "rank_minus": rank, **waits}


def record(
    engine: Submitting, run_id: str, fork: Fork, place: Place | None, tags: Mapping[str, str] | None = None
) -> None:
    """Write the beginning of a fork's log."""
    engine.durable_store().commit([change_of(engine, run_id, fork, place, tags)])


class Fork(NamedTuple):
    """A fork to be made of a run: what it is given, what it reuses, and what is other."""

    source: Source
    input: Any
    made: Mapping[str, Any]
    cut: Cut

    @property
    def note(self) -> dict[str, Any]:
        """What its log says of where it is from."""
        cut = self.cut
        other = {"from": sorted(cut.steps), "inputs": sorted(cut.inputs), "outputs": sorted(cut.outputs)}
        return {"run": self.source.run, **{name: names for name, names in other.items() if names}}


class Source(NamedTuple):
    """A run that others are made of."""

    run: str
    log: Log
    started: e.RunStarted
    definition: Any
    program: Program

    def fork(self, steps: frozenset[str], edits: Mapping[str, Any]) -> Fork:
        """See Forking.fork."""
        inputs = {key.removeprefix(INPUT): value for key, value in edits.items() if key.startswith(INPUT)}
        outputs = {
            key.removesuffix(OUTPUT): value for key, value in edits.items() if not key.startswith(INPUT)
        }
        for key in edits:
            if not key.startswith(INPUT) and not (key.endswith(OUTPUT) and key != OUTPUT):
                raise InputError(
                    f"set={shown(key)} names nothing that can be edited: say 'STEP.output' or 'input.NAME'"
                )
        if not steps and not edits:
            raise InputError(
                f"a fork of run {self.run} would do nothing again: name a step to run again (from_step), or an input or output"
                " to edit (set); to run all of it again: rerun"
            )
        self._check_known((*steps, *outputs))
        return self._cut(Cut(steps, outputs, frozenset(inputs)), self._edited(inputs))

    def rerun(self, *, everything: bool) -> Fork:
        """See Forking.rerun."""
        if everything:
            return self._cut(Cut(everything=True), self.started.input)
        last = self.log[-1][2]
        if isinstance(last, e.RunDone):
            raise CommandRefused(
                f"run {self.run} completed: nothing is to be done again; all=True (--all) does all of it, a fork a part"
            )
        blamed = set(last.blamed) if isinstance(last, e.RunFailed) else set()
        failed = {
            event.step
            for sequence, _, event in self.log
            if sequence in blamed and isinstance(event, e.StepFailed)
        }
        fork = self._cut(Cut(frozenset(failed)), self.started.input)
        if isinstance(last, e.RunFailed) and last.error.type == "penstock.errors.Rejected":
            asked_anew = {name: value for name, value in fork.made.items() if not is_rejection(value)}
            fork = fork._replace(made=asked_anew)
        return fork

    def _cut(self, cut: Cut, input: Any) -> Fork:
        cut = cut._replace(steps=cut.steps | (undone_in(self.log) - cut.outputs.keys()))
        made = {} if cut.everything else results_of(self.run, self.program, self.log)
        return Fork(self, input, made, cut)

    def _edited(self, inputs: Mapping[str, Any]) -> Any:
        """What the fork is given. Raises InputError."""
        given = self.started.input
        if not inputs:
            return given
        asked = getattr(self.definition, "inputs", None)
        if not isinstance(given, dict | None) or asked is None:
            raise InputError(f"run {self.run} of {self.program.name!r} has no inputs by name to be edited")
        if hasattr(self.definition, "taken"):
            fresh = taken(self.definition, dict(inputs), durable=True)
            return {**(given or {}), **{name: fresh[name] for name in inputs}}
        known = {name: each for name, each in asked.items() if name in inputs}
        return {
            **(given or {}),
            **bind_inputs(self.program.name, known if len(known) == len(inputs) else asked, inputs),
        }

    def _check_known(self, names: Iterable[str]) -> None:
        """Raise InputError for a step that the run did not have and its program does not know of."""
        known: dict[str, None] = {}
        for _, _, event in self.log:
            parts = (getattr(event, "step", None) or "").split("/")
            known.update(dict.fromkeys("/".join(parts[: n + 1]) for n in range(len(parts))))
        for name in names:
            planned = isinstance(self.program, Dependent) and self.program.downstream([name], ())
            if name not in known and not planned:
                raise InputError(
                    f"run {self.run} has no step {name!r}; {guess(name, filter(None, known), 'it has')}"
                )
