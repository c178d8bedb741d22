"""Processes as the engine plays them.

An atomic process is one step. An orchestration is a scope: its groups run one after another, the children of a group together;
a child that is an orchestration itself is a scope in that scope. A play works on live processes, which hold what their steps
gave: on the author's own in a run that this process started, on new ones in a run that is taken up from its log.

Hooks of an orchestration may await, so they are steps; only those that a class overrides are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from penstock.errors import ProcessExecutionError
from penstock.model.failure import Failure, failure_of
from penstock.model.limits import Limit
from penstock.model.outline import Graph
from penstock.model.policies import DEFAULT, Policy, policy_under
from penstock.model.program import Ask, Do, End, Fail, Open, Plan, Play, Stop
from penstock.model.subjects import Group as Together
from penstock.model.subjects import Subject
from penstock.model.texts import class_name
from penstock.processes.arranging import HOOKS, Arrangement, Node, key_of, resolve

IN_A_THREAD: Final = Policy(executor="threads")
_make = tuple.__new__  # a NamedTuple's own constructor costs twice as much
NO_ARGUMENTS: Final[Mapping[str, Any]] = {}
BEFORE, CHILDREN, AFTER = HOOKS
READ: Final = " outputs"
"""Ends the key of the step that looks whether a child that nobody waits for has given its outputs."""


class ProcessProgram(Plan):
    """The program of a class of processes. `make` gives a new process for recorded inputs; `own` is one to work on instead.

    `under` is what an orchestration is under as a whole; an atomic process's step says that itself.

    A run that keeps nothing is given the live process itself as its input.
    """

    def __init__(
        self,
        name: str,
        version: str,
        make: Callable[[Mapping[str, Any]], Any],
        own: Any = None,
        under: Limit | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.make = make
        self.own = own
        self.under = under

    def as_program(self) -> ProcessProgram:
        return self

    def play(self, input: Any) -> Play:
        if input is None or isinstance(input, dict):
            own = self.own
            if own is None:
                return play_of(self.make(input or {}))
            own.input.reseal(input or {})
            return play_of(own)
        return play_of(input)

    def as_graph(self, input: Any = None) -> Graph | None:
        """See Outlined."""
        from penstock.processes.outline import outline_of

        return outline_of(lambda: self.make(input if isinstance(input, Mapping) else {}))

    def subject(self, run: Any, path: str) -> Subject | None:
        """See penstock.model.subjects."""
        if not path:
            play: Any = None if run.root is None else run.root.play
            return play.whole(run.id) if type(play) in _PLAYS else None
        scope, _, key = path.rpartition("/")
        above = run.scopes.get(f"{scope}/") if scope else run.root
        play = None if above is None else above.play
        return play.part(run.id, scope, key) if isinstance(play, ScopePlay) else None


def play_of(unit: Any) -> AtomicPlay | ScopePlay:
    """A play over a live process."""
    return ScopePlay(unit) if unit.orchestrates else AtomicPlay(unit)


def work_of(unit: Any, key: str) -> Do:
    """The step that does an atomic process's work."""
    policy = IN_A_THREAD if unit.blocking else DEFAULT
    limit = type(unit).limit
    if limit is not None:
        policy = policy_under(limit, policy)
    return Do(key, unit.perform_blocking if unit.blocking else unit.perform, (), NO_ARGUMENTS, policy)


class AtomicPlay:
    """A run of one atomic process: its only step is what people know as the run."""

    __slots__ = ("unit",)
    whole_only: Final = True

    def __init__(self, unit: Any) -> None:
        self.unit = unit

    def begin(self, at: float) -> Iterable[Ask]:
        return (work_of(self.unit, key_of(self.unit.name)),)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.unit.settle(value, at)
        return (End(value),)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        self.unit.fall(error, at)
        return (Fail(error),)

    def whole(self, run: str) -> Subject:
        """The process, as people know it."""
        unit = self.unit
        return _make(Subject, (unit._id or unit.known_as(run), unit.name, type(unit).__name__, None))


class ScopePlay:
    """A run of an orchestration. `flying` are the steps and scopes of the present group that are not done."""

    __slots__ = ("arrangement", "flying", "number", "read", "structure", "unit")

    def __init__(self, unit: Any) -> None:
        self.unit = unit
        self.arrangement: Arrangement | None = None
        self.structure: list[str] = []  # the engine records it, and refuses another in a replay
        self.flying: dict[str, None] = {}
        self.number = -1
        self.read: set[str] = set()

    # What the engine tells

    def begin(self, at: float) -> Iterable[Ask]:
        return self._guarded(at, self._begin, at)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return self._guarded(at, self._done, key, value, at)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        """A child or a hook failed: the others of the group are stopped."""
        self.flying.pop(key, None)
        node = None if self.arrangement is None else self.arrangement.nodes.get(key)
        if node is None:
            return self._fall(error, at)
        node.unit.fall(error, at)
        return self._fall(blaming(self.unit, node.unit, error), at)

    def _guarded(self, at: float, move: Callable[..., Iterable[Ask]], *told: Any) -> Iterable[Ask]:
        try:
            return move(*told)
        except Exception as error:
            return self._fall(failure_of(error), at)

    def _fall(self, error: Failure, at: float) -> list[Ask]:
        stops: list[Ask] = [Stop(key) for key in self.flying]
        nodes = self.arrangement.nodes if self.arrangement is not None else {}
        for key in self.flying:
            if key in nodes:
                nodes[key].unit.stopped(at)
        self.unit.fall(error, at)
        return [*stops, Fail(error)]

    def _begin(self, at: float) -> list[Ask]:
        self.unit.open(at)
        if self.unit.overrides(BEFORE):
            return [self._hook(BEFORE, self.unit.before_step)]
        return self._arrange(at)

    def _done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.flying.pop(key, None)
        made = self.arrangement
        node = None if made is None else made.nodes.get(key)
        if node is None:
            return self._own_done(key, value, at)
        if node.detached:
            node.unit._run_id = value
        else:
            node.unit.settle(value, at)
        return () if self.flying else self._advance(at)

    def _own_done(self, key: str, value: Any, at: float) -> list[Ask]:
        """A hook was run, or a child that nobody waits for was looked at."""
        unit = self.unit
        if key == BEFORE:
            unit.take_inputs(value)
            return self._arrange(at)
        if key == CHILDREN:
            unit.take(value)
            return self._close(at)
        if key == AFTER:
            unit.take(value)
            return self._end(at)
        assert self.arrangement is not None
        if value is not None:
            self.arrangement.nodes[key.removesuffix(READ)].unit.take(value)
        return [] if self.flying else self._advance(at)

    # What comes next

    def _arrange(self, at: float) -> list[Ask]:
        self.arrangement = self.unit.arrange()
        if self.unit._durable:
            self.structure = self.arrangement.lines
        return self._advance(at)

    def _advance(self, at: float) -> list[Ask]:
        """Start the next group; where nothing of one is to be waited for, the one after it too."""
        made = self.arrangement
        assert made is not None
        asks: list[Ask] = []
        while not asks:
            after = self.number + 1
            if after == len(made.groups):
                return self._look(made.needs) or self._gather(at)
            group = made.groups[after]
            asks = self._look([key for node in group.nodes for key in node.needs])
            if not asks:
                self.number = after
                asks = [self._start(node) for node in group.nodes]
        return asks

    def _start(self, node: Node) -> Ask:
        assert self.arrangement is not None
        if node.links:
            resolve(self.unit, self.arrangement, node.links)
        self.flying[node.key] = None
        if node.detached:
            return Do(node.key, node.unit.detach, (), NO_ARGUMENTS, DEFAULT)
        if node.unit.orchestrates:
            return Open(node.key, node.unit.as_program(), node.unit)
        return work_of(node.unit, node.key)

    def _look(self, keys: Iterable[str]) -> list[Ask]:
        """Look whether children that nobody waits for have finished, before their outputs are used: once each."""
        assert self.arrangement is not None
        fresh = [key for key in dict.fromkeys(keys) if key not in self.read]
        self.read.update(fresh)
        asks: list[Ask] = []
        for key in fresh:
            self.flying[key + READ] = None
            asks.append(Do(key + READ, self.arrangement.nodes[key].unit.look, (), NO_ARGUMENTS, DEFAULT))
        return asks

    def _gather(self, at: float) -> list[Ask]:
        assert self.arrangement is not None
        resolve(self.unit, self.arrangement, self.arrangement.links)
        if self.unit.overrides(CHILDREN):
            return [self._hook(CHILDREN, self.unit.children_step)]
        return self._close(at)

    def _close(self, at: float) -> list[Ask]:
        self.unit.output.validate_all()
        if self.unit.overrides(AFTER):
            return [self._hook(AFTER, self.unit.after_step)]
        return self._end(at)

    def _end(self, at: float) -> list[Ask]:
        return [End(self.unit.close(at))]

    def _hook(self, key: str, step: Callable[..., Any]) -> Ask:
        self.flying[key] = None
        return Do(key, step, (), NO_ARGUMENTS, DEFAULT)

    # For people

    def whole(self, run: str) -> Subject:
        """The process, as people know it."""
        return Subject(self.unit.known_as(run), self.unit.name, type(self.unit).__name__)

    def part(self, run: str, scope: str, key: str) -> Subject | None:
        """A child, as people know it; None for hooks, and for children that have a run of their own."""
        node = None if self.arrangement is None else self.arrangement.nodes.get(key)
        if node is None or node.detached:
            return None
        group, unit = node.group, node.unit
        place = Together(scope, group.number, len(group.nodes), group.mode, group.awaited)
        where = f"{scope}/{key}" if scope else key
        return Subject(unit.known_as(f"{run}/{where}"), unit.name, type(unit).__name__, place)


def blaming(parent: Any, child: Any, error: Failure) -> Failure:
    """The failure of a parent whose child failed, the same in every replay."""
    message = f"process {child.name!r} in {parent.name!r} failed: {error}"
    raised = ProcessExecutionError(message, process_name=child.name, failed_step=error.step)
    raised.__cause__ = error.exception
    bases = tuple(class_name(each) for each in ProcessExecutionError.__mro__[1:-1])
    kind = class_name(ProcessExecutionError)
    return Failure(kind, message, error.cause, bases, error.traceback, None, False, error.step, raised)


_PLAYS: Final = frozenset({AtomicPlay, ScopePlay})
