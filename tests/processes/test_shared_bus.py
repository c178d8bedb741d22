"""Four threads execute processes for ten seconds on the process's own event bus: nothing raised, lost or stuck."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from penstock.observe import event_bus, metrics_collector
from penstock.processes import (
    AtomarProcess,
    InputParameter,
    OrchestratedProcess,
    OutputParameter,
    ProcessExecutionFlags,
)

SECONDS, THREADS = 10.0, 4


class Half(AtomarProcess):
    def __init__(self, name: str = "Half") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("half", int))

    async def execute_impl(self) -> None:
        if self.input["number"].value % 5 == 0:
            await asyncio.sleep(0)
        self.output["half"].value = self.input["number"].value // 2


class Halves(OrchestratedProcess):
    def __init__(self, name: str = "Halves") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))

    def define_orchestration(self) -> None:
        for place in range(3):
            child = Half(f"Half{place}")
            self.add_child(child, ProcessExecutionFlags.PARALLEL)
            self._connect_param(self.input["number"], child.input["number"])


class Heard:
    """Counts events by type, from whichever thread they come."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, event: dict[str, Any]) -> None:
        with self.lock:
            self.count[event["type"]] += 1


def test_four_threads_share_the_bus(record_property: Callable[[str, object], None]) -> None:
    heard, failures, executed = Heard(), [], Counter[int]()
    before = metrics_collector.get_aggregated_metrics("Half").total_executions
    until = time.monotonic() + SECONDS

    async def execute(place: int) -> None:
        while time.monotonic() < until:
            process = Halves()
            process.input["number"].value = executed[place]
            await process.execute()
            executed[place] += 1

    def work(place: int) -> None:
        try:
            asyncio.run(execute(place))
        except BaseException as error:
            failures.append(error)

    event_bus.subscribe("*", heard)
    try:
        threads = [threading.Thread(target=work, args=(place,)) for place in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 60)
        assert not any(thread.is_alive() for thread in threads)
        assert event_bus.flush(60.0)
    finally:
        event_bus.unsubscribe("*", heard)
    runs = sum(executed.values())
    assert failures == []
    assert min(executed.values()) > 10
    assert heard.count == {
        "process.started": 4 * runs,
        "process.completed": 4 * runs,
        "process.group_started": runs,
        "process.group_completed": runs,
    }
    assert metrics_collector.get_aggregated_metrics("Half").total_executions - before == 3 * runs
    record_property(
        "told", f"four threads on one bus for 10 s: {runs:,} orchestrations, {10 * runs:,} events, none lost"
    )
