"""A workflow of tasks as the engine plays it: a step is ready when its upstream steps are settled; values go by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from penstock.errors import InputError, Rejected
from penstock.model.failure import Failure, failure_of
from penstock.model.graph import sinks, successors
from penstock.model.outline import Graph
from penstock.model.policies import Policy
from penstock.model.program import Ask, Calls, Do, End, Fail, Map, Open, Plan, Program, Skip, StepCode, Wait
from penstock.model.state import at_step
from penstock.tasks.dependence import affected, codes_of
from penstock.tasks.node import Node, Pairs, Source, is_plain, structure


class GraphProgram(Plan):
    """A checked graph, compiled once and played often.

    `version` is a digest of its structure: names, kinds, dependencies. `fail_fast` False lets independent branches finish.
    """

    def __init__(
        self,
        name: str,
        nodes: Sequence[Node],
        *,
        fail_fast: bool = True,
        limit: int | None = None,
        timeout: float | None = None,
        hooks: Mapping[str, Do] | None = None,
    ) -> None:
        self.name = name
        self.nodes = {node.name: node for node in nodes}
        self.fail_fast = fail_fast
        self.limit = limit
        self.timeout = timeout
        self.hooks = hooks or {}
        needs = {node.name: node.depends_on for node in nodes}
        self.after = successors(needs)
        self.missing = {name: len(upstream) for name, upstream in needs.items()}
        self.roots = [node.name for node in nodes if not node.depends_on]
        self.sinks = sinks(needs)
        self.plain = {node.name for node in nodes if is_plain(node)}
        self.quick = _quick(nodes)
        self.version = hashlib.sha256("\n".join(structure(node) for node in nodes).encode()).hexdigest()[:16]
        self.calls = _calls(nodes)
        self.approvals = _approvals(nodes)
        self.typed = {node.name: node.convert for node in nodes if node.convert is not None}

    def play(self, input: Any) -> GraphPlay:
        return (TypedPlay if self.typed else GraphPlay)(self, input or {})

    def as_graph(self, input: Any = None) -> Graph:
        """See Outlined."""
        from penstock.tasks.outline import outline

        return outline(self.name, self.nodes.values())

    def downstream(self, steps: Iterable[str], inputs: Iterable[str]) -> set[str]:
        """See Dependent."""
        return affected(self.nodes, steps, inputs)

    def codes(self) -> dict[str, StepCode]:
        """See Coded."""
        return codes_of(self.nodes)

    def part(self, step: str) -> Program | None:
        """See Dependent."""
        return self.nodes[step].program if step in self.nodes else None


def _approvals(nodes: Iterable[Node]) -> list[str]:
    """What it will ask approval for, in the graphs inside it too."""
    found = []
    for node in nodes:
        if isinstance(node.waits, Wait) and node.waits.approval:
            found.append(node.waits.signal)
        found += getattr(node.program, "approvals", ())
    return found


def _calls(nodes: Iterable[Node]) -> Calls:
    found: dict[tuple[str | None, float | None], list[Callable[..., Any]]] = {}
    for node in nodes:
        if node.fn is not None:
            found.setdefault((node.policy.executor, node.policy.timeout), []).append(node.fn)
            if (undo := node.policy.undo) is not None:
                found.setdefault((undo.policy.executor, undo.policy.timeout), []).append(undo.fn)
        elif isinstance(node.program, GraphProgram):
            for place, functions in node.program.calls.items():
                found.setdefault(place, []).extend(functions)
    return found


def _quick(nodes: Iterable[Node]) -> dict[str, tuple[Callable[..., Any], Pairs, Policy]]:
    """Plain tasks that take results only, in the form that costs least to ask for; equal pairs are one object."""
    known: dict[Pairs, Pairs] = {}
    found = {}
    for node in nodes:
        if node.fn is not None and is_plain(node) and all(kind == "task" for _, (kind, _) in node.bindings):
            pairs = tuple((parameter, upstream) for parameter, (_, upstream) in node.bindings)
            found[node.name] = (node.fn, known.setdefault(pairs, pairs), node.policy)
    return found


class GraphPlay:
    """See Play. `values` holds results; `unwell` what was skipped or failed, and with which word."""

    __slots__ = ("asked", "error", "fatal", "input", "missing", "program", "unwell", "values")

    def __init__(self, program: GraphProgram, input: Mapping[str, Any]) -> None:
        self.program = program
        self.input = input
        self.missing = dict(program.missing)
        self.values: dict[str, Any] = {}
        self.unwell: dict[str, str] = {}
        self.error: Failure | None = None
        self.fatal: list[str] = []
        self.asked = 0

    def begin(self, at: float) -> Iterable[Ask]:
        asks: list[Ask] = []
        for name in self.program.roots:
            self._release(name, asks)
        return self._close(asks)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.values[key] = value
        self.asked -= 1
        asks: list[Ask] = []
        taken: Pairs | None = None
        arguments: dict[str, Any] = {}
        missing, values, quick = self.missing, self.values, self.program.quick
        for name in self.program.after[key]:
            left = missing[name] = missing[name] - 1
            if left:
                continue
            node = None if self.unwell else quick.get(name)
            if node is None:
                self._release(name, asks)
            else:
                self.asked += 1
                fn, pairs, policy = node
                if pairs is not taken:  # else the arguments are those of the sibling before
                    taken, arguments = pairs, {parameter: values[upstream] for parameter, upstream in pairs}
                asks.append(Do(name, fn, (), arguments, policy))
        return asks if self.asked else self._close(asks)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        self.asked -= 1
        asks: list[Ask] = []
        if self.program.nodes[key].optional:
            self._settle_unwell(key, "failed", asks)
        elif self.program.fail_fast:
            return [Fail(error)]
        else:
            self.error = self.error or error
            self.fatal.append(key)
        return self._close(asks)

    def _close(self, asks: list[Ask]) -> list[Ask]:
        """If nothing is in flight: the end, with the value of the last task or those of all last tasks by name."""
        if self.asked:
            return asks
        if self.error is not None:
            asks.append(Fail(self.error, self.fatal))
        else:
            asks.append(End(self._result()))
        return asks

    def _result(self) -> Any:
        last = self.program.sinks
        if len(last) == 1:
            return self.values.get(last[0])
        return {name: self.values[name] for name in last if name in self.values}

    def _release(self, name: str, asks: list[Ask]) -> None:
        """Everything upstream of this task has settled."""
        if not self._run_or_skip(name, asks):
            self._settle_unwell(name, "skipped", asks)

    def _run_or_skip(self, name: str, asks: list[Ask]) -> bool:
        program = self.program
        node = program.nodes[name]
        if self.unwell or name not in program.plain:
            reason = self._reason_to_skip(node)
            if reason is not None:
                asks.append(Skip(name, reason))
                return False
        self.asked += 1
        asks.append(self._ask(node))
        return True

    def _reason_to_skip(self, node: Node) -> str | None:
        unwell = [f"{name} {self.unwell[name]}" for name in node.depends_on if name in self.unwell]
        well = len(node.depends_on) - len(unwell)
        trigger = node.trigger
        if trigger == "all_succeeded" and unwell:
            return f"upstream {', '.join(unwell)}"
        if trigger == "any_succeeded" and node.depends_on and not well:
            return "nothing upstream succeeded"
        if trigger == "any_failed" and not any(word.endswith("failed") for word in unwell):
            return "nothing upstream failed"
        if node.when is not None and not node.when(**self._arguments(node.when_bindings)):
            return "its condition was false"
        return None

    def _settle_unwell(self, key: str, word: str, asks: list[Ask]) -> None:
        """A task was skipped or failed: what waited for it alone runs or is skipped in turn."""
        self.unwell[key] = word
        queue = [key]
        for settled in queue:
            for name in self.program.after[settled]:
                self.missing[name] -= 1
                if not self.missing[name] and not self._run_or_skip(name, asks):
                    self.unwell[name] = "skipped"
                    queue.append(name)

    def _ask(self, node: Node) -> Ask:
        arguments = self._arguments(node.bindings)
        if node.name in self.program.plain:
            return Do(node.name, node.fn, (), arguments, node.policy)  # type: ignore[arg-type]
        if node.everything:
            arguments = {**{n: self.values[n] for n in node.depends_on if n in self.values}, **arguments}
        if node.waits is not None:
            return node.waits
        if node.program is not None:
            return Open(node.name, node.program, {**node.defaults, **arguments})
        assert node.fn is not None
        if node.over:
            return self._map(node, arguments)
        return Do(node.name, node.fn, (), arguments, node.policy)

    def _map(self, node: Node, arguments: dict[str, Any]) -> Map:
        assert node.fn is not None
        columns = {name: _sequence(self._value(source), node.name, name) for name, source in node.over}
        by: str | None = None
        items: Sequence[Any]
        if len(columns) == 1:
            by, items = next(iter(columns.items()))
        else:
            _same_length(node.name, columns)
            items = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return Map(node.name, node.fn, items, by, arguments, node.window, node.partial, node.policy)

    def _arguments(self, bindings: Iterable[tuple[str, Source]]) -> dict[str, Any]:
        """Arguments by parameter; one whose task was skipped or failed, or whose input was not given, is left out."""
        values, found = self.values, {}
        for parameter, (kind, what) in bindings:
            if kind == "task":
                if what in values:
                    found[parameter] = values[what]
                elif what in self.unwell:
                    found[parameter] = None
            elif kind == "input":
                if what in self.input:
                    found[parameter] = self.input[what]
            else:
                found[parameter] = what
        return found

    def _value(self, source: Source) -> Any:
        kind, what = source
        return self.values[what] if kind == "task" else self.input[what] if kind == "input" else what


class TypedPlay(GraphPlay):
    """One in which signals have types: what does not fit fails its step."""

    __slots__ = ()

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        convert = self.program.typed.get(key)
        if convert is not None:
            try:
                value = convert(value)
            except (InputError, Rejected) as error:
                return self.failed(key, at_step(failure_of(error), key), at)
        return super().done(key, value, at)


def _sequence(value: Any, task: str, parameter: str) -> Sequence[Any]:
    if isinstance(value, list | tuple | range):
        return value
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InputError(f"{task!r} maps over {parameter!r}, which is {type(value).__name__}: give it a list")
    return list(value)


def _same_length(task: str, columns: Mapping[str, Sequence[Any]]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"{task!r} maps over lists of different lengths: {lengths}; give it lists of one length"
        )
