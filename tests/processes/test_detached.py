"""Children that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

import penstock
from penstock.processes import (
    AtomarProcess,
    InputParameter,
    OrchestratedProcess,
    OutputParameter,
    ProcessExecutionFlags,
)
from tests.processes.shop import Add, Fails, Sum

FORGET = ProcessExecutionFlags(parallel=True, wait_for_completion=False)


class Slow(AtomarProcess):
    """Takes its time."""

    seconds: ClassVar[float] = 0.05

    def __init__(self, name: str = "slow") -> None:
        super().__init__(name)
        self.input.add(InputParameter("x", int, default=1))
        self.output.add(OutputParameter("y", int))

    async def execute_impl(self) -> None:
        await asyncio.sleep(self.seconds)
        self.output["y"].value = self.input["x"].value + 1


class Held(Slow):
    """Takes until it may end."""

    may_end: ClassVar[threading.Event]

    async def execute_impl(self) -> None:
        while not self.may_end.is_set():
            await asyncio.sleep(0.002)
        await super().execute_impl()


@pytest.fixture(autouse=True)
def _holding() -> None:
    Held.may_end = threading.Event()


class Quick(Slow):
    """Takes next to no time."""

    seconds = 0


class Forgets(OrchestratedProcess):
    """Starts a slow child beside a quick one, and waits for the quick one only; then a last one takes what there is."""

    waits = False
    """Whether the quick child waits for the slow one, which nobody else does."""

    def __init__(self, name: str = "forgets", slow: type[AtomarProcess] = Slow, pause: float = 0) -> None:
        super().__init__(name)
        self.slow = slow
        self.pause = pause
        self.output.add(OutputParameter("y", int))

    def define_orchestration(self) -> None:
        first, slow, pause, last = Sum("first"), self.slow("slow"), Pause("pause"), Add("last")
        first.input["numbers"].value = [1, 2]
        pause.seconds, pause.until = self.pause, self.waits and slow
        last.input["x"].value = 0
        self.add_child(first)
        self.add_child(slow, FORGET)
        self.add_child(pause, ProcessExecutionFlags.PARALLEL)
        self.add_child(last)
        if "x" in slow.input:
            self._connect_param(first.output["sum"], slow.input["x"])
            self._connect_param(slow.output["y"], last.input["by"])
        self._connect_param(last.output["y"], self.output["y"])


class Holds(Forgets):
    """Its slow child takes until it may end."""

    def define_orchestration(self) -> None:
        self.slow = Held
        super().define_orchestration()


class Patient(Forgets):
    """Gives its slow child, which is quick, the time it takes."""

    waits = True

    def define_orchestration(self) -> None:
        self.slow = Quick
        super().define_orchestration()


class Pause(AtomarProcess):
    """Waits a little, or until another one has completed."""

    seconds: float = 0
    until: Any = None

    async def execute_impl(self) -> None:
        await asyncio.sleep(self.seconds)
        while self.until and not await self.until.wait():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("store", ["ephemeral", "sqlite"])
async def test_neither_group_nor_parent_waits_and_it_is_held_until_it_has_ended(
    store: str, tmp_path: Path
) -> None:
    process = Holds()
    await process.execute(store=store if store == "ephemeral" else f"sqlite:///{tmp_path}/runs.db")
    slow: Any = process.get_child("slow")
    assert (process.status, slow.status) == ("completed", "running")
    assert process.output["y"].value == 1  # the last one took its default
    gc.collect()
    Held.may_end.set()
    assert await slow.wait()
    assert (slow.status, slow.output["y"].value) == ("completed", 4)


@pytest.mark.parametrize("store", ["ephemeral", "sqlite"])
async def test_a_link_from_it_is_used_if_it_has_finished(store: str, tmp_path: Path) -> None:
    process = Patient()
    await process.execute(store=store if store == "ephemeral" else f"sqlite:///{tmp_path}/runs.db")
    assert process.output["y"].value == 4


async def test_its_failure_is_its_own() -> None:
    process = Forgets(slow=Fails, pause=0.02)
    await process.execute()
    slow = process.get_child("slow")
    assert not await slow.wait()
    assert (process.status, slow.status, slow.error) == ("completed", "failed", "slow found nothing")


async def test_an_orchestration_may_be_left_to_itself(tmp_path: Path) -> None:
    class Outer(OrchestratedProcess):
        def define_orchestration(self) -> None:
            self.add_child(Forgets("inner"), FORGET)

    process = Outer()
    await process.execute(store=f"sqlite:///{tmp_path}/runs.db")
    inner: Any = process.get_child("inner")
    assert await inner.wait()
    assert await inner.get_child("slow").wait()
    with penstock.open(f"sqlite:///{tmp_path}/runs.db") as engine:
        assert sorted(run.workflow for run in engine.list(status="completed")) == ["Forgets", "Outer", "Slow"]


def test_closing_the_engine_drains_it(tmp_path: Path) -> None:
    process = Holds()
    with penstock.open(f"sqlite:///{tmp_path}/runs.db") as engine:
        process.using(store=engine).run()
        assert process.get_child("slow").status == "running"
        threading.Timer(0.1, Held.may_end.set).start()
    assert process.get_child("slow").status == "completed"


def test_a_loop_that_ends_before_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        asyncio.run(Holds().execute())
    assert "the event loop ended before process 'slow', which nobody waits for, was done" in caplog.text


class FailsOnce(Fails):
    """Fails unless there is a file."""

    marker: ClassVar[Path]

    async def execute_impl(self) -> None:
        if not self.marker.exists():
            self.marker.touch()
            await super().execute_impl()


class Resumed(OrchestratedProcess):
    """Leaves a child to itself, then fails once, then takes what the child gave."""

    def define_parameters(self) -> None:
        self.output.add(OutputParameter("y", int))

    def define_orchestration(self) -> None:
        quick, last = Quick("quick"), Add("last")
        quick.input["x"].value = last.input["x"].value = 5
        self.add_child(quick, FORGET)
        self.add_child(FailsOnce("fails"))
        self.add_child(last)
        self._connect_param(quick.output["y"], last.input["by"])
        self._connect_param(last.output["y"], self.output["y"])


def test_a_resumed_parent_does_not_start_it_again_and_finds_what_it_gave(tmp_path: Path) -> None:
    FailsOnce.marker = tmp_path / "failed"
    url = f"sqlite:///{tmp_path}/runs.db"
    with penstock.open(url) as engine, pytest.raises(penstock.RunFailed):
        Resumed().using(store=engine).run()
    with penstock.open(url) as engine:
        (failed,) = engine.list(status="failed")
        run = engine.resume(failed.id, wait=True)
        assert run.result() == {"y": 11}
        assert sorted(each.workflow for each in engine.list()) == ["Quick", "Resumed"]
