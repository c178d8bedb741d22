"""Spans: one tree of run, steps and attempts, with the log's times, across a resume in another process too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow
from penstock.errors import CommandRefused
from penstock.model.program import End, Fail, Plan, Wait
from penstock.observe import tracing

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Waiting(Plan):
    """Waits for a signal that never comes."""

    name, version = "waiting", "1"

    def as_program(self) -> Waiting:
        return self

    def play(self, input: Any) -> Waiting:
        return self

    def begin(self, at: float) -> list[Any]:
        return [Wait("never", signal="never")]

    def done(self, key: str, value: Any, at: float) -> list[Any]:
        return [End(value)]

    def failed(self, key: str, error: Any, at: float) -> list[Any]:
        return [Fail(error)]


class Collected:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def parent_of(self, name: str) -> str | None:
        """The name of a span's parent."""
        parent = self.spans[name].parent
        if parent is None:
            return None
        ids = {span.context.span_id: span.name for span in self.exporter.get_finished_spans()}
        return ids[parent.span_id]

    def tree(self) -> dict[str, str | None]:
        return {name: self.parent_of(name) for name in self.spans}


@pytest.fixture
def collected() -> Iterator[Collected]:
    found = Collected()
    yield found
    found.provider.shutdown()


def flaky_flow(fails: list[str]) -> Workflow:
    flow = Workflow("traced")

    @flow.task(retries=2)
    def load() -> int:
        if fails:
            raise ValueError(fails.pop())
        return 1

    @flow.task(depends_on="load")
    def save(load: int) -> int:
        return load + 1

    return flow


@pytest.mark.parametrize("store", ["ephemeral", "runs.db"])
def test_run_steps_and_attempts_are_one_tree(store: str, collected: Collected, tmp_path: Path) -> None:
    with penstock.open(str(tmp_path / store) if store == "runs.db" else store) as engine:
        tracing.trace(engine, collected.provider)
        run = engine.run(flaky_flow(["not yet"]))
        assert run.result() == 2
        log = run.events()
    assert collected.tree() == {
        "traced": None,
        "load": "traced",
        "load #1": "load",
        "load #2": "load",
        "save": "traced",
        "save #1": "save",
    }
    spans = collected.spans
    assert {span.context.trace_id for span in spans.values()} == {tracing.trace_id_of(run.id)}
    assert (spans["traced"].start_time, spans["traced"].end_time) == (
        int(log[0][1] * 1e9),
        int(log[-1][1] * 1e9),
    )
    assert spans["load #1"].status.status_code.name == "ERROR"
    assert spans["load #1"].status.description == "not yet"
    assert spans["load #1"].events[0].attributes["exception.type"] == "ValueError"
    assert {spans[name].status.status_code.name for name in ("traced", "load", "load #2")} == {"UNSET"}
    assert spans["load #2"].attributes == {
        "penstock.run": run.id,
        "penstock.workflow": "traced",
        "penstock.step": "load",
        "penstock.attempt": 2,
    }


def test_a_failed_run_says_so_and_what_follows_when_it_is_reopened_is_below_it(
    collected: Collected, tmp_path: Path
) -> None:
    fails = ["a", "b", "c"]
    flow = flaky_flow(fails)
    with penstock.open(str(tmp_path / "runs.db")) as engine:
        tracing.trace(engine, collected.provider)
        run = engine.run(flow)
        assert run.status == "failed"
    with penstock.open(str(tmp_path / "runs.db")) as engine:
        tracing.trace(engine, collected.provider)
        assert engine.resume(run.id, flow, wait=True).result() == 2
    assert collected.spans["traced"].status.status_code.name == "ERROR"
    assert collected.parent_of("traced (reopened)") == "traced"
    assert collected.parent_of("save") == "traced (reopened)"
    assert len({span.context.trace_id for span in collected.spans.values()}) == 1


KILLED = """
import os, sys
import penstock
from penstock.observe import tracing
from opentelemetry.sdk.trace import TracerProvider
flow = penstock.Workflow("traced")

@flow.task
def load() -> int:
    return 1

@flow.task(depends_on="load")
def save(load: int) -> int:
    if not os.path.exists("marker"):
        open("marker", "w").close()
        print(penstock.context().run, flush=True)
        os._exit(9)
    return load + 1

if __name__ == "__main__":
    with penstock.open("runs.db") as engine:
        tracing.trace(engine, TracerProvider(shutdown_on_exit=False))
        engine.run(flow)
"""


def test_who_takes_a_run_over_goes_on_with_its_tree(
    collected: Collected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, "killed.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 9, done.stderr
    run_id = done.stdout.strip()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with penstock.open("runs.db") as engine:
        tracing.trace(engine, collected.provider)
        run = engine.resume(run_id, wait=True)
        assert run.result() == 2
        log = run.events()
    assert collected.tree() == {"traced": None, "save": "traced", "save #1": "save", "save #2": "save"}
    spans = collected.spans
    assert spans["traced"].context.span_id == tracing.span_id_of(run_id)
    assert spans["traced"].start_time == int(log[0][1] * 1e9)
    started = next(at for _, at, event in log if getattr(event, "step", None) == "save")
    assert spans["save"].start_time == spans["save #1"].start_time == int(started * 1e9)
    assert spans["save #1"].status.status_code.name == "ERROR"


def test_a_step_makes_spans_below_its_attempt(collected: Collected) -> None:
    tracer = collected.provider.get_tracer("mine")
    flow = Workflow("traced")

    @flow.task
    def query() -> None:
        with tracer.start_as_current_span("select", context=tracing.here()):
            pass

    with penstock.open("ephemeral") as engine:
        tracing.trace(engine, collected.provider)
        engine.run(flow).result()
    assert collected.parent_of("select") == "query #1"
    with pytest.raises(CommandRefused, match="only in a step"):
        tracing.here()


def test_a_cancelled_step_is_no_error_and_who_stopped_tracing_makes_no_spans(collected: Collected) -> None:
    flow = Workflow("traced")
    flow.add_task(lambda: 1, name="one")
    with penstock.open("ephemeral") as engine:
        found = tracing.trace(engine, collected.provider)
        run = engine.start(Waiting())
        run.cancel()
        assert run.wait(20.0) == "cancelled"
        found.stop()
        engine.run(flow).result()
    assert {name: span.attributes["penstock.outcome"] for name, span in collected.spans.items()} == {
        "waiting": "cancelled"
    }
    assert collected.spans["waiting"].status.status_code.name == "UNSET"
