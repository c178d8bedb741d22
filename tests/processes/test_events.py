"""What subscribers are told of processes: ids, names, groups and times, in the order in which things happened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import ProcessExecutionError
from penstock.processes import OrchestratedProcess
from tests.hearing import Heard, hearing
from tests.processes.shop import PARALLEL, Broken, Fails, Fan, Sleeps, Sum
from tests.processes.test_detached import Forgets
from tests.processes.test_sensitive import SECRET, Session


@pytest.fixture
def events() -> Iterator[Heard]:
    with hearing() as heard:
        yield heard


def said(events: Heard) -> list[str]:
    return [f"{event['type'].removeprefix('process.')} {event['process_name']}" for event in events]


async def test_an_atomic_process_starts_and_completes_once(events: Heard) -> None:
    process = Sum()
    process.input["numbers"].value = [1]
    await process.execute()
    assert said(events) == ["started Sum", "completed Sum"]
    assert {event["process_id"] for event in events} == {process.id}
    assert {event["process_class"] for event in events} == {"Sum"}
    assert events[1]["execution_time_ms"] >= 0


async def test_a_failure_is_told_before_execute_raises(events: Heard) -> None:
    with pytest.raises(ValueError, match="numbers"):
        await Sum().execute()
    assert said(events) == ["started Sum", "failed Sum"]
    assert "needs 'numbers'" in events[1]["error"]
    assert "execution_time_ms" in events[1]


@pytest.mark.parametrize("durable", [False, True])
async def test_groups_and_nested_orchestrations_are_told_in_order(
    durable: bool, tmp_path: Path, events: Heard
) -> None:
    process = Fan()
    process.input["numbers"].value = [1]
    await process.execute(store=f"sqlite:///{tmp_path}/runs.db" if durable else None)
    told = said(events)
    assert told[:4] == ["started Fan", "group_started Fan", "started chain", "group_started chain"]
    assert told[-4:] == ["started last", "completed last", "group_completed Fan", "completed Fan"]
    groups = [
        event
        for event in events
        if event["type"] == "process.group_started" and event["process_name"] == "Fan"
    ]
    assert [(g["group_index"], g["group_size"], g["execution_mode"]) for g in groups] == [
        (0, 1, "sequential"),
        (1, 2, "parallel"),
        (2, 1, "sequential"),
    ]
    children = {child.id: child.name for child, _ in process.children}
    ids = {event["process_id"]: event["process_name"] for event in events}
    assert ids.items() >= (children | {process.id: "Fan"}).items()


async def test_a_failing_child_is_told_and_so_are_the_siblings_that_were_stopped(
    events: Heard,
) -> None:
    class FailsLater(Fails):
        async def execute_impl(self) -> None:
            await asyncio.sleep(0.01)
            await super().execute_impl()

    class Together(OrchestratedProcess):
        def define_orchestration(self) -> None:
            self.add_child(Sleeps("sleeps"), PARALLEL)
            self.add_child(FailsLater("fails"), PARALLEL)

    with pytest.raises(ProcessExecutionError):
        await Together().execute()
    told = said(events)
    assert sorted(told[4:]) == ["cancelled sleeps", "failed Together", "failed fails"]
    assert told[-1] == "failed Together"
    assert events[-1]["error"].startswith("process 'fails' in 'Together' failed")


async def test_a_child_that_nobody_waits_for_is_told_by_its_own_run(events: Heard) -> None:
    process = Forgets()
    await process.execute()
    slow = process.get_child("slow")
    assert await slow.wait()
    of_slow = [event["type"] for event in events if event["process_id"] == slow.id]
    assert of_slow == ["process.started", "process.completed"]
    (group,) = [e for e in events if e["type"] == "process.group_started" and e["group_index"] == 1]
    assert group["group_size"] == 2
    assert said(events).index("completed forgets") < said(events).index("completed slow")


async def test_the_events_of_a_failed_nesting_go_from_the_inside_out(events: Heard) -> None:
    process = Broken()
    process.input["numbers"].value = [1]
    with pytest.raises(ProcessExecutionError):
        await process.execute()
    assert [line for line in said(events) if line.startswith("failed")] == ["failed fails", "failed Broken"]


async def test_no_event_tells_a_sensitive_value(events: Heard) -> None:
    process = Session(fail=True)
    process.input["password"].value = SECRET
    with pytest.raises(ProcessExecutionError):
        await process.execute()
    assert "failed use" in said(events)
    assert SECRET not in str(events)
