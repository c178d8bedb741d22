"""The workflows that come with Penstock: what they publish, and what queueing theory says of their workers."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from statistics import mean
from typing import Any, NamedTuple

import pytest
import simpy

from penstock.simulations import WorkflowRunner
from penstock.simulations.assembling import executed
from penstock.simulations.messages import FIELDS
from tests.simulations.conftest import WORKFLOWS


def played(name: str, **parameters: Any) -> float:
    """The virtual time that a shipped workflow takes without a runner."""
    env = simpy.Environment()
    cls = executed((WORKFLOWS / f"{name}.py").read_text(), f"{name}.py")["WorkflowExecutor"]
    env.process(cls(parameters).execute(env))
    env.run()
    return float(env.now)


def test_data_taking_publishes_its_whole_cycle(shipped: WorkflowRunner) -> None:
    found = shipped.run("stf_processing", "1.0")
    assert (found.status, found.error_message) == ("completed", None)
    figures = found.performance_metrics
    assert figures is not None
    assert figures["stfs"] == 1715
    assert figures["virtual_seconds"] == pytest.approx(3604.5)
    assert figures["messages"] == {"run_imminent": 1, "start_run": 1, "stf_gen": 1715, "end_run": 1}
    messages = list(shipped.executions.messages(found.execution_id))
    assert len(messages) == 1718
    assert not [each for each in messages if set(FIELDS) - each.keys()]
    kinds = [each["msg_type"] for each in messages]
    assert kinds == ["run_imminent", "start_run", *["stf_gen"] * 1715, "end_run"]
    ticks = [0, 1, *(2 + 2.1 * number for number in range(1, 1716)), 2 + 2.1 * 1715]
    assert [each["simulation_tick"] for each in messages] == pytest.approx(ticks)
    frames = [each for each in messages if each["msg_type"] == "stf_gen"]
    assert [each["sequence"] for each in frames] == list(range(1, 1716))
    first, last = messages[0], messages[-1]
    assert (first["msg_type"], first["state"], first["substate"]) == ("run_imminent", "beam", "not_ready")
    assert (last["msg_type"], last["total_stf_files"]) == ("end_run", 1715)
    assert {each["execution_id"] for each in messages} == {found.execution_id}
    assert {each["run_id"] for each in messages} == {found.run_id}


def test_without_a_runner_they_behave_as_printed() -> None:
    assert played("stf_processing") == pytest.approx(3604.5)
    printed = played("fast_processing", worker_count=10, stf_interval_sec=2.0, physics_duration_min=60)
    assert printed == pytest.approx(3602.5)


@pytest.mark.parametrize(("workers", "busy"), [(10, 0.14), (25, 0.06), (50, 0.03)])
def test_with_a_tenth_sampled_all_three_keep_up(shipped: WorkflowRunner, workers: int, busy: float) -> None:
    figures = shipped.run(f"epic_fast_{workers}_workers").performance_metrics
    assert figures is not None
    assert figures["worker_utilisation"] == pytest.approx(busy, abs=0.005)
    assert figures["tasks"] == {
        "submitted": 172,
        "completed": 172,
        "failed": 0,
        "retried": 0,
        "unfinished": 0,
    }
    assert figures["queue_depth"] == {"mean": 0, "max": 0}
    assert figures["within_target"] == 1
    assert figures["nodes"] == -(-workers // 10)


def test_with_everything_sampled_ten_workers_are_too_few_and_twenty_five_are_not(
    shipped: WorkflowRunner,
) -> None:
    few, enough, many = (
        shipped.run(f"epic_fast_{workers}_workers", overrides={"sample_fraction": 1.0}).performance_metrics
        for workers in (10, 25, 50)
    )
    assert few is not None
    assert enough is not None
    assert many is not None
    # A time frame each 2.1 s that keeps a worker for 30 s is work for 14.3 of them.
    assert few["worker_utilisation"] > 0.99
    assert few["virtual_seconds"] == pytest.approx(1715 * 30 / 10, rel=0.01)
    assert few["latency_seconds"]["p50"] > 700
    assert few["latency_seconds"]["p50"] < few["latency_seconds"]["p95"] < few["latency_seconds"]["p99"]
    assert few["within_target"] < 0.01
    assert enough["worker_utilisation"] == pytest.approx(30 / 2.1 / 25, rel=0.02)
    assert many["worker_utilisation"] == pytest.approx(30 / 2.1 / 50, rel=0.02)
    assert enough["latency_seconds"] == pytest.approx(dict.fromkeys(("mean", "p50", "p95", "p99"), 30.0))
    assert enough["queue_depth"]["max"] == 0


@pytest.mark.parametrize(("workers", "done"), [(10, 1190), (16, 1785), (25, 1785), (50, 1785)])
def test_on_a_grid_they_do_what_a_reckoning_says(shipped: WorkflowRunner, workers: int, done: int) -> None:
    """1,800 units of 30 s come 2 s apart: work for 15 workers. What they do beside the closed form of a D/D/c queue."""
    how = {"sample_fraction": 1.0, "schedule": "grid", "worker_count": workers}
    found = shipped.run("epic_fast_processing", overrides=how)
    figures = found.performance_metrics
    assert figures is not None
    assert figures["stfs"] == figures["tasks"]["completed"] == 1800
    (last,) = [
        each for each in shipped.executions.messages(found.execution_id) if each["msg_type"] == "end_run"
    ]
    assert last["tasks_completed"] == pytest.approx(done, abs=1)
    sums = reckoned(workers)
    assert figures["virtual_seconds"] == pytest.approx(sums.end)
    assert figures["worker_utilisation"] == pytest.approx(1800 * 30 / (workers * sums.end))
    assert figures["latency_seconds"]["mean"] == pytest.approx(sums.latency)
    assert figures["queue_depth"]["max"] == pytest.approx(sums.queue, abs=1)
    within = busy_in(figures["course"], 60, 3600) / workers
    assert within == pytest.approx(min(1.0, 15 / workers), abs=0.005)


class Reckoned(NamedTuple):
    """Of 1,800 units of 30 s, the first there at 3.1 s and the next ones 2 s apart."""

    end: float
    latency: float
    queue: float


def reckoned(workers: int) -> Reckoned:
    """Where 15 workers or more are there nobody waits; fewer are never idle once they began, and each unit waits longer."""
    last = 1 + 2 * 1800 + 0.1
    if workers >= 15:
        return Reckoned(last + 30, 30, 0)
    later = (
        30 / workers - 2
    )  # so much longer each unit waits than the one before: in steps of `workers` units
    rounds = [number // workers for number in range(1800)]
    waits = [each * later * workers for each in rounds]
    begun = workers * (floor((last - 1.1 - 2 * workers) / 30) + 1)
    return Reckoned(last + waits[-1] + 30, 30 + sum(waits) / 1800, 1800 - begun)


def busy_in(course: Mapping[str, Any], begin: float, end: float) -> float:
    """How many were busy, on average of the samples of a time."""
    times = [course["since"] + number * course["step"] for number in range(len(course["busy"]))]
    return mean(busy for at, busy in zip(times, course["busy"], strict=True) if begin <= at <= end)


def test_a_schedule_that_is_none_is_refused(shipped: WorkflowRunner) -> None:
    found = shipped.run("stf_processing", overrides={"schedule": "gird"})
    assert (found.status, found.error_message) == (
        "failed",
        "ValueError: schedule = 'gird' must be 'loop' or 'grid'",
    )


def test_messages_of_time_frames_go_to_ordered_lanes_in_turn(shipped: WorkflowRunner) -> None:
    found = shipped.run("epic_fast_10_workers", overrides={"physics_duration_min": 1})
    frames = [
        each
        for each in list(shipped.executions.messages(found.execution_id))
        if each["msg_type"] == "stf_gen"
    ]
    assert [each["stream"] for each in frames] == [number % 10 for number in range(len(frames))]
    lane = [each["stream_sequence"] for each in frames if each["stream"] == 3]
    assert lane == list(range(1, len(lane) + 1))


def test_units_that_fail_are_tried_again_as_often_as_allowed(shipped: WorkflowRunner) -> None:
    how = {"sample_fraction": 1.0, "physics_duration_min": 2, "retry_max_attempts": 2}
    config = {"workflow": {"name": "epic_fast_processing"}, "parameters": how | {"failure_probability": 1.0}}
    figures = shipped.run("epic_fast_processing", config=config).performance_metrics
    assert figures is not None
    tasks = figures["tasks"]
    assert tasks["submitted"] == tasks["failed"] == figures["stfs"] > 0
    assert tasks["retried"] == 2 * tasks["failed"]
    assert tasks["completed"] == 0


def test_the_same_seed_gives_the_same_figures_and_another_others(shipped: WorkflowRunner) -> None:
    how = {"physics_duration_min": 5, "sample_fraction": 0.5, "failure_probability": 0.3, "worker_count": 5}
    config = {"workflow": {"name": "epic_fast_processing"}, "parameters": how}
    found = [shipped.run("epic_fast_processing", config=config, seed=seed) for seed in (7, 7, 8)]
    figures = [{**(each.performance_metrics or {}), "wall_seconds": 0} for each in found]
    assert figures[0] == figures[1] != figures[2]
    assert [each.seed for each in found] == [7, 7, 8]
