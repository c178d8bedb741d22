"""Runs come as a schedule will make them, with its inputs, its jitter and what it does about overlap."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.app.scheduling import Schedules
from penstock.errors import RunNotFound, SettingsError
from penstock.whatif import Arrival, Scheduled, simulate

SAID = {"report": 90.0}


@task
def report(day: datetime) -> str:
    return f"{day:%H:%M}"


flow = Workflow("reports")
flow.add_task(report)


def scheduled(engine: penstock.Engine, **how: Any) -> None:
    Schedules(engine).add(
        "often", flow, {}, every=60, start="2033-05-18T03:33:20+00:00", moment_input="day", **how
    )


def played(engine: penstock.Engine, **question: Any) -> Any:
    how = {
        "arrivals": Scheduled("often", 299),
        "durations": SAID,
        "store": engine,
        "seeds": [1],
        "workers": 9,
    }
    return simulate(flow, **{**how, **question})


def test_each_moment_is_a_run_that_is_given_it(engine: penstock.Engine) -> None:
    scheduled(engine)
    found = played(engine, really=["report"])
    assert [run.arrived for run in found.first.runs] == [0, 60, 120, 180, 240]
    assert found.makespan.median == 240 + 90
    values = [log[-1][2].value for log in found.first.logs.values()]
    assert values == ["03:33", "03:34", "03:35", "03:36", "03:37"]


def test_what_overlaps_is_left_out(engine: penstock.Engine) -> None:
    scheduled(engine, overlap="skip")
    found = played(engine)
    assert found.statuses == {"completed": 3, "left out": 2}
    assert found.latency.mean.median == 90.0


def test_what_overlaps_cancels_the_one_before(engine: penstock.Engine) -> None:
    scheduled(engine, overlap="cancel")
    found = played(engine)
    assert found.statuses == {"cancelled": 4, "completed": 1}
    ended = [run.ended for run in found.first.runs]
    assert ended == [60, 120, 180, 240, 330]


def test_one_that_still_waits_in_its_queue_is_cancelled_there(engine: penstock.Engine) -> None:
    said = [Arrival(0.0), Arrival(10.0), Arrival(20.0, overlap="cancel")]
    given = {"day": datetime(2026, 1, 1)}  # noqa: DTZ001 - any day
    found = played(engine, arrivals=said, concurrency=1, inputs=given)
    assert [run.status for run in found.first.runs] == ["completed", "cancelled", "completed"]
    assert found.makespan.median == 180.0


def test_a_run_has_its_time(engine: penstock.Engine) -> None:
    scheduled(engine, timeout=30)
    assert played(engine).statuses == {"failed": 5}


def test_a_schedule_of_which_nothing_comes_is_refused(engine: penstock.Engine) -> None:
    with pytest.raises(RunNotFound, match="often"):
        played(engine)
    scheduled(engine, until="2033-05-18T03:33:21+00:00")
    assert len(played(engine).first.runs) == 1
    with pytest.raises(SettingsError, match="no moment within"):
        played(engine, arrivals=Scheduled("often", -1))
