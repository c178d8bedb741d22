"""What a graph must come to, worked out task by task in the order of definition, without the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.model.failure import Failure
from penstock.testing.simulation.case import Expected, Facts, Fate, Key, dies
from penstock.testing.simulation.programs.specs import Spec
from penstock.testing.simulation.programs.work import combine, is_even, listing


def expected_of_graph(specs: Sequence[Spec], fates: Mapping[Key, Fate], facts: Facts) -> Expected:
    """See Case.expected."""
    return _Reference(specs, fates, facts).end()


class _Reference:
    """Every task is ok, unwell (skipped or failed, others go on) or fatal; `never` is what waits for a fatal one."""

    def __init__(self, specs: Sequence[Spec], fates: Mapping[Key, Fate], facts: Facts) -> None:
        self.specs = specs
        self.fates = fates
        self.facts = facts
        self.values: dict[str, Any] = {}
        self.skipped: set[str] = set()
        self.failed: set[str] = set()
        self.never: set[str] = set()
        self.blamed: set[str] = set()
        self.inner_skipped: set[str] = set()
        for spec in specs:
            self._task(spec)

    def end(self) -> Expected:
        if self.blamed:
            return Expected("failed", blamed=frozenset(self.blamed))
        used = {need for spec in self.specs for need in spec.needs}
        last = [spec.name for spec in self.specs if spec.name not in used]
        skipped = frozenset(self.skipped | self.inner_skipped)
        if len(last) == 1:
            return Expected("completed", self.values.get(last[0]), skipped=skipped)
        value = {name: self.values[name] for name in last if name in self.values}
        return Expected("completed", value, skipped=skipped)

    def _task(self, spec: Spec) -> None:
        if any(need in self.never for need in spec.needs):
            self.never.add(spec.name)
        elif not self._runs(spec):
            self.skipped.add(spec.name)
        else:
            blamed = self._run(spec)
            if blamed:
                self._fail(spec, blamed)

    def _runs(self, spec: Spec) -> bool:
        bad = [need for need in spec.needs if need in self.skipped or need in self.failed]
        if spec.trigger == "all_succeeded" and bad:
            return False
        if spec.trigger == "any_succeeded" and spec.needs and len(bad) == len(spec.needs):
            return False
        if spec.trigger == "any_failed" and not self.failed.intersection(spec.needs):
            return False
        return not spec.condition or is_even(**{need: self.values.get(need) for need in spec.needs})

    def _fail(self, spec: Spec, blamed: set[str]) -> None:
        if spec.optional:
            self.failed.add(spec.name)
        else:
            self.never.add(spec.name)
            self.blamed |= blamed

    def _run(self, spec: Spec) -> set[str]:
        """Work a task out; the steps that may be blamed if it fails."""
        given = {need: self.values.get(need) for need in spec.needs if need != spec.over}
        if spec.inner is not None:
            return self._inner(spec)
        if spec.child is not None:
            return self._child(spec)
        if spec.over is not None:
            return self._map(spec, given)
        if self._dies(spec, (spec.name, None)):
            return {spec.name}
        if spec.size is not None:
            self.values[spec.name] = listing(spec.salt, spec.size, **given)
        else:
            self.values[spec.name] = combine(spec.salt, **given, **({} if spec.needs else {"x": 5}))
        return set()

    def _map(self, spec: Spec, given: dict[str, Any]) -> set[str]:
        items = self.values.get(spec.over or "")
        if items is None:  # a skipped or failed task has no list to go over
            return {spec.name}
        dead = {n for n in range(len(items)) if self._dies(spec, (spec.name, n))}
        if dead and not spec.collect:
            return {f"{spec.name}[{n}]" for n in dead}
        self.values[spec.name] = [
            Failure("", "") if n in dead else combine(spec.salt, item=item, **given)
            for n, item in enumerate(items)
        ]
        return set()

    def _child(self, spec: Spec) -> set[str]:
        """What a run of its own comes to, the audit compares with that run, and that run with its own reference."""
        if spec.name not in self.facts.done:
            return {spec.name}
        self.values[spec.name] = self.facts.done[spec.name]
        return set()

    def _inner(self, spec: Spec) -> set[str]:
        assert spec.inner is not None
        path = f"{spec.name}/"
        slow = {(step[len(path) :], item) for step, item in self.facts.timed_out if step.startswith(path)}
        done = {step[len(path) :]: value for step, value in self.facts.done.items() if step.startswith(path)}
        end = spec.inner.expected(self.facts._replace(timed_out=frozenset(slow), done=done))
        if end.status == "failed":
            return {path + step for step in end.blamed}
        self.inner_skipped |= {path + step for step in end.skipped or ()}
        self.values[spec.name] = end.value
        return set()

    def _dies(self, spec: Spec, key: Key) -> bool:
        fate = self.fates.get(key)
        if key in self.facts.timed_out:
            return True
        return fate is not None and dies(fate, spec.policy.retry.attempts, self.facts)
