"""Trackers, hooks and bounded slots."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from penstock.routines import ErrorHandler, ErrorStrategy, ExecutionTracker, Flow, JobState, Routine


class Sends(Routine):
    """Emits so many numbers."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.define_slot("input", handler=self.send)
        self.define_event("number", ["number"])

    def send(self) -> None:
        for number in range(self.count):
            self.emit("number", number=number)


class Takes(Routine):
    def __init__(self, **room: Any) -> None:
        super().__init__()
        self.taken: list[int] = []
        self.define_slot("input", handler=self.take, **room)

    def take(self, number: int) -> None:
        if number == 13:
            raise ValueError("thirteen")
        self.taken.append(number)


def a_flow(count: int, **room: Any) -> tuple[Flow, Takes]:
    flow, takes = Flow("watched"), Takes(**room)
    flow.add_routine(Sends(count), "sends")
    flow.add_routine(takes, "takes")
    flow.connect("sends", "number", "takes", "input")
    return flow, takes


# ── trackers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_flows_tracker_counts_and_times_every_activation() -> None:
    flow, takes = a_flow(20)
    takes.set_error_handler(ErrorHandler(ErrorStrategy.CONTINUE))
    flow.execute("sends")
    told = flow.execution_tracker.get_routine_performance("takes")
    assert told is not None
    assert (told["total_executions"], told["completed"], told["failed"]) == (20, 19, 1)
    assert told["success_rate"] == 0.95
    assert 0 < told["min_execution_time"] <= told["p50"] <= told["p99"] <= told["max_execution_time"]
    assert told["min_execution_time"] <= told["avg_execution_time"] <= told["max_execution_time"]
    whole = flow.execution_tracker.get_flow_performance()
    assert (whole["total_executions"], whole["total_events"], whole["total_jobs"]) == (21, 20, 1)
    assert whole["total_execution_time"] > whole["busy_time"]
    assert flow.execution_tracker.get_routine_performance("nobody") is None


def test_a_tracker_of_ones_own_is_exact_with_a_clock_of_ones_own() -> None:
    now = [0.0]
    tracker = ExecutionTracker("own", clock=lambda: now[0])
    tracker.job_began()
    for took, status in ((1.0, "completed"), (2.0, "completed"), (6.0, "failed")):
        tracker.record_routine_start("r", {"a": 1})
        now[0] += took
        tracker.record_routine_end("r", status)
    tracker.record_event("r", "output", "other")
    tracker.job_left()
    now[0] += 100
    told = tracker.get_routine_performance("r")
    assert told is not None
    assert {name: told[name] for name in ("completed", "failed", "total_events")} == {
        "completed": 2, "failed": 1, "total_events": 1,
    }  # fmt: skip
    times = [told[f"{name}_execution_time"] for name in ("min", "avg", "max", "total")]
    assert times == [1.0, 3.0, 6.0, 9.0]
    assert told["p50"] == pytest.approx(2.0, rel=0.03)
    assert tracker.get_flow_performance()["total_execution_time"] == 9.0


def test_percentiles_hold_beyond_what_is_kept_one_by_one() -> None:
    now = [0.0]
    tracker = ExecutionTracker(clock=lambda: now[0])
    for number in range(10_000):
        tracker.record_routine_start("r")
        now[0] += (number % 100 + 1) / 1000
        tracker.record_routine_end("r")
    told = tracker.get_routine_performance("r")
    assert told is not None
    for q in (50, 90, 95, 99):
        assert told[f"p{q}"] == pytest.approx(q / 1000, rel=0.03)
    assert len(tracker.tally("r").took) < 4_097


# ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_hooks_are_told_what_happens_and_one_that_fails_hurts_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Any] = []

    class Hook:
        def on_job_start(self, job: JobState) -> None:
            told.append(("job", job.status))

        def on_job_end(self, job: JobState) -> None:
            told.append(("end", job.status))

        def on_activation_start(self, job: str, routine: str, slot: str, data: Any) -> None:
            told.append((routine, slot, data))

        def on_activation_end(self, job: str, routine: str, slot: str, seconds: float) -> None:
            raise RuntimeError("a hook of no use")

        def on_activation_error(self, job: str, routine: str, slot: str, error: Exception) -> None:
            told.append((routine, str(error)))

        def on_event(self, job: str, routine: str, slot: str, event: str, data: Any) -> None:
            told.append((routine, event, data))

    flow, takes = a_flow(1)
    takes.take = None  # type: ignore[assignment,method-assign]
    flow.add_hook(Hook())
    with caplog.at_level(logging.ERROR):
        assert flow.execute("sends").status == "completed"
    assert told == [
        ("job", "running"), ("sends", "input", {}), ("sends", "number", {"number": 0}),
        ("takes", "input", {"number": 0}), ("end", "completed"),
    ]  # fmt: skip
    assert "failed in on_activation_end" in caplog.text
    told.clear()
    flow.execute("takes", {"number": 13})
    assert ("takes", "thirteen") in told


# ── bounded slots ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when_full", "taken", "dropped"),
    [("drop_new", [0, 1, 2], [3, 4]), ("drop_old", [2, 3, 4], [0, 1]), ("wait", [0, 1, 2, 3, 4], [])],
)
def test_a_full_slot_does_as_it_says(when_full: str, taken: list[int], dropped: list[int]) -> None:
    flow, takes = a_flow(5, capacity=3, when_full=when_full)
    job = flow.execute("sends")
    assert (job.status, takes.taken) == ("completed", taken)
    assert [each.data["number"] for each in job.execution_history if each.event_name == "dropped"] == dropped


def test_a_full_slot_can_fail_the_job() -> None:
    flow, _ = a_flow(5, capacity=3, when_full="fail")
    job = flow.execute("sends")
    assert job.status == "failed"
    assert job.error is not None
    assert "slot 'input' of routine 'takes' is full: 3 messages wait there" in job.error.message


@pytest.mark.parametrize("capacity", [None, 2])
def test_those_that_feed_a_slot_wait_while_it_is_full(capacity: int | None) -> None:
    order: list[str] = []

    class Ticks(Routine):
        """Sends itself the next tick first, then work."""

        def __init__(self) -> None:
            super().__init__()
            self.define_slot("tick", handler=self.tick)
            self.define_event("again")
            self.define_event("work")

        def tick(self, left: int = 6) -> None:
            order.append("tick")
            if left:
                self.emit("again", left=left - 1)
            self.emit("work", number=left)

    class Works(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("work", handler=lambda number: order.append("work"), capacity=capacity)

    flow = Flow("held back")
    flow.add_routine(Ticks(), "ticks")
    flow.add_routine(Works(), "works")
    flow.connect("ticks", "again", "ticks", "tick")
    flow.connect("ticks", "work", "works", "work")
    assert flow.execute("ticks").status == "completed"
    waiting = [order[: n + 1].count("tick") - order[: n + 1].count("work") for n in range(len(order))]
    assert max(waiting) == (7 if capacity is None else capacity)
    assert order.count("work") == 7
