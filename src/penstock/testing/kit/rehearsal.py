"""Runs of a workflow in virtual time, with steps replaced: see `simulated`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from sqlite3 import Connection
from typing import Any

from penstock.app import Run
from penstock.errors import DefinitionError
from penstock.model.events import RunStarted
from penstock.model.failure import Failure
from penstock.model.program import Definition
from penstock.model.states import RunStatus
from penstock.model.wording import guess
from penstock.testing.kit.engine import RehearsalEngine, Replaced, Script, Seconds
from penstock.testing.kit.log import RunLog

Act = Callable[[Run[Any]], object]


def simulated(
    definition: Definition,
    *,
    replace: Mapping[str, Any] | None = None,
    seconds: Mapping[str, Seconds] | None = None,
) -> Rehearsal:
    """A workflow to be run in virtual time: use it in a `with` block, and `run` it there.

    `replace` says by step what stands in for its code: a value, which is its result; a function, which is given those of the
    step's arguments that it names; or `raising(...)`. Steps it does not name run their own code. `seconds` says how long steps
    take, by step: a number, or one for each attempt. A step of a workflow inside is named "outer/inner".
    Raises DefinitionError for a step that the workflow does not have.
    """
    replace, seconds = replace or {}, seconds or {}
    known = steps_of(definition)
    if known:
        for name in [*replace, *seconds]:
            if name not in known and not name.startswith("@on_"):
                raise DefinitionError(f"the workflow has no step {name!r}; {guess(name, known, 'it has')}")
    return Rehearsal(definition, Replaced(replace, seconds))


def steps_of(definition: Definition) -> list[str]:
    """The steps a graph has, those of workflows inside it too; none for a program that does not know beforehand."""
    return list(_steps_in(definition.as_program(), ""))


def _steps_in(program: Any, above: str) -> Iterable[str]:
    for name, node in getattr(program, "nodes", {}).items():
        yield f"{above}{name}"
        if node.program is not None:
            yield from _steps_in(node.program, f"{above}{name}/")


class Rehearsal:
    """See simulated. Several runs may follow each other; time goes on between them."""

    def __init__(self, definition: Definition, script: Script) -> None:
        self._definition = definition
        self.engine = RehearsalEngine(script)
        self._acts: list[tuple[float, Act]] = []

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    @property
    def connection(self) -> Connection:
        """What steps with `transaction=True` write to here: a database in memory, for tables to make and rows to look at."""
        return self.engine.connection

    def after(self, seconds: float, act: Act) -> None:
        """Have `act(run)` called so many seconds after the next run begins: `sim.after(5, lambda run: run.cancel())`."""
        self._acts.append((seconds, act))

    def run(self, **inputs: Any) -> Rehearsed:
        """Run it to its end, however it ends, and say what became of it."""
        return self.play(inputs)

    def play(self, inputs: Any, timeout: float | None = None) -> Rehearsed:
        """The same, with `inputs` that need not have names, and a limit of the run's time in seconds."""
        using: Any = getattr(self._definition, "using", None)
        if using is None or not isinstance(inputs, dict):
            return self._drive(self.engine.start(self._definition, inputs, timeout=timeout))
        return self._drive(using(store=self.engine, timeout=timeout).start(**inputs))

    def resume(self, run: Rehearsed) -> Rehearsed:
        """Go on with a run that failed: what brought it down is tried again. See Run.resume."""
        return self._drive(self.engine.resume(run.id, self._definition))

    def _drive(self, run: Run[Any]) -> Rehearsed:
        acts, self._acts = self._acts, []
        for seconds, act in acts:
            self.engine.later(seconds, partial(_act, act, run))
        self.engine.drive(None, run)
        return Rehearsed(run, steps_of(self._definition))


class Rehearsed:
    """A run that is over; it can be asked when the `with` block has ended, too.

    `log` is what its log says, `version` stands for the structure of its workflow: names of steps and their dependencies.
    """

    def __init__(self, run: Run[Any], known: Iterable[str]) -> None:
        self._run = run
        self.id = run.id
        self.status: RunStatus = run.status
        self.error: Failure | None = run.error
        self.log = RunLog(run.events(), known)
        started = self.log.events[0][2]
        assert isinstance(started, RunStarted)
        self.version = started.version

    def result(self) -> Any:
        """The run's value. Raises RunFailed or RunCancelled, as Run.result does."""
        return self._run.result()

    @property
    def seconds(self) -> float:
        """How long it took, in virtual time."""
        return self.log.seconds

    def __repr__(self) -> str:
        return f"<Rehearsed {self._run!r}>"


def _act(act: Act, run: Run[Any]) -> None:
    act(run)
