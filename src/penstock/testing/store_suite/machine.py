"""Any sequence of calls leaves a backend and the naive store with the same facts and the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from penstock.model.changes import Change, Guard, Letter, Put, Refused
from penstock.ports import Store
from penstock.testing.store_suite.harness import HandClock, StorePart, events, kinds
from penstock.testing.store_suite.logs import follow_to_the_end
from penstock.testing.store_suite.naive import NaiveStore

IDS = ["a", "b", "c"]
tables = st.sampled_from(["runs", "queued"])
ids = st.sampled_from(IDS)
seconds = st.integers(0, 5)
queues = st.sampled_from(["default", "big"])
gates = st.sampled_from([None, "g", "h"])

states = st.one_of(
    st.fixed_dictionaries({"state": st.sampled_from(["ready", "idle", "done"])}),
    st.fixed_dictionaries({"state": st.just("delayed"), "due_in": seconds}),
    st.fixed_dictionaries(
        {"state": st.just("leased"), "owner": st.sampled_from(["x", "y"]), "due_in": seconds}
    ),
)
others = st.fixed_dictionaries(
    {},
    optional={
        "queue": queues,
        "gate": gates,
        "rank": st.integers(0, 2),
        "data": st.sampled_from([None, "", "1"]),
    },
)
columns = st.one_of(st.none(), others, st.builds(lambda a, b: {**a, **b}, states, others))
guarded = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "epoch": st.integers(0, 2),
            "inbox": st.integers(0, 2),
            "owner": st.sampled_from([None, "x"]),
        },
    ),
)
letters = st.builds(Letter, st.just(0), st.just(1.0), st.just("signal"), ids, st.just("{}"), st.just(""),
                    st.sampled_from([None, None, "k", "l"]))  # fmt: skip
drafts = st.fixed_dictionaries({
    "run": ids,
    "offset": st.sampled_from([None, 0, 0, 0, -1, 1]),
    "count": st.integers(0, 3),
    "puts": st.lists(st.builds(Put, tables, ids, columns), max_size=3),
    "guards": st.lists(st.builds(Guard, tables, ids, guarded), max_size=1),
    "letters": st.lists(letters, max_size=2),
    "take": st.sampled_from([None, None, 1, 3]),
    "key": st.sampled_from([None, None, None, "k", "l"]),
    "digest": st.sampled_from(["d", "e"]),
})  # fmt: skip


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a backend and to the naive store."""

    open_store: ClassVar[Callable[[HandClock], Store]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock(0.0)
        self.store = type(self).open_store(self.clock)
        self.naive = NaiveStore()

    @rule(batch=st.lists(drafts, min_size=1, max_size=4))
    def commit(self, batch: list[dict[str, Any]]) -> None:
        changes = [self._change(**draft) for draft in batch]
        verdicts, wanted = self.store.commit(changes), self.naive.commit(changes)
        assert kinds(verdicts) == kinds(wanted)
        for verdict, expected in zip(verdicts, wanted, strict=True):
            if isinstance(verdict, Refused) and isinstance(expected, Refused):
                assert verdict.guard == expected.guard
                assert (verdict.actual is None) == (expected.actual is None)
            else:
                assert verdict == expected

    def _change(self, run: str, offset: int | None, count: int, **rest: Any) -> Change:
        """A change whose expectation is right, a little wrong, or absent."""
        if offset is None:
            return Change(run=run, **rest)
        expect = max(0, len(self.naive.logs.get(run, [])) + offset)
        return Change(run=run, expect=expect, events=events(expect + 1, expect + count), **rest)

    @rule(step=st.integers(1, 4))
    def time_passes(self, step: int) -> None:
        self.clock.advance(step)
        self.naive.now += step

    @rule(
        table=tables, ttl=st.integers(1, 5), limit=st.integers(1, 3), queue=st.one_of(st.none(), queues),
        named=st.one_of(st.none(), st.lists(ids, max_size=2)), skip=st.lists(st.just("g"), max_size=1),
    )  # fmt: skip
    def claim(
        self, table: str, ttl: int, limit: int, queue: str | None, named: list[str] | None, skip: list[str]
    ) -> None:
        claims = self.store.claim(table, "x", ttl=ttl, limit=limit, queue=queue, ids=named, skip=skip)
        wanted = self.naive.lease(self.naive.line(table, queue, named, skip)[:limit], "x", ttl)
        assert [(claim.id, claim.epoch) for claim in claims] == wanted
        for claim in claims:
            facts = self.naive.rows[table][claim.id]
            assert (claim.inbox, claim.gate, _facts(claim.data)) == (facts["inbox"], facts["gate"], facts)

    @rule(table=tables, ttl=st.integers(1, 5), stale=st.integers(-1, 0))
    def extend(self, table: str, ttl: int, stale: int) -> None:
        held = [(key, found["epoch"] + stale) for key, found in self.naive.rows[table].items()]
        assert self.store.extend(table, held, ttl) == self.naive.extend(table, held, ttl)

    @invariant()
    def rows_are_the_same(self) -> None:
        for table, rows in self.naive.rows.items():
            assert {key: _facts(found) for key, found in self.store.get(table, IDS).items()} == rows
            assert [found["id"] for found in self.store.find(table)] == list(rows)
            assert self.store.next_due(table) == self.naive.next_due(table)

    @invariant()
    def logs_and_inboxes_are_the_same(self) -> None:
        for run in IDS:
            assert self.store.read(run) == self.naive.logs.get(run, [])
            assert self.store.inbox(run) == self.naive.letters.get(run, [])
        assert follow_to_the_end(self.store) == self.naive.stream

    def teardown(self) -> None:
        assert self.store.check() == []
        self.store.close()


class MachinePart(StorePart):
    """What no list of single tests can promise."""

    examples: ClassVar[int] = 60

    def test_any_sequence_of_calls_gives_what_a_naive_store_gives(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        def open_store(clock: HandClock) -> Store:
            folder: Path = tmp_path_factory.mktemp("machine")
            return self.make_store(clock, folder)

        machine = type("Machine", (StoreMachine,), {"open_store": staticmethod(open_store)})
        calm = [HealthCheck.too_slow, HealthCheck.data_too_large]
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=self.examples, stateful_step_count=25, deadline=None, suppress_health_check=calm
            ),
        )


def _facts(found: Any) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("created", "updated")}
