"""Limits held by several processes on one store: never exceeded, freed slots taken at once, also those of the dead."""

from __future__ import annotations

import signal
from bisect import bisect
from collections.abc import Callable

from penstock.app import Engine
from penstock.app.limits import KeyLimits, Waiting, waiting_for
from tests.faults.lives import wait_until
from tests.limits.crew import Crew, attempts, most_at_once, share, takes
from tests.limits.limited import AT_MOST, KEY

Told = Callable[[str, object], None]

SHORT_LEASE = 2.0
"""Of a process that is to lose it."""


def test_four_processes_never_exceed_a_limit_and_take_freed_slots(
    crew: Crew, engine: Engine, record_property: Told
) -> None:
    processes = [crew.hire(150, 0.005, f"tenant {number}") for number in range(4)]
    for process in processes:
        crew.go(process)
    assert [process.wait(60) for process in processes] == [0] * 4
    found = attempts(engine)
    assert len(found) == 600
    assert most_at_once(found) == AT_MOST
    gaps, others = takes(found)
    assert others > 100, "turns between tenants are turns between processes here"
    assert not engine.durable_store().find("documents", {"kind": "ledger"})
    assert not engine.durable_store().find("queued")
    record_property(
        "told",
        f"limits: 600 steps of four processes, {AT_MOST} at once; a freed slot was taken within {share(gaps, 0.5) * 1e3:.1f} ms"
        f" (p95 {share(gaps, 0.95) * 1e3:.1f} ms), {others} times by another process",
    )


def test_the_slots_of_a_killed_process_are_free_within_its_lease(
    crew: Crew, engine: Engine, record_property: Told
) -> None:
    holder, waiter = crew.hire(3, 60, "killed", lease=SHORT_LEASE), crew.hire(1, 0, "waiting")
    crew.go(holder)
    wait_until(lambda: len(attempts(engine, "killed")) == AT_MOST, "it holds all slots")
    crew.go(waiter)
    wait_until(lambda: waits(engine, "waiting") is not None, "another waits")
    found = waits(engine, "waiting")
    assert found is not None
    assert (found.kind, found.key, len(found.holders)) == ("limit", KEY, AT_MOST)
    killed = engine.clock.now()
    holder.kill()
    assert waiter.wait(60) == 0
    (taken,) = attempts(engine, "waiting")
    record_property(
        "told",
        f"limits: the slots of a process killed with -9 went to another after {taken.began - killed:.2f} s",
    )


def waits(engine: Engine, tenant: str) -> Waiting | None:
    """What the step of that tenant's run waits for."""
    store = engine.durable_store()
    rows = [row for row in store.find("runs") if f'"{tenant}"' in row["tags"]]
    return waiting_for(store, rows[0]["id"], "call", 0) if rows else None


def test_a_process_that_was_stopped_past_its_lease_records_nothing_under_the_limit(
    crew: Crew, engine: Engine
) -> None:
    stopped, other = crew.hire(6, 3.0, "stopped", lease=SHORT_LEASE), crew.hire(6, 0.01, "other")
    crew.go(stopped)
    wait_until(lambda: len(attempts(engine, "stopped")) == AT_MOST, "it holds all slots")
    stopped.send_signal(signal.SIGSTOP)
    crew.go(other)
    assert other.wait(60) == 0
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait(60) == 3, "its lease on its slots was lost"
    found = attempts(engine, "stopped")
    assert len(found) == AT_MOST
    assert all(each.ended == float("inf") for each in found)


def test_what_is_said_of_a_key_holds_while_processes_run(crew: Crew, engine: Engine) -> None:
    limits = KeyLimits(engine.durable_store())
    limits.set(KEY, at_most=1)
    process = crew.hire(40, 0.01, "slow")
    crew.go(process)
    wait_until(lambda: len(attempts(engine)) > 5, "some are done")
    assert most_at_once(attempts(engine)) == 1
    (key,) = limits.all()
    assert (key.key, key.bounds.at_most, key.said) == (KEY, 1, True)
    limits.set(KEY, at_most=4)
    limits.remove(KEY)
    assert process.wait(60) == 0
    assert 1 < most_at_once(attempts(engine)) <= 4


def test_a_rate_is_held_by_all_processes_together(crew: Crew, engine: Engine) -> None:
    processes = [crew.hire(30, 0, "rated") for _ in range(3)]
    for process in processes:
        crew.go(process)
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    began = [each.began for each in attempts(engine, step="paced")]
    assert len(began) == 90
    assert began[-1] - began[0] >= 0.85
    assert max(bisect(began, at + 0.5) - place for place, at in enumerate(began)) <= 50 + 30, (
        "give or take one process that starts late what it was given"
    )


def test_a_tenant_with_little_does_not_wait_behind_one_with_much(
    crew: Crew, engine: Engine, record_property: Told
) -> None:
    def median_wait(tenant: str) -> float:
        process = crew.hire(10, 0.02, tenant)
        began = engine.clock.now()
        crew.go(process)
        assert process.wait(60) == 0
        return share([each.began - began for each in attempts(engine, tenant)], 0.5)

    alone = median_wait("B alone")
    much = crew.hire(10_000, 0.02, "A")
    crew.go(much)
    wait_until(lambda: sum(key.waiting for key in KeyLimits(engine.durable_store()).all()) > 9_000, "A waits")
    beside = median_wait("B")
    assert most_at_once(attempts(engine)) == AT_MOST
    record_property(
        "told",
        f"limits: B's median wait {alone * 1e3:.0f} ms alone, {beside * 1e3:.0f} ms beside A's 10,000 waiting",
    )
    mine, others = attempts(engine, "B"), attempts(engine, "A")
    between = sum(mine[0].began < each.began < mine[-1].began for each in others)
    assert between <= len(mine), "at most every other turn is A's"
