"""Processes, routines and calls of durable functions under limits."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

import penstock
from penstock import Limit, Workflow, task
from penstock.functions import gather, workflow
from penstock.processes import AtomicProcess, OrchestratedProcess, WorkflowProcess
from penstock.routines import Flow, Routine
from tests.limits.gauge import Gauge
from tests.processes.shop import PARALLEL


class Narrow(AtomicProcess):
    limit = Limit("narrow process", at_most=2)
    gauge: ClassVar[Gauge] = Gauge()
    blocking = True

    def execute_impl(self) -> None:  # type: ignore[override]
        self.gauge(self.name, 0.01)


class Wide(OrchestratedProcess):
    def define_orchestration(self) -> None:
        for number in range(6):
            self.add_child(Narrow(f"narrow {number}"), PARALLEL)


async def test_processes_that_run_together_keep_the_limit_of_their_class() -> None:
    Narrow.gauge = Gauge()
    assert await Wide().execute() is True
    assert len(Narrow.gauge.order) == 6
    assert Narrow.gauge.most == 2


class Source(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.begin)
        self.define_event("item", ["number"])

    def begin(self) -> None:
        for number in range(8):
            self.emit("item", number=number)


class Paced(Routine):
    limit = Limit("paced routine", rate="100/s")

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.define_slot("input", handler=self.work)

    def work(self, number: int) -> None:
        self.times.append(time.monotonic())


def test_a_routine_keeps_the_limit_of_its_class() -> None:
    flow, paced = Flow("paced"), Paced()
    flow.add_routine(Source(), "source")
    flow.add_routine(paced, "paced")
    flow.connect("source", "item", "paced", "input")
    assert flow.execute("source").status == "completed"
    assert len(paced.times) == 8
    assert paced.times[-1] - paced.times[0] >= 0.06


def test_steps_of_a_durable_function_keep_their_limit() -> None:
    gauge = Gauge()

    @task(limit=Limit("calls:{tenant}", at_most=2))
    async def call(n: int, tenant: str = "somebody") -> int:
        gauge.inside += 1
        gauge.most = max(gauge.most, gauge.inside)
        await asyncio.sleep(0.003)
        gauge.inside -= 1
        return n

    @workflow
    async def many(count: int) -> Any:
        return await gather(*[call(n, "b") for n in range(count)])

    with penstock.open("ephemeral") as engine:
        assert engine.run(many, {"count": 9}).result() == list(range(9))
    assert gauge.most == 2


class Working(AtomicProcess):
    gauge: ClassVar[Gauge] = Gauge()
    blocking = True

    def execute_impl(self) -> None:  # type: ignore[override]
        self.gauge(self.name, 0.004)


class Bounded(OrchestratedProcess):
    limit = Limit("bounded process", at_most=2)

    def define_orchestration(self) -> None:
        self.add_child(Working(f"{self.name} first"))
        self.add_child(Working(f"{self.name} second"))


class ManyBounded(OrchestratedProcess):
    def define_orchestration(self) -> None:
        for number in range(5):
            self.add_child(Bounded(f"bounded {number}"), PARALLEL)


async def test_an_orchestration_keeps_the_limit_of_its_class_inside_another_and_by_itself() -> None:
    Working.gauge = Gauge()
    assert await ManyBounded().execute() is True
    assert len(Working.gauge.order) == 10
    assert Working.gauge.most == 2
    Working.gauge = Gauge()
    await asyncio.gather(*(Bounded(f"alone {number}").execute() for number in range(5)))
    assert Working.gauge.most == 2


def test_a_workflow_that_is_a_process_keeps_its_limit() -> None:
    gauge = Gauge()
    flow = Workflow("kept", limit=Limit("kept:{kind}", at_most=1), inputs={"kind": str})

    @flow.task(executor="threads:8")
    def work(kind: str) -> str:
        return str(gauge(kind, 0.004))

    class Around(OrchestratedProcess):
        def define_orchestration(self) -> None:
            for _ in range(4):
                child = WorkflowProcess(flow)
                child.input["kind"].value = "one"
                self.add_child(child, PARALLEL)

    assert Around().run() == {}
    assert gauge.order == ["one"] * 4
    assert gauge.most == 1
