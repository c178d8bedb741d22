"""Workers in virtual time, and the figures that are taken of them, by hand-made sums."""

from __future__ import annotations

from array import array
from heapq import heappop, heappush
from math import factorial
from random import Random
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.simulations import Pool
from penstock.simulations.course import Course
from penstock.simulations.measures import Level, Measures, latencies


def pool_of(env: Any, **parameters: float) -> tuple[Pool, Measures]:
    measures = Measures()
    return Pool(env, {"target_processing_sec": 10, **parameters}, measures, Random(1)), measures


def drained(env: Any, pool: Pool) -> float:
    env.run(env.process(pool.drain()))
    return float(env.now)


def test_units_are_served_in_order_as_workers_come_free() -> None:
    env = simpy.Environment()
    pool, measures = pool_of(env, worker_count=2)
    done: list[tuple[str, float]] = []
    for name, seconds in (("a", 5), ("b", 3), ("c", 4), ("d", 1)):
        pool.submit(name, seconds).callbacks.append(lambda _, name=name: done.append((name, env.now)))
    assert drained(env, pool) == 7
    assert done == [("b", 3), ("a", 5), ("d", 6), ("c", 7)]
    assert measures.tasks["completed"] == 4


def test_figures_are_what_a_hand_would_reckon() -> None:
    env = simpy.Environment(initial_time=100)
    pool, measures = pool_of(env, worker_count=1)
    for name in "abc":
        pool.submit(name)
    assert drained(env, pool) == 130
    env.run(until=140)
    found = measures.figures(140, since=100, wall=2.0, events=9)
    assert found["virtual_seconds"] == 40
    assert found["tasks"] == {"submitted": 3, "completed": 3, "failed": 0, "retried": 0, "unfinished": 0}
    assert found["latency_seconds"] == {"mean": 20, "p50": 20, "p95": 30, "p99": 30}
    assert found["within_target"] == pytest.approx(1 / 3)
    assert found["worker_utilisation"] == pytest.approx(30 / 40)
    assert found["queue_depth"] == {"mean": pytest.approx((2 * 10 + 1 * 10) / 40), "max": 2}
    assert (found["wall_seconds"], found["events"]) == (2.0, 9)


def test_what_is_under_way_is_unfinished_and_keeps_its_worker_busy() -> None:
    env = simpy.Environment()
    pool, measures = pool_of(env, worker_count=2)
    for name in "abc":
        pool.submit(name)
    env.run(until=5)
    found = measures.figures(5, since=0, wall=0, events=0)
    assert found["tasks"]["unfinished"] == 3
    assert found["worker_utilisation"] == 1
    assert found["queue_depth"] == {"mean": 1, "max": 1}
    assert found["latency_seconds"] is None
    assert found["within_target"] is None


def test_a_unit_tells_whether_it_was_done() -> None:
    env = simpy.Environment()
    well, _ = pool_of(env, worker_count=1)
    ill, measures = pool_of(env, worker_count=1, failure_probability=1, retry_max_attempts=2)
    done, failed = well.submit("a"), ill.submit("b")
    assert drained(env, ill) == 30
    assert (done.value, failed.value) == (True, False)
    assert measures.tasks == {"submitted": 1, "completed": 0, "failed": 1, "retried": 2}


@pytest.mark.parametrize(
    ("workers", "parallelism", "nodes"), [(10, 10, 1), (11, 10, 2), (25, 10, 3), (3, 5, 1)]
)
def test_workers_share_nodes(workers: int, parallelism: int, nodes: int) -> None:
    pool, measures = pool_of(simpy.Environment(), worker_count=workers, node_parallelism=parallelism)
    assert (pool.nodes, measures.nodes, measures.workers) == (nodes, nodes, workers)
    assert pool.node_of(workers - 1) == nodes - 1


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.7, 1.0])
def test_a_sample_is_as_large_as_it_says_and_evenly_spread(fraction: float) -> None:
    pool, _ = pool_of(simpy.Environment(), worker_count=1, sample_fraction=fraction)
    sampled = [pool.offer(str(number)) for number in range(1000)]
    assert sum(sampled) == pytest.approx(1000 * fraction, abs=1)
    for start in range(0, 1000, 100):
        assert sum(sampled[start : start + 100]) == pytest.approx(100 * fraction, abs=1)


def test_draining_a_pool_that_has_nothing_takes_no_time() -> None:
    env = simpy.Environment()
    pool, _ = pool_of(env, worker_count=1)
    assert drained(env, pool) == 0


def test_a_percentile_is_a_value_that_occurred() -> None:
    found = latencies(array("d", [float(number) for number in range(100, 0, -1)]))
    assert found == {"mean": 50.5, "p50": 50, "p95": 95, "p99": 99}
    assert latencies(array("d", [3.0])) == {"mean": 3, "p50": 3, "p95": 3, "p99": 3}


def test_a_level_counts_only_what_lasted() -> None:
    level = Level()
    level.set(0, 5)
    level.set(0, 2)
    level.set(4, 7)
    level.set(4, 1)
    assert (level.most(4), level.most(5)) == (2, 2)
    level.set(10, 9)
    assert (level.most(10), level.most(11)) == (2, 9)
    assert level.sum(10) == 2 * 4 + 1 * 6


def test_a_course_has_few_samples_evenly_apart_however_long_it_takes() -> None:
    env = simpy.Environment(initial_time=50)
    pool, measures = pool_of(env, worker_count=1)
    for _ in range(400):
        pool.submit("unit")
    drained(env, pool)
    course = measures.figures(env.now, since=50, wall=0, events=0)["course"]
    assert (course["since"], course["step"]) == (50, 32)
    assert len(course["busy"]) == len(course["waiting"]) == len(course["completed"]) == 125
    assert course["completed"] == pytest.approx([number * 3.2 for number in range(125)], abs=1)
    assert course["waiting"] == pytest.approx([399 - number * 3.2 for number in range(125)], abs=1)
    assert set(course["busy"][1:]) == {1}


def test_a_course_over_a_long_silence_stays_short() -> None:
    course = Course()
    course.opens(0)
    course.goes(1e12, (7,))
    assert 64 <= len(course.columns("n")["n"]) <= 128
    assert set(course.columns("n")["n"]) == {7}


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (1, 0.8), (4, 0.8)])
def test_units_that_come_by_chance_wait_as_long_as_theory_says(workers: int, load: float) -> None:
    """M/D/c. Of one worker the mean wait is known (Pollaczek and Khinchine); of several, half of M/M/c's (Erlang) is close."""
    env = simpy.Environment()
    pool, measures = pool_of(env, worker_count=workers)
    chance = Random(workers)

    def arrive() -> Any:
        for _ in range(30_000):
            yield env.timeout(chance.expovariate(load * workers / 10))
            pool.submit("unit")

    env.run(env.process(arrive()))
    waited = sum(measures.latencies) / len(measures.latencies) - 10
    assert waited == pytest.approx(
        erlang(workers, load * workers) * 10 / (workers * (1 - load)) / 2, rel=0.06
    )
    busy = measures.figures(env.now, since=0, wall=0, events=0)["worker_utilisation"]
    assert busy == pytest.approx(load, rel=0.02)


def erlang(workers: int, offered: float) -> float:
    """The share of units that wait, where service times are by chance too (Erlang C)."""
    queued = offered**workers / factorial(workers) * workers / (workers - offered)
    return queued / (sum(offered**number / factorial(number) for number in range(workers)) + queued)


@given(
    workers=st.integers(1, 5),
    units=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), min_size=1, max_size=40),
)
@settings(max_examples=100, deadline=None)
def test_a_pool_is_a_queue_with_servers(workers: int, units: list[tuple[int, int]]) -> None:
    """Beside a reference that knows no SimPy: a unit begins when it is there and the first worker is free."""
    env = simpy.Environment()
    pool, measures = pool_of(env, worker_count=workers)
    ends: list[float] = []

    def submit() -> Any:
        for gap, seconds in units:
            yield env.timeout(gap)
            pool.submit("unit", seconds).callbacks.append(lambda _: ends.append(env.now))
        yield from pool.drain()

    env.run(env.process(submit()))
    free, at, expected, latency = [0.0] * workers, 0.0, [], []
    for gap, seconds in units:
        at += gap
        done = max(at, heappop(free)) + seconds
        heappush(free, done)
        expected.append(done)
        latency.append(done - at)
    assert sorted(ends) == sorted(expected)
    assert sorted(measures.latencies) == sorted(latency)
    found = measures.figures(env.now, since=0, wall=0, events=0)
    assert found["tasks"]["unfinished"] == 0
    if env.now:
        busy = sum(seconds for _, seconds in units) / (workers * env.now)
        assert found["worker_utilisation"] == pytest.approx(busy)
        waited = sum(latency) - sum(seconds for _, seconds in units)
        assert found["queue_depth"]["mean"] == pytest.approx(waited / env.now)  # Little's law
