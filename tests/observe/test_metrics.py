"""The collector: every field the documents print, percentiles within 1 %, bounded memory, and Prometheus text that parses."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

import penstock
from penstock import Workflow
from penstock.model.subjects import Subject
from penstock.observe import AggregatedMetrics, EventBus, MetricsCollector, attending
from penstock.observe.collector import KEPT_CLASSES, OTHERS
from penstock.observe.exposition import text_of
from penstock.observe.series import Series
from penstock.observe.told import Told

BEGAN: dict[str, Told] = {}


def told(
    kind: str, id: str, at: float, seconds: float | None = None, error: str | None = None, cls: str = "Load"
) -> Told:
    subject = Subject(id, f"name of {id}", cls)
    if kind == "started":
        began = BEGAN[id] = Told("process.started", id, "", 1, at, 0.0, subject)
        return began
    return Told(f"process.{kind}", id, "", 2, at, 0.0, subject, BEGAN.pop(id, None), seconds, error)


@pytest.fixture
def collector() -> MetricsCollector:
    return MetricsCollector()


def feed(collector: MetricsCollector) -> MetricsCollector:
    for each in (
        told("started", "one", 10.0),
        told("completed", "one", 10.5, 0.5),
        told("started", "two", 11.0),
        told("failed", "two", 12.5, 1.5, "Connection timeout"),
        told("started", "three", 13.0),
        told("cancelled", "three", 14.0, 1.0),
        told("started", "four", 20.0),
    ):
        collector.hear(each)
    return collector


def test_one_execution_has_every_field_that_is_documented(collector: MetricsCollector) -> None:
    feed(collector)
    failed = collector.get_metrics("two")
    assert failed is not None
    assert (failed.process_id, failed.process_name, failed.process_class) == ("two", "name of two", "Load")
    assert (failed.status, failed.is_failed, failed.is_completed, failed.error) == (
        "failed",
        True,
        False,
        "Connection timeout",
    )
    assert failed.started_at == datetime.fromtimestamp(11, UTC)
    assert failed.completed_at == datetime.fromtimestamp(12.5, UTC)
    assert failed.execution_time_ms == 1500
    running = collector.get_metrics("four")
    assert running is not None
    assert (running.status, running.completed_at, running.execution_time_ms) == ("running", None, None)
    assert collector.get_metrics("nobody") is None
    assert list(collector.get_all_metrics()) == ["one", "two", "three", "four"]
    assert failed.to_dict()["completed_at"] == "1970-01-01T00:00:12.500000+00:00"


def test_a_class_has_every_field_that_is_documented(collector: MetricsCollector) -> None:
    found = feed(collector).get_aggregated_metrics("Load")
    assert (found.process_class, found.total_executions) == ("Load", 3)
    assert (found.successful_executions, found.failed_executions, found.cancelled_executions) == (1, 1, 1)
    assert found.running_executions == 1
    assert found.success_rate == 0.5
    assert (found.avg_execution_time_ms, found.min_execution_time_ms, found.max_execution_time_ms) == (
        1000,
        500,
        1500,
    )
    assert found.last_execution_at == datetime.fromtimestamp(14, UTC)
    assert collector.get_all_aggregated() == {"Load": found}


def test_a_class_that_nobody_knows_gives_zeros(collector: MetricsCollector) -> None:
    found = collector.get_aggregated_metrics("Nothing")
    assert found == AggregatedMetrics("Nothing")
    assert (found.total_executions, found.success_rate, found.avg_execution_time_ms) == (0, 0.0, 0.0)


def test_the_summary_takes_everything_together_and_clear_forgets_it(collector: MetricsCollector) -> None:
    collector.hear(told("completed", "five", 30.0, 4.0, cls="Save"))
    summary = feed(collector).get_summary()
    assert (summary["total_executions"], summary["successful_executions"], summary["running_executions"]) == (
        4,
        2,
        1,
    )
    assert summary["avg_execution_time_ms"] == 2000
    assert summary["process_classes"] == ["Load", "Save"]
    collector.clear()
    assert collector.get_all_metrics() == {}
    assert collector.get_summary()["total_executions"] == 0
    assert collector.get_summary()["success_rate"] == 0.0


def test_percentiles_are_exact_while_few_and_within_one_per_cent_when_many() -> None:
    series = Series()
    for value in (5.0, 1.0, 3.0):
        series.add(value)
    assert (series.percentile(0.5), series.percentile(0.99), series.mean) == (3.0, 5.0, 3.0)
    draw = random.Random(7)
    values = [draw.lognormvariate(3, 2) for _ in range(20_000)]
    series = Series()
    for value in values:
        series.add(value)
    values.sort()
    for share in (0.0, 0.5, 0.95, 0.99, 1.0):
        exact = values[int(share * (len(values) - 1))]
        assert math.isclose(series.percentile(share), exact, rel_tol=0.011)
    assert (series.smallest, series.largest, series.count) == (values[0], values[-1], 20_000)
    assert Series().percentile(0.5) == 0.0


def test_memory_is_bounded() -> None:
    collector = MetricsCollector(processes=100)
    for number in range(3_000):
        collector.hear(told("started", str(number), number))
        collector.hear(told("completed", str(number), number, 0.001, cls=f"class {number}"))
    assert next(iter(collector.get_all_metrics())) == "2900"
    assert len(collector.get_all_metrics()) == 100
    classes = collector.get_all_aggregated()
    assert len(classes) == KEPT_CLASSES + 1
    assert sum(each.total_executions for each in classes.values()) == 3_000
    assert classes[OTHERS].total_executions > 1_000
    assert len(collector._ended) == 0


def test_four_threads_tell_it_and_nothing_is_lost(collector: MetricsCollector) -> None:
    def tell(who: int) -> None:
        for number in range(2_000):
            collector.hear(told("started", f"{who}/{number}", 1.0))
            collector.hear(told("completed", f"{who}/{number}", 2.0, 0.001))
            if number % 500 == 0:
                collector.get_summary()

    threads = [threading.Thread(target=tell, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = collector.get_aggregated_metrics("Load")
    assert (found.total_executions, found.running_executions) == (8_000, 0)


def test_runs_of_tasks_are_measured(collector: MetricsCollector) -> None:
    def work() -> int:
        return 1

    flow = Workflow("measured")
    flow.add_task(work)
    with penstock.open("ephemeral") as engine:
        attending.attend(collector.hear, engine=engine)
        runs = [engine.run(flow) for _ in range(3)]
    assert collector.get_aggregated_metrics("work").successful_executions == 3
    assert collector.get_aggregated_metrics("Workflow").successful_executions == 3
    found = collector.get_metrics(runs[0].id)
    assert found is not None
    assert (found.process_name, found.status) == ("measured", "completed")


async def test_events_that_somebody_emits_can_be_counted_too(collector: MetricsCollector) -> None:
    bus = EventBus()
    bus.subscribe("*", collector.handle)
    event: dict[str, Any] = {"process_id": "x", "process_name": "X", "process_class": "Mine"}
    await bus.emit({"type": "process.started", **event, "timestamp": "2025-11-28T18:00:00"})
    ended = {**event, "timestamp": "2025-11-28T18:00:00.012500", "execution_time_ms": 12.5}
    await bus.emit({"type": "process.completed", **ended})
    await bus.emit({"type": "something.else", **event})
    found = collector.get_metrics("x")
    assert found is not None
    assert (found.execution_time_ms, found.started_at) == (12.5, datetime(2025, 11, 28, 18, tzinfo=UTC))
    assert collector.get_aggregated_metrics("Mine").total_executions == 1


def test_the_processs_own_collector_measures_from_its_import_on() -> None:
    code = (
        "import penstock\n"
        "flow = penstock.Workflow('early')\n"
        "flow.add_task(lambda: 1, name='one')\n"
        "ready = flow.using(store='ephemeral')\n"
        "ready.run()\n"
        "from penstock.observe import event_bus, metrics_collector as collector\n"
        "ready.run()\n"
        "print(collector.get_aggregated_metrics('Workflow').total_executions, len(event_bus.get_events()))\n"
        "import penstock.observe; penstock.observe.collect()\n"
        "ready.run()\n"
        "print(collector.get_aggregated_metrics('Workflow').total_executions, len(event_bus.get_events()))\n"
        "print(penstock.observe.prometheus())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    first, second, text = done.stdout.split("\n", 2)
    assert (first, second) == ("1 0", "2 4")
    assert 'penstock_processes_total{process_class="Workflow",status="completed"} 2' in text


# ── the text for Prometheus ─────────────────────────────────────────────────────────────────────────────────────────

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)')
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parsed(text: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """The samples of a text by family; raises AssertionError for what Prometheus would refuse."""
    assert text.endswith("\n")
    families: dict[str, str] = {}
    samples: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            word, name, said = line[2:].split(" ", 2)
            assert word == ("TYPE" if name in families else "HELP"), line
            families[name] = said
            continue
        found = SAMPLE.fullmatch(line)
        assert found is not None, line
        name, labels, value = found.groups()
        assert LABEL.sub("", labels or "") == "", line
        pairs = frozenset(
            (key, re.sub(r"\\.", lambda part: UNESCAPED[part[0]], text))
            for key, text in LABEL.findall(labels or "")
        )
        family = name if name in families else name.removesuffix("_sum").removesuffix("_count")
        assert family in families, line
        assert families[family] in ("counter", "gauge", "summary")
        assert pairs not in samples.setdefault(name, {}), f"twice: {line}"
        samples[name][pairs] = float(value)
    return samples


def test_the_text_for_prometheus_parses_and_says_what_the_collector_says(collector: MetricsCollector) -> None:
    samples = parsed(text_of(feed(collector).get_all_aggregated().values(), EventBus().get_stats()))
    load = ("process_class", "Load")
    totals = samples["penstock_processes_total"]
    assert totals[frozenset({load, ("status", "completed")})] == 1
    assert totals[frozenset({load, ("status", "failed")})] == 1
    assert samples["penstock_processes_running"] == {frozenset({load}): 1}
    assert samples["penstock_process_duration_seconds_sum"] == {frozenset({load}): 2.0}
    assert samples["penstock_process_duration_seconds_count"] == {frozenset({load}): 2}
    assert samples["penstock_process_duration_seconds"][frozenset({load, ("quantile", "0.99")})] == 1.5
    assert samples["penstock_events_dropped_total"] == {frozenset(): 0}


def test_labels_are_escaped(collector: MetricsCollector) -> None:
    odd = 'a "quoted"\\path\nand, {more}'
    collector.hear(told("completed", "x", 1.0, 0.1, cls=odd))
    samples = parsed(text_of(collector.get_all_aggregated().values()))
    assert samples["penstock_processes_running"] == {frozenset({("process_class", odd)}): 0}


def test_nothing_to_say_is_a_text_too() -> None:
    assert parsed(text_of([])) == {}
