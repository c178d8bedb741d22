"""Random graphs of tasks for the simulation: maps, workflows in workflows, conditions, triggers, limits, hooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from penstock.model import events as e
from penstock.model.child import CHILD_POLICY
from penstock.model.limits import Limit
from penstock.model.program import Do, Plan, Play
from penstock.tasks.node import Node, Trigger
from penstock.tasks.program import GraphProgram
from penstock.testing.simulation.case import Case, Draw, Expected, Facts, Fate, Key, Log
from penstock.testing.simulation.programs.children import CaseChild, never_mended
from penstock.testing.simulation.programs.graph_reference import expected_of_graph
from penstock.testing.simulation.programs.specs import Spec
from penstock.testing.simulation.programs.undoing import below, likely_undone, undoes_of, with_undo
from penstock.testing.simulation.programs.work import combine, draw_policy, is_even, listing, under

TRIGGERS: tuple[Trigger, ...] = ("all_done", "any_succeeded", "any_failed")


class GraphCase:
    """See Case."""

    style = "graph"

    def __init__(
        self, name: str, specs: Sequence[Spec], fates: Mapping[Key, Fate], how: Mapping[str, Any]
    ) -> None:
        self.specs = specs
        self.fates = fates
        self.fail_fast: bool = how["fail_fast"]
        self.hooks: Sequence[str] = how["hooks"]
        hooks = {kind: Do(f"@on_{kind}", partial(_hooked, kind)) for kind in self.hooks}
        self.program = GraphProgram(
            name,
            [_node(spec) for spec in specs],
            fail_fast=self.fail_fast,
            limit=how["limit"],
            timeout=how["timeout"],
            hooks=hooks,
        )
        self.input = {"x": 5}
        self.undoes = _undoes(specs)
        self.signals = [signal for spec in specs if spec.inner is not None for signal in spec.inner.signals]

    def expected(self, facts: Facts) -> Expected:
        return expected_of_graph(self.specs, self.fates, facts)

    def disorder(self, log: Log) -> Iterable[str]:
        """A task starts after everything upstream has settled; the hook for the outcome ran, and only that."""
        settled: set[str] = set()
        needs = {spec.name: spec.needs for spec in self.specs}
        hooks = set()
        for _, _, event in log:
            if isinstance(event, e.StepStarted):
                for need in needs.get(event.step, ()):
                    if need not in settled and not self._is_map_or_inner(need):
                        yield f"{event.step} started before {need} had settled"
                if event.step.startswith("@"):
                    hooks.add(event.step)
            elif isinstance(event, e.StepDone | e.StepReused | e.StepSkipped) or (
                isinstance(event, e.StepFailed) and event.retry_at is None
            ):
                settled.add(event.step)
        yield from self._wrong_hooks(hooks, log)

    def _wrong_hooks(self, ran: set[str], log: Log) -> Iterable[str]:
        kinds = {e.RunDone: "completed", e.RunFailed: "failed", e.RunCancelled: "cancelled"}
        kind = kinds.get(type(log[-1][2]), "")
        if kind in self.hooks and not ran:
            yield f"the hook for a run that is {kind} did not run"
        reopened = any(isinstance(event, e.RunReopened) for _, _, event in log)
        if not reopened and kind != "cancelled" and ran - {f"@on_{kind}"}:
            yield f"hooks {sorted(ran)} ran, but the run is {kind}"

    def _is_map_or_inner(self, name: str) -> bool:
        return any(spec.name == name and (spec.over or spec.inner) for spec in self.specs)


def _undoes(specs: Sequence[Spec]) -> dict[str, dict[str, Any]]:
    """See undoing.undoes_of."""
    found: dict[str, dict[str, Any]] = {}
    for spec in specs:
        if spec.inner is not None:
            found.update({f"{spec.name}/{step}": given for step, given in undoes_of(spec.inner).items()})
        elif spec.policy.undo is not None:
            found[spec.name] = {"salt": spec.salt}
    return found


class Given(Plan):
    """A case's program inside a graph: it plays with the case's own input, whatever the graph hands it."""

    def __init__(self, case: Case) -> None:
        self.name = case.program.name
        self.version = case.program.version
        self.case = case

    def play(self, input: Any) -> Play:
        return self.case.program.play(self.case.input)


def _hooked(kind: str, outcome: Any) -> str:
    return kind


def _function(spec: Spec) -> Any:
    if spec.child is not None:
        return CaseChild(spec.child, "workers" if spec.salt % 4 == 0 else None)
    return None if spec.inner is not None else listing if spec.size is not None else combine


def _node(spec: Spec) -> Node:
    values = (("salt", ("value", spec.salt)),)
    upstream: Any = tuple((need, ("task", need)) for need in spec.needs if need != spec.over)
    bindings: Any = (*values, *upstream)
    if spec.size is not None:
        bindings = (*bindings, ("size", ("value", spec.size)))
    elif not spec.needs:
        bindings = (*bindings, ("x", ("input", "x")))
    return Node(
        spec.name,
        _function(spec),
        spec.needs,
        upstream if spec.inner is not None or spec.child is not None else bindings,
        over=() if spec.over is None else (("item", ("task", spec.over)),),
        window=spec.window,
        partial="collect" if spec.collect else "fail",
        program=None if spec.inner is None else Given(spec.inner),
        when=is_even if spec.condition else None,
        when_bindings=upstream if spec.condition else (),
        trigger=spec.trigger,
        optional=spec.optional,
        policy=spec.policy,
    )


def draw_graph(
    chance: Random, *, inner: Sequence[Draw] = (), name: str = "graph", limits: Sequence[Limit] = ()
) -> GraphCase:
    """A graph of 1 to 10 tasks."""
    specs: list[Spec] = []
    fates: dict[Key, Fate] = {}
    for number in range(1 + int(chance.random() * 10)):
        spec = _draw_spec(chance, f"t{number}", specs, inner)
        specs.append(spec)
        if spec.inner is not None:
            fates.update({(below(spec.name, step), item): f for (step, item), f in spec.inner.fates.items()})
        elif spec.over is not None:
            _draw_items(chance, spec, specs, fates)
        elif spec.child is None:
            spec.policy, fate = draw_policy(chance)
            if fate is not None:
                fates[spec.name, None] = _lasting(spec, fate)
    if chance.random() < likely_undone(fates):
        _draw_undos(chance, specs, fates)
    for spec in specs:
        if spec.inner is None and spec.child is None:
            spec.policy = under(chance, spec.policy, limits)
    return GraphCase(name, specs, fates, _draw_rest(chance))


def _draw_undos(chance: Random, specs: Sequence[Spec], fates: dict[Key, Fate]) -> None:
    """Half of the tasks can be undone."""
    sizes = {spec.name: spec.size or 0 for spec in specs}
    for spec in specs:
        if spec.inner is None and spec.child is None and chance.random() < 0.5:
            items = range(sizes[spec.over]) if spec.over is not None else None
            spec.policy = with_undo(chance, spec.policy, spec.name, fates, items=items, names=("salt",))


def _draw_rest(chance: Random) -> dict[str, Any]:
    return {
        "fail_fast": chance.random() < 0.6,
        "limit": 1 + int(chance.random() * 3) if chance.random() < 0.3 else None,
        "timeout": 4.0 + chance.random() * 20 if chance.random() < 0.08 else None,
        "hooks": [kind for kind in ("completed", "failed", "cancelled") if chance.random() < 0.2],
    }


def _draw_spec(chance: Random, name: str, before: Sequence[Spec], inner: Sequence[Draw]) -> Spec:
    needs = tuple(spec.name for spec in before if chance.random() < 2.2 / (len(before) + 1))
    spec = Spec(name, needs, int(chance.random() * 1_000), optional=chance.random() < 0.2)
    lists = [spec.name for spec in before if spec.size is not None and spec.name in needs]
    kind = chance.random()
    if lists and kind < 0.6:
        spec.over = lists[0]
        spec.window = 1 + int(chance.random() * 4)
        spec.collect = chance.random() < 0.4
    elif inner and kind < 0.27:
        case = inner[int(chance.random() * len(inner))](chance)
        if kind < 0.15:
            spec.inner, spec.optional = case, False
        else:
            spec.child, spec.policy = never_mended(case), CHILD_POLICY
    elif kind < 0.45:
        spec.size = int(chance.random() * 9)
    if spec.over is None and needs:
        spec.condition = chance.random() < 0.15
        if chance.random() < 0.3:
            spec.trigger = TRIGGERS[int(chance.random() * 3)]
    return spec


def _draw_items(chance: Random, spec: Spec, specs: Sequence[Spec], fates: dict[Key, Fate]) -> None:
    """Items share their policy; some have fates of their own."""
    spec.policy, fate = draw_policy(chance, hang=False)
    source = next(other for other in specs if other.name == spec.over)
    for item in range(source.size or 0):
        if fate is not None and chance.random() < 0.3:
            fates[spec.name, item] = _lasting(spec, fate)


def _lasting(spec: Spec, fate: Fate) -> Fate:
    """What does not bring a run down is not mended by reopening it."""
    return Fate(99) if fate.until_reopened and (spec.optional or spec.collect) else fate
