"""Recorded runs of processes: what the log holds, what is found again, what is refused."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import (
    CommandRefused,
    DefinitionError,
    InputError,
    Nondeterminism,
    ProcessExecutionError,
    RunFailed,
)
from penstock.model import events as e
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, OutputParameter
from tests.processes.shop import PARALLEL, Add, Broken, Chain, Fan, Sum


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/runs.db"


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.001)


def starts(run: Any) -> Counter[str]:
    return Counter(event.step for _, _, event in run.events() if isinstance(event, e.StepStarted))


async def test_a_run_is_recorded_with_a_row_for_each_child(tmp_path: Path) -> None:
    process = Fan()
    process.input["numbers"].value = [1, 2]
    await process.execute(store=url(tmp_path), tags={"team": "data"})
    assert process.output["y"].value == 13
    with penstock.open(url(tmp_path)) as engine:
        run = engine.get("latest")
        assert (run.workflow, run.status, run.result()) == ("Fan", "completed", {"y": 13})
        assert run.steps["chain/Add"].result == {"y": 4}
        assert set(starts(run)) == {"chain/Sum", "chain/Add", "chain/Add-2", "one", "two", "last"}


def test_it_runs_without_an_event_loop_as_well(tmp_path: Path) -> None:
    process = Chain()
    assert process.using(store=url(tmp_path)).run(numbers=[1], times=1) == {"y": 2}
    assert (process.status, process.output["y"].value) == ("completed", 2)
    run = Chain().using(store=url(tmp_path), key="once").start(numbers=[5])
    assert run.result(timeout=60) == {"y": 7}
    again = Chain()
    assert again.using(store=url(tmp_path), key="once").run(numbers=[5]) == {"y": 7}
    assert again.status == "completed"


def test_its_own_exception_is_raised_there_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs 'numbers'"):
        Sum().using(store=url(tmp_path)).run()
    with pytest.raises(ProcessExecutionError) as raised:
        Broken().using(store=url(tmp_path)).run(numbers=[1])
    assert isinstance(raised.value.__cause__, LookupError)


def test_an_engine_takes_a_process_as_it_takes_any_definition(tmp_path: Path) -> None:
    for store in (url(tmp_path), "ephemeral"):
        with penstock.open(store) as engine:
            process = Chain()
            runs = [engine.start(process, {"numbers": [n], "times": 3}) for n in range(3)]
            assert [run.result(timeout=60) for run in runs] == [{"y": n + 3} for n in range(3)]
            with pytest.raises(InputError, match=r"no input 'number'; did you mean 'numbers'\?"):
                engine.run(process, {"number": [1]})
            with pytest.raises(TypeError, match="must be list"):
                engine.run(process, {"numbers": 1})
            assert process.status == "pending"


class Once(AtomarProcess):
    """Fails when it is executed for the first time in a folder."""

    def define_parameters(self) -> None:
        self.input.add(InputParameter("folder", Path))
        self.input.add(InputParameter("sum", int))
        self.output.add(OutputParameter("sum", int))

    async def execute_impl(self) -> None:
        marker = self.input["folder"].value / "was here"
        if not marker.exists():
            marker.touch()
            raise ConnectionError("the first time")
        self.output["sum"].value = self.input["sum"].value


class Retried(OrchestratedProcess):
    """A sum, then one that fails once."""

    def __init__(self, name: str = "retried", count: int = 1) -> None:
        super().__init__(name)
        self.count = count
        self.input.add(InputParameter("folder", Path))
        self.output.add(OutputParameter("sum", int))

    def define_orchestration(self) -> None:
        for number in range(self.count):
            child = Sum(f"sum {number}")
            child.input["numbers"].value = [number, 1]
            self.add_child(child, PARALLEL)
        once = Once("once")
        self.add_child(once)
        self._connect_param(self.input["folder"], once.input["folder"])
        self._connect_param(child.output["sum"], once.input["sum"])
        self._connect_param(once.output["sum"], self.output["sum"])


def test_a_failed_run_is_resumed_by_another_engine_with_what_its_children_gave(tmp_path: Path) -> None:
    process = Retried("r", count=3)
    with pytest.raises(ProcessExecutionError):
        process.using(store=url(tmp_path)).run(folder=tmp_path)
    penstock.close_all()
    with penstock.open(url(tmp_path)) as engine:
        run = engine.resume(
            engine.get("latest").id, wait=True
        )  # made anew from its file, with what it was made with
        assert run.result() == {"sum": 3}
        assert starts(run) == {"sum 0": 1, "sum 1": 1, "sum 2": 1, "once": 2}


def test_a_process_shows_the_run_that_it_resumes(tmp_path: Path) -> None:
    process = Retried()
    with pytest.raises(ProcessExecutionError):
        process.using(store=url(tmp_path)).run(folder=tmp_path)
    penstock.close_all()
    with penstock.open(url(tmp_path)) as engine:
        run = engine.get("latest").id
    assert process.using(store=url(tmp_path)).resume(run) == {"sum": 1}
    assert (process.status, process.error, process.get_child("sum 0").output["sum"].value) == (
        "completed",
        None,
        1,
    )


def test_an_orchestration_that_was_built_otherwise_is_refused_and_both_are_shown(tmp_path: Path) -> None:
    names = ["first", "then"]

    class Named(Retried):
        def define_orchestration(self) -> None:
            super().define_orchestration()
            self.add_child(Add(names[0]))

    process = Named()
    with pytest.raises(ProcessExecutionError):
        process.using(store=url(tmp_path)).run(folder=tmp_path)
    penstock.close_all()
    names.reverse()
    with penstock.open(url(tmp_path)) as engine, pytest.raises(Nondeterminism) as raised:
        engine.resume(engine.get("latest").id, Named(), wait=True)
    assert "then: Do sum 0, group 0 (parallel): sum 0, Sum, group 1 (sequential): once" in str(raised.value)
    assert "group 2 (sequential): first, Add" in str(raised.value).partition("; now:")[0]
    assert "group 2 (sequential): then, Add" in str(raised.value).partition("; now:")[2]


def test_a_process_that_could_not_be_made_again_is_refused_with_the_remedy(tmp_path: Path) -> None:
    class Needs(Sum):
        def __init__(self, size: int) -> None:
            super().__init__(f"needs {size}")

    with pytest.raises(DefinitionError, match="Give the parameters of its __init__ defaults"):
        Needs(3).using(store=url(tmp_path)).run(numbers=[1])
    assert Needs(3).using(store="ephemeral").run(numbers=[1]) == {"sum": 1}


KILLED = """
import asyncio, os, sys
from pathlib import Path
from penstock.processes import *

class Marks(AtomarProcess):
    def __init__(self, name="marks"):
        super().__init__(name)
        self.input.add(InputParameter("so_far", list, default=[]))
        self.output.add(OutputParameter("names", list))
    async def execute_impl(self):
        with open("marks.txt", "a") as file:
            print(self.name, file=file)
        if self.name == "c" and not Path("again").exists():
            print("here", flush=True)
            await asyncio.sleep(60)
        self.output["names"].value = [*self.input["so_far"].value, self.name]

class Inner(OrchestratedProcess):
    def define_parameters(self):
        self.input.add(InputParameter("so_far", list))
        self.output.add(OutputParameter("names", list))
    def define_orchestration(self):
        b, c = Marks("b"), Marks("c")
        self.add_child(b)
        self.add_child(c)
        self._connect_param(self.input["so_far"], b.input["so_far"])
        self._connect_param(b.output["names"], c.input["so_far"])
        self._connect_param(c.output["names"], self.output["names"])

class Outer(OrchestratedProcess):
    def define_parameters(self):
        self.output.add(OutputParameter("names", list))
    def define_orchestration(self):
        a, inner, d = Marks("a"), Inner("inner"), Marks("d")
        for each in (a, inner, d):
            self.add_child(each)
        self._connect_param(a.output["names"], inner.input["so_far"])
        self._connect_param(inner.output["names"], d.input["so_far"])
        self._connect_param(d.output["names"], self.output["names"])

if __name__ == "__main__":
    asyncio.run(Outer().execute(store="sqlite:///runs.db"))
"""


def test_killed_and_resumed_it_runs_no_finished_child_again_and_has_their_outputs(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(textwrap.dedent(KILLED))
    environment = {**os.environ, "PENSTOCK_STORE": "sqlite:///runs.db"}
    process = subprocess.Popen(
        [sys.executable, "outer.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (tmp_path / "again").touch()
    command = [sys.executable, "-m", "penstock", "resume", "latest", "--quiet"]
    deadline = time.monotonic() + 60
    while True:  # until the lease of the one that was killed is over
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
        )
        if not done.returncode or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert done.returncode == 0, done.stderr
    assert "'a', 'b', 'c', 'd'" in done.stdout or '["a", "b", "c", "d"]' in done.stdout, done.stdout
    assert (tmp_path / "marks.txt").read_text().split() == ["a", "b", "c", "c", "d"]


def test_the_command_line_runs_a_process_class(tmp_path: Path) -> None:
    (tmp_path / "adds.py").write_text(
        "from penstock.processes import *\n\n\n"
        "class Adds(AtomarProcess):\n"
        "    def define_parameters(self):\n"
        "        self.input.add(InputParameter('left', int, description='one'))\n"
        "        self.input.add(InputParameter('right', int, default=2))\n"
        "        self.output.add(OutputParameter('sum', int))\n\n"
        "    async def execute_impl(self):\n"
        "        self.output['sum'].value = self.input['left'].value + self.input['right'].value\n"
    )

    def penstock_run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "penstock", "run", *words]
        environment = {**os.environ, "PENSTOCK_STORE": "sqlite:///runs.db"}
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
        )

    done = penstock_run("adds.py:Adds", "--left", "40", "--quiet")
    assert (done.returncode, "42" in done.stdout) == (0, True), done.stderr
    wrong = penstock_run("adds.py", "--left", "many")
    assert wrong.returncode == 2
    assert "must be int" in wrong.stderr


async def test_whoever_stops_waiting_stops_the_run(tmp_path: Path) -> None:
    from tests.processes.shop import Sleeps

    class Waits(OrchestratedProcess):
        def define_orchestration(self) -> None:
            self.add_child(Sleeps("sleeps"))

    process = Waits()

    async def time_is_up(limit: asyncio.Timeout) -> None:
        while not (process.children and process.get_child("sleeps").status == "running"):
            await asyncio.sleep(0.002)
        limit.reschedule(0.0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            waiting = asyncio.create_task(time_is_up(limit))
            await process.execute(store=url(tmp_path))
    await waiting
    assert [process.status, process.get_child("sleeps").status] == ["cancelled", "cancelled"]
    with penstock.open(url(tmp_path)) as engine:
        assert engine.get("latest").status == "cancelled"


async def test_a_run_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    from tests.processes.shop import Sleeps

    process = Sleeps()
    with pytest.raises((TimeoutError, RunFailed)):
        await process.execute(store=url(tmp_path), timeout=0.05)
    assert process.status == "failed"


HELD = Retried("held by its module", count=2)


def test_a_process_in_a_variable_of_its_module_is_found_there(tmp_path: Path) -> None:
    with pytest.raises(ProcessExecutionError):
        HELD.using(store=url(tmp_path)).run(folder=tmp_path)
    penstock.close_all()
    with penstock.open(url(tmp_path)) as engine:
        run = engine.resume(engine.get("latest").id, wait=True)
        assert run.result() == {"sum": 2}
        assert "@made with" not in str(run.events()[0])


def test_values_of_a_childs_own_classes_are_there_again(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text(
        "from dataclasses import dataclass\nfrom penstock.processes import *\n\n\n"
        "@dataclass\nclass Square:\n    side: int\n\n\n"
        "class Makes(AtomarProcess):\n"
        "    def define_parameters(self):\n"
        "        self.output.add(OutputParameter('square', Square))\n\n"
        "    async def execute_impl(self):\n"
        "        self.output['square'].value = Square(3)\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        from shapes import Makes  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))

    class Side(Once):
        def define_parameters(self) -> None:
            super().define_parameters()
            self.input["sum"].required = False
            self.input.add(InputParameter("square"))

        async def execute_impl(self) -> None:
            await super().execute_impl()
            self.output["sum"].value = self.input["square"].value.side

    class Shapes(OrchestratedProcess):
        def define_parameters(self) -> None:
            self.input.add(InputParameter("folder", Path))
            self.output.add(OutputParameter("side", int))

        def define_orchestration(self) -> None:
            makes, side = Makes(), Side()
            side.input["sum"].value = 0
            self.add_child(makes)
            self.add_child(side)
            self._connect_param(self.input["folder"], side.input["folder"])
            self._connect_param(makes.output["square"], side.input["square"])
            self._connect_param(side.output["sum"], self.output["side"])

    with pytest.raises(ProcessExecutionError):
        Shapes().using(store=url(tmp_path)).run(folder=tmp_path)
    penstock.close_all()
    with penstock.open(url(tmp_path)) as engine:
        assert engine.resume(engine.get("latest").id, Shapes(), wait=True).result() == {"side": 3}


def test_a_process_that_was_started_is_busy_until_its_run_is_over_and_shows_how_it_ended(
    tmp_path: Path,
) -> None:
    from tests.processes.shop import Sleeps

    class Waits(OrchestratedProcess):
        def define_orchestration(self) -> None:
            self.add_child(Sleeps("sleeps"))

    process = Waits()
    run = process.using(store=url(tmp_path)).start()
    with pytest.raises(CommandRefused, match="is being executed"):
        process.using(store=url(tmp_path)).start()
    until(lambda: process.children and process.get_child("sleeps").status == "running")
    run.cancel()
    assert run.wait(60) == "cancelled"
    until(lambda: not process._busy)
    assert (process.status, process.get_child("sleeps").status) == ("cancelled", "cancelled")
    late = process.using(store=url(tmp_path), timeout=0.02).start()
    assert late.wait(60) == "failed"


async def test_a_run_that_was_done_under_the_same_key_gives_its_outputs(tmp_path: Path) -> None:
    for _ in range(2):
        process = Chain()
        process.input["numbers"].value = [1]
        await process.execute(store=url(tmp_path), key="once")
        assert (process.status, process.output["y"].value) == ("completed", 3)
    with penstock.open(url(tmp_path)) as engine:
        assert len(engine.list()) == 1


async def test_the_error_of_a_parent_knows_its_run(tmp_path: Path) -> None:
    with pytest.raises(ProcessExecutionError) as raised:
        process = Broken()
        process.input["numbers"].value = [1]
        await process.execute(store=url(tmp_path), tags={"a": "b"})
    with penstock.open(url(tmp_path)) as engine:
        assert raised.value.run_id == engine.get("latest").id
