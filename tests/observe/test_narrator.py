"""What subscribers are told of runs: of which units, in which order, and nothing twice or before it is recorded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.errors import PenstockError, RunFailed
from penstock.model.program import Do, End, Fail, Open, Plan, Stop
from penstock.model.subjects import Group, Subject
from penstock.observe import attending, event_bus, event_of
from penstock.observe.told import Told
from tests.hearing import Heard, hearing

SOON = 60.0


@pytest.fixture
def ear() -> Iterator[Heard]:
    with hearing() as heard:
        yield heard


def said(heard: Heard) -> list[tuple[str, str]]:
    """Of each event its type and whom it is about."""
    return [(event["type"].removeprefix("process."), event["process_name"]) for event in heard]


def of(heard: Heard, kind: str) -> list[str]:
    return [name for what, name in said(heard) if what == kind]


def add(a: int) -> int:
    return a + 1


def double(add: int) -> int:
    return 2 * add


def sum_flow() -> Workflow:
    flow = Workflow("sum")
    flow.add_task(add)
    flow.add_task(double, depends_on="add")
    return flow


STORY = [
    ("started", "sum"),
    ("started", "add"),
    ("completed", "add"),
    ("started", "double"),
    ("completed", "double"),
    ("completed", "sum"),
]


@pytest.mark.parametrize("store", ["ephemeral", "memory:", "runs.db"])
def test_a_run_of_tasks_is_told_like_processes(store: str, ear: Heard, tmp_path: Path) -> None:
    where = str(tmp_path / store) if store == "runs.db" else store
    with penstock.open(where) as engine:
        run = engine.run(sum_flow(), {"a": 1})
        assert said(ear) == STORY
    first, last = ear[0], ear[-1]
    assert {name: first[name] for name in ("process_id", "process_class", "status")} == {
        "process_id": run.id,
        "process_class": "Workflow",
        "status": "running",
    }
    assert (ear[1]["process_id"], ear[1]["process_class"]) == (f"{run.id}/add", "add")
    assert last["status"] == "completed"
    assert last["execution_time_ms"] >= ear[2]["execution_time_ms"] >= 0
    assert datetime.fromisoformat(first["timestamp"]).tzinfo is None
    assert first["timestamp"] <= last["timestamp"]


async def test_a_run_on_an_event_loop_is_told_before_it_is_over(ear: Heard) -> None:
    with penstock.open("ephemeral") as engine:
        run = await engine.start_async(sum_flow(), {"a": 1})
        at_end: list[int] = []
        run.when_over(lambda: at_end.append(len(ear)))
        await run.wait_async()
    assert said(ear) == STORY
    assert at_end == [len(STORY)]


def test_a_failure_is_told_with_its_error_and_its_time(ear: Heard) -> None:
    def breaks() -> None:
        raise ValueError("no such file")

    flow = Workflow("broken")
    flow.add_task(breaks, retries=1)
    with penstock.open("ephemeral") as engine, pytest.raises(RunFailed):
        engine.run(flow).result()
    assert said(ear) == [
        ("started", "broken"),
        ("started", "breaks"),
        ("failed", "breaks"),
        ("failed", "broken"),
    ]
    for event in ear[2:]:
        assert event["status"] == "failed"
        assert event["error"] == "no such file"
        assert event["execution_time_ms"] >= 0


@pytest.mark.parametrize("store", ["ephemeral", "memory:"])
def test_a_cancelled_run_says_so_of_itself_and_of_what_ran(store: str, ear: Heard) -> None:
    begun, end = threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        end.wait(SOON)

    flow = Workflow("long", executor="threads")
    flow.add_task(waits)
    with penstock.open(store) as engine:
        run = engine.start(flow)
        begun.wait(SOON)
        run.cancel()
        assert run.wait(SOON) == "cancelled"
        end.set()
    assert said(ear) == [
        ("started", "long"),
        ("started", "waits"),
        ("cancelled", "waits"),
        ("cancelled", "long"),
    ]


def test_items_of_a_map_are_units(ear: Heard) -> None:
    flow = Workflow("mapped")
    flow.add_task(task(double).map(add="numbers"))
    with penstock.open("ephemeral") as engine:
        run = engine.run(flow, {"numbers": [1, 2, 3]})
        assert run.status == "completed"
    assert sorted(of(ear, "completed")) == ["double[0]", "double[1]", "double[2]", "mapped"]
    assert {event["process_class"] for event in ear} == {"double", "Workflow"}


def test_a_resumed_run_is_told_from_where_it_goes_on(tmp_path: Path, ear: Heard) -> None:
    marker = tmp_path / "marker"

    def double(add: int) -> int:
        if not marker.exists():
            raise ValueError("not yet")
        return 2 * add

    flow = Workflow("sum")
    flow.add_task(add)
    flow.add_task(double, depends_on="add")
    with penstock.open(str(tmp_path / "runs.db")) as engine:
        run = engine.run(flow, {"a": 1})
        assert run.status == "failed"
    ear.clear()
    marker.touch()
    with penstock.open(str(tmp_path / "runs.db")) as engine:
        assert engine.resume(run.id, flow, wait=True).result() == 4
    assert said(ear) == [
        ("started", "sum"),
        ("started", "double"),
        ("completed", "double"),
        ("completed", "sum"),
    ]


# ── who is told, and when ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("quiet")
def test_nobody_who_listens_costs_an_engine_no_observer() -> None:
    with penstock.open("ephemeral") as engine:
        assert engine.observers == []
        with hearing() as ear:
            assert len(engine.observers) == 1
            engine.run(sum_flow(), {"a": 1})
        assert engine.observers == []
        engine.run(sum_flow(), {"a": 1})
    assert said(ear) == STORY


@pytest.mark.usefixtures("quiet")
def test_who_subscribes_while_a_run_is_under_way_hears_of_what_starts_then(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def waits() -> int:
        begun.set()
        go_on.wait(SOON)
        return 1

    flow = Workflow("late", executor="threads")
    flow.add_task(waits)
    flow.add_task(lambda waits: waits, name="after", depends_on="waits")
    with penstock.open(str(tmp_path / "runs.db")) as engine:
        run = engine.start(flow)
        begun.wait(SOON)
        with hearing() as ear:
            go_on.set()
            run.wait(SOON)
    assert said(ear) == [("started", "after"), ("completed", "after"), ("completed", "late")]
    assert ear[-1]["execution_time_ms"] > 0


def test_one_engine_can_be_attended_to_alone() -> None:
    told: list[Told] = []
    with penstock.open("ephemeral") as one, penstock.open("ephemeral") as other:
        attending.attend(told.append, engine=one)
        one.run(sum_flow(), {"a": 1})
        other.run(sum_flow(), {"a": 1})
        attending.neglect(told.append, engine=one)
        one.run(sum_flow(), {"a": 1})
    assert [(each.type.removeprefix("process."), each.subject.name) for each in told] == STORY


def test_a_subscriber_that_breaks_hurts_no_run(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(event: dict[str, Any]) -> None:
        raise SystemExit(1)

    event_bus.subscribe("*", breaks)
    try:
        with penstock.open("ephemeral") as engine:
            assert engine.run(sum_flow(), {"a": 1}).result() == 4
        assert event_bus.flush(SOON)
    finally:
        event_bus.unsubscribe("*", breaks)
    assert caplog.text.count("nobody else is hurt") == len(STORY)


# ── scopes, groups and names of a program's own ─────────────────────────────────────────────────────────────────────


class Tree(Plan):
    """Plays groups of units, one after another; a unit is a function, or another tree."""

    version = "1"

    def __init__(self, name: str, *groups: dict[str, Any], silent: bool = False) -> None:
        self.name = name
        self.groups = groups
        self.silent = silent

    def as_program(self) -> Tree:
        return self

    def play(self, input: Any) -> TreePlay:
        return TreePlay(self)

    def subject(self, run: Any, path: str) -> Subject | None:
        if not path:
            return Subject(f"id of {self.name}", self.name, "Tree")
        scope, _, key = path.rpartition("/")
        play = run.scopes[f"{scope}/"].play if scope else run.root.play
        if key == "hidden":
            return None
        group = play.tree.groups[play.number]
        mode = "parallel" if len(group) > 1 else "sequential"
        return Subject(f"id of {key}", key, "Unit", Group(scope, play.number, len(group), mode, len(group)))


class TreePlay:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.number = -1
        self.left: set[str] = set()

    def begin(self, at: float) -> list[Any]:
        return self.next()

    def done(self, key: str, value: Any, at: float) -> list[Any]:
        self.left.discard(key)
        return [] if self.left else self.next()

    def failed(self, key: str, error: Any, at: float) -> list[Any]:
        return [*(Stop(other) for other in self.left - {key}), Fail(error)]

    def next(self) -> list[Any]:
        self.number += 1
        if self.number == len(self.tree.groups):
            return [End("done")]
        group = self.tree.groups[self.number]
        self.left = set(group)
        return [Open(key, unit) if isinstance(unit, Tree) else Do(key, unit) for key, unit in group.items()]


def nothing() -> None:
    pass


@pytest.mark.parametrize("store", ["ephemeral", "memory:"])
def test_groups_and_nested_scopes_are_told_in_order(store: str, ear: Heard) -> None:
    inner = Tree("inner", {"c": nothing})
    tree = Tree("outer", {"a": nothing}, {"b": nothing, "nested": inner})
    with penstock.open(store) as engine:
        engine.run(tree).result()
    assert said(ear) == [
        ("started", "outer"),
        ("group_started", "outer"),
        ("started", "a"),
        ("completed", "a"),
        ("group_completed", "outer"),
        *[("group_started", "outer"), ("started", "nested")],
        *[("started", "b"), ("completed", "b")],
        *[("group_started", "nested"), ("started", "c"), ("completed", "c"), ("group_completed", "nested")],
        ("completed", "nested"),
        ("group_completed", "outer"),
        ("completed", "outer"),
    ]
    second = [event for event in ear if event["type"] == "process.group_started"][1]
    assert (second["process_id"], second["process_class"], second["status"]) == (
        "id of outer",
        "Tree",
        "running",
    )
    assert (second["group_index"], second["group_size"], second["execution_mode"]) == (1, 2, "parallel")


def test_what_a_program_does_not_name_is_not_told(ear: Heard) -> None:
    with penstock.open("ephemeral") as engine:
        engine.run(Tree("outer", {"hidden": nothing})).result()
    assert said(ear) == [("started", "outer"), ("completed", "outer")]


def test_a_failing_scope_is_told_inside_out_and_its_group_does_not_complete(ear: Heard) -> None:
    def breaks() -> None:
        raise OSError("disk gone")

    with penstock.open("ephemeral") as engine, pytest.raises(PenstockError):
        engine.run(Tree("outer", {"nested": Tree("inner", {"c": breaks})})).result()
    assert said(ear)[-3:] == [("failed", "c"), ("failed", "nested"), ("failed", "outer")]
    assert "group_completed" not in dict(said(ear))
    assert [event["error"] for event in ear[-3:]] == ["disk gone"] * 3


def test_a_program_that_cannot_name_falls_back_to_ids(ear: Heard, caplog: pytest.LogCaptureFixture) -> None:
    class Nameless(Tree):
        def subject(self, run: Any, path: str) -> Subject | None:
            raise KeyError(path)

    with penstock.open("ephemeral") as engine:
        run = engine.run(Nameless("outer", {"a": nothing}))
        run.result()
    assert said(ear) == [("started", "outer"), ("started", "a"), ("completed", "a"), ("completed", "outer")]
    assert ear[1]["process_id"] == f"{run.id}/a"
    assert "could not name" in caplog.text


def test_events_are_flat_dicts_as_documented() -> None:
    subject = Subject("uuid", "DataPipeline", "DataProcessingPipeline")
    told = Told("process.group_started", "r", "", 1, 0.5, 0.0, subject, group=Group("", 2, 3, "parallel", 3))
    assert event_of(told) == {
        "type": "process.group_started",
        "process_id": "uuid",
        "process_name": "DataPipeline",
        "process_class": "DataProcessingPipeline",
        "timestamp": "1970-01-01T00:00:00.500000",
        "status": "running",
        "group_index": 2,
        "group_size": 3,
        "execution_mode": "parallel",
    }
