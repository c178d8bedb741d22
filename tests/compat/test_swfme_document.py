"""The document of sWFME holds on Penstock: its code runs as it stands, its names exist, and nothing in it was overlooked."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.observe import event_bus
from swfme.core import parameters, process
from swfme.core.parameters import InputParameter, OutputParameter
from swfme.core.process import (
    AtomarProcess,
    OrchestratedProcess,
    ProcessExecutionFlags,
)
from tests.compat.documents import ROOT, Block, Document

DOCUMENT = Document("swfme.md")

PROSE = {
    32: "calls methods of a DataProcessor that nobody defines",
    260: "a drawing of its parts",
    314: "a drawing of what flows",
    1352: "a sketch of signatures, and no Python",
    1374: "a sketch of signatures",
    1385: "a sketch of signatures",
    1406: "a sketch of signatures, and no Python",
    1435: "a sketch of signatures",
    1463: "a sketch of signatures",
    1491: "a sketch of signatures",
}
"""Blocks that nobody can run, by the line they begin in, and why."""


def block_at(line: int) -> Block:
    (block,) = [block for block in DOCUMENT.blocks() if block.line == line]
    return block


# ── the stage: what the document speaks of and does not show ────────────────────────────────────────────────────────


def a_kind(name: str, inputs: str = "", outputs: str = "", kind: Any = object) -> type[AtomarProcess]:
    """A class of processes whose outputs are a list that tells who made it."""

    class Kind(AtomarProcess):
        def __init__(self, name: str = name) -> None:
            super().__init__(name)
            for each in inputs.split():
                self.input.add(InputParameter(each, kind, required=False))
            for each in outputs.split():
                self.output.add(OutputParameter(each, kind))

        async def execute_impl(self) -> None:
            await asyncio.sleep(0)
            given = [each.value for each in self.input.values() if each.is_set]
            for each in self.output.values():
                each.value = [self.name, *given]

    Kind.__name__ = Kind.__qualname__ = name
    return Kind


class Dashed(dict[str, Any]):
    """A namespace that has whatever process a block names."""

    def __missing__(self, name: str) -> Any:
        if re.fullmatch(r"Process[A-Z]\w*|ProcessA", name):
            made = self[name] = a_kind(name, "data", "data")
            return made
        if re.fullmatch(r"p\d|process\w?\d?|[a-d]", name):
            takes = "data input_a input_b input_c result_b result_c"
            made = self[name] = a_kind(name, takes, "data result")()
            return made
        raise KeyError(name)


def stage(**names: Any) -> Dashed:
    """The names of the package, and those given."""
    known: dict[str, Any] = {"asyncio": asyncio, "datetime": datetime}
    for module in (process, parameters):
        known.update({name: getattr(module, name) for name in module.__all__})
    return Dashed(known | names)


def run(block: Block, namespace: Any) -> Any:
    """Run a block as it stands; one that awaits is awaited."""
    code = DOCUMENT.compiled(block, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, namespace)
    if inspect.iscoroutine(waiting):
        asyncio.run(waiting)
    return namespace


def orchestrated_by(block: Block, **names: Any) -> OrchestratedProcess:
    """A process whose orchestration a block is: the body of one, or a function `define_orchestration`."""
    namespace = stage(**names)

    class Shown(OrchestratedProcess):
        def define_orchestration(self) -> None:
            namespace["self"] = self
            run(block, namespace)
            if "define_orchestration" in namespace:
                namespace["define_orchestration"](self)

    shown = Shown()
    asyncio.run(shown.execute())
    shown.names = namespace  # type: ignore[attr-defined]
    return shown


def groups(shown: OrchestratedProcess) -> list[list[str]]:
    assert shown._arrangement is not None
    return [[node.unit.name for node in group.nodes] for group in shown._arrangement.groups]


# ── what each block comes to ────────────────────────────────────────────────────────────────────────────────────────


def calculates_a_sum(block: Block) -> None:
    process = run(block, stage())["ProcessCalculateSum"]()
    process.input["numbers"].value = [1, 2, 3]
    asyncio.run(process.execute())
    assert process.output["sum"].value == 6


def links_a_sum_to_an_average(block: Block) -> None:
    namespace = run(block_at(93), stage(ProcessCalculateAverage=a_kind("Average", "sum", "average")))
    sums = namespace["ProcessCalculateSum"]

    class Sums(sums):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.input["numbers"].value = [1, 2]

    pipeline = run(block, stage(**{**namespace, "ProcessCalculateSum": Sums}))["MathPipeline"]()
    asyncio.run(pipeline.execute())
    assert pipeline.children[1][0].output["average"].value == ["Average", 3]


def declares_parameters(block: Block) -> None:
    owner = a_kind("Owner")()
    run(block, stage(self=owner))
    assert owner.input or owner.output


def refuses_a_wrong_type(block: Block) -> None:
    owner = a_kind("Owner", "filename", kind=str)()
    with pytest.raises(TypeError, match="'filename' must be str"):
        run(block, stage(process=owner))
    run(block._replace(text=block.text.splitlines()[-1] + "\n"), stage(process=owner))
    assert owner.input["filename"].value == "test.txt"


def runs_in_groups(*expected: list[str]) -> Callable[[Block], None]:
    def check(block: Block) -> None:
        shown = orchestrated_by(block)
        assert groups(shown) == list(expected)
        assert {child.status for child, _ in shown.children} == {"completed"}

    return check


def gives(**expected: Any) -> Callable[[Block], None]:
    """What the last child was given, by name of its input."""

    def check(block: Block) -> None:
        last = orchestrated_by(block).children[-1][0]
        assert {name: each.value for name, each in last.input.items() if each.is_set} == expected

    return check


def is_a_literal(block: Block) -> None:
    run(block, stage())


def is_the_atomic_template(block: Block) -> None:
    namespace = run(block, stage())
    process = namespace["ProcessMyTask"]()
    process.input["input1"].value = "text"
    asyncio.run(process.execute())
    assert process.output["output1"].value == {"input1": "text", "count": 10}
    process.input["input1"].value = ""
    with pytest.raises(ValueError, match="input1 cannot be empty"):
        asyncio.run(process.execute())


def is_the_orchestrated_template(block: Block) -> None:
    kinds = {
        "ProcessA": a_kind("A", "some_input", "result"),
        "ProcessB": a_kind("B", "data", "transformed_data"),
        "ProcessC": a_kind("C", "data", "result_c"),
        "ProcessD": a_kind("D", "data", "result_d"),
    }

    class ProcessE(AtomarProcess):
        def define_parameters(self) -> None:
            for name in ("input_c", "input_d"):
                self.input.add(InputParameter(name, list))
            self.output.add(OutputParameter("final_result", dict))

        async def execute_impl(self) -> None:
            self.output["final_result"].value = self.input.to_dict()

    workflow = run(block, stage(**kinds, ProcessE=ProcessE))["MyWorkflow"]()
    workflow.input["workflow_input"].value = "in"
    asyncio.run(workflow.execute())
    assert groups(workflow) == [["A"], ["B"], ["C", "D"], ["ProcessE"]]
    b = ["B", ["A", "in"]]
    assert workflow.output["workflow_output"].value == {"input_c": ["C", b], "input_d": ["D", b]}


def validates_before_it_runs(block: Block) -> None:
    kind = run(block, stage())["ProcessWithValidation"]
    kind.execute_impl = a_kind("nothing").execute_impl
    process = kind()
    process.input["age"].value = 151
    with pytest.raises(ValueError, match="Invalid age: 151"):
        asyncio.run(process.execute())
    process.input["age"].value = 30
    assert asyncio.run(process.execute())


def resolves_links_when_it_runs(block: Block) -> None:
    kind = a_kind("Kind", "data", "data", list)
    parent, source, target = OrchestratedProcess("parent"), kind("source"), kind("target")
    with pytest.raises(TypeError):  # the wrong way
        run(block, stage(self=parent, source=source, target=target))
    parent.add_child(source)
    parent.add_child(target)
    asyncio.run(parent.execute())
    assert target.input["data"].value == ["source"]


def links_before_it_adds(block: Block) -> None:
    shown = orchestrated_by(block)
    assert [child.output["data"].value for child, _ in shown.children] == [
        ["ProcessLoad"],
        ["ProcessTransform", ["ProcessLoad"]],
    ]


def locks_outputs(block: Block) -> None:
    with pytest.raises(RuntimeError, match="Parameter locked!"):
        run(block, stage())


def are_flags(block: Block) -> None:
    """The class is a sketch; what follows it are the flags in use, which are the real ones."""
    _, uses = block.text.split("# Common patterns:\n")
    values = [line for line in uses.splitlines() if line.startswith("ProcessExecutionFlags(")]
    made = [eval(line, stage()) for line in values]
    assert made == [
        ProcessExecutionFlags.SEQUENTIAL,
        ProcessExecutionFlags.PARALLEL,
        ProcessExecutionFlags(parallel=True, wait_for_completion=False),
    ]


def nests(block: Block) -> None:
    main = run(block, stage())["MainWorkflow"]()
    asyncio.run(main.execute())
    assert groups(main) == [["SubWorkflow"], ["SubWorkflow"], ["ProcessFinal"]]
    assert {each.status for child, _ in main.children[:2] for each, _ in child.children} == {"completed"}


def skips_what_is_not_enabled(block: Block) -> None:
    class ProcessCheck(AtomarProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("should_run_a", bool))
            self.output.add(OutputParameter("should_run_b", bool))

        async def execute_impl(self) -> None:
            self.output["should_run_a"].value = False
            self.output["should_run_b"].value = True

    namespace = run(block, stage(ProcessCheck=ProcessCheck, ProcessB=a_kind("B", "enabled", "done")))
    shown = namespace["ProcessA"]

    class ProcessA(shown):  # type: ignore[misc]
        def define_parameters(self) -> None:
            self.input.add(InputParameter("enabled", bool))

    namespace["ProcessA"] = ProcessA
    workflow = namespace["ConditionalWorkflow"]()
    asyncio.run(workflow.execute())
    a, b = workflow.get_child("ProcessA"), workflow.get_child("B")
    assert (a.status, a.input["enabled"].value, b.output["done"].value) == ("completed", False, ["B", True])


def makes_children_by_number(block: Block) -> None:
    kind = run(block, stage())["DynamicWorkflow"]

    class Dynamic(kind):  # type: ignore[misc]
        def define_parameters(self) -> None:
            self.input.add(InputParameter("worker_count", int))

    workflow = Dynamic()
    workflow.input["worker_count"].value = 3
    asyncio.run(workflow.execute())
    assert groups(workflow) == [["Worker0", "Worker1", "Worker2"]]


def retries(block: Block) -> None:
    kind = run(block, stage())["ProcessWithRetry"]
    tries: list[int] = []

    class Flaky(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.retry_delay = 0
            self.output.add(OutputParameter("result", str))

        async def do_work(self) -> str:
            tries.append(1)
            if len(tries) < 3:
                raise ConnectionError("not yet")
            return "done"

    process = Flaky()
    asyncio.run(process.execute())
    assert (len(tries), process.output["result"].value) == (3, "done")


def pools(block: Block) -> None:
    class ProcessHeavyTask(AtomarProcess):
        def define_parameters(self) -> None:
            self.input.add(InputParameter("data", int))
            self.output.add(OutputParameter("data", int))

        async def execute_impl(self) -> None:
            await asyncio.sleep(0.001)
            self.output["data"].value = self.input["data"].value

    namespace = run(block, stage(ProcessHeavyTask=ProcessHeavyTask, large_dataset=list(range(100))))
    assert [each["data"].value for each in namespace["results"]] == list(range(100))


def checkpoints(block: Block) -> None:
    kind = run(block, stage())["CheckpointedWorkflow"]
    saved: list[dict[str, Any]] = []

    class Saves(kind):  # type: ignore[misc]
        def define_parameters(self) -> None:
            self.input.add(InputParameter("n", int))

        async def save_checkpoint(self, data: dict[str, Any]) -> None:
            saved.append(data)

    workflow = Saves()
    workflow.input["n"].value = 3
    asyncio.run(workflow.execute())
    ((checkpoint),) = saved
    assert (checkpoint["workflow_id"], checkpoint["inputs"], checkpoint["outputs"]) == (
        workflow.id,
        {"n": 3},
        {},
    )


def is_clear_and_unclear(block: Block) -> None:
    """Two functions of one name: each is an orchestration."""
    for text in re.split(r"(?=^# [✅❌])", block.text, flags=re.MULTILINE)[1:]:
        shown = orchestrated_by(block._replace(text=text))
        assert {child.status for child, _ in shown.children} == {"completed"}


def tells_what_went_wrong(block: Block) -> None:
    for text in re.split(r"(?=^# [✅❌])", block.text, flags=re.MULTILINE)[1:]:
        kind = run(block._replace(text=text), stage())["ProcessLoadFile"]

        class Loads(kind):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                super().__init__()
                self.input.add(InputParameter("filepath", str))
                self.output.add(OutputParameter("data", str | None))

        process = Loads()
        process.input["filepath"].value = "missing.txt"
        if text.startswith("# ✅"):
            with pytest.raises(FileNotFoundError, match=r"File not found: missing\.txt"):
                asyncio.run(process.execute())
        else:
            asyncio.run(process.execute())
            assert process.output["data"].value is None


def is_watched(block: Block) -> None:
    """A subscriber is told of an execution."""
    run(block, stage())
    asyncio.run(a_kind("ProcessLoadData", "", "data")().execute())


def is_measured(block: Block) -> None:
    measured = a_kind("ProcessLoadData", "", "data")()
    measured._id = "process-uuid"
    asyncio.run(measured.execute())
    run(block, stage())


RUN: dict[int, Callable[[Block], object]] = {
    93: calculates_a_sum,
    117: links_a_sum_to_an_average,
    143: declares_parameters,
    169: refuses_a_wrong_type,
    178: runs_in_groups(["process1"], ["process2"]),
    185: runs_in_groups(["process3", "process4"]),
    192: runs_in_groups(["processA"], ["processB", "processC"], ["processD"]),
    211: is_a_literal,
    231: is_watched,
    244: is_measured,
    346: is_the_atomic_template,
    423: is_the_orchestrated_template,
    557: is_a_literal,
    579: validates_before_it_runs,
    598: declares_parameters,
    619: resolves_links_when_it_runs,
    633: links_before_it_adds,
    656: locks_outputs,
    672: runs_in_groups(["p1"], ["p2"], ["p3", "p4", "p5"], ["p6"]),
    693: are_flags,
    714: gives(data=["b", ["a"]]),
    726: gives(data=["a"]),
    742: gives(input_a=["a"], input_b=["b"], input_c=["c"]),
    758: gives(result_b=["b", ["a"]], result_c=["c", ["a"]]),
    782: nests,
    805: is_a_literal,
    818: is_a_literal,
    863: is_watched,
    884: is_watched,
    905: is_measured,
    923: is_measured,
    941: is_watched,
    1101: skips_what_is_not_enabled,
    1126: makes_children_by_number,
    1139: retries,
    1166: pools,
    1194: checkpoints,
    1236: declares_parameters,
    1248: is_clear_and_unclear,
    1282: tells_what_went_wrong,
    1309: is_a_literal,
}
"""How each block is run, by the line it begins in."""

TESTS = (968, 1005, 1044, 1072)
"""Blocks that are tests: they run under pytest, beside the module that they speak of."""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    known = event_bus._subscribers
    yield
    for each in event_bus._subscribers:
        if each not in known:  # the document's own never leave
            event_bus.unsubscribe(each.type, each.callback)
    event_bus.clear_history()


def test_every_block_is_run_or_is_prose_for_a_reason() -> None:
    known = {*RUN, *TESTS, *PROSE}
    assert [block.line for block in DOCUMENT.blocks() if block.line not in known] == []
    assert sorted(known - {block.line for block in DOCUMENT.blocks()}) == []
    assert len(RUN) + len(TESTS) + len(PROSE) == len(known)


@pytest.mark.parametrize("line", RUN, ids=lambda line: f"line-{line}")
def test_it_runs_as_it_stands(line: int) -> None:
    RUN[line](block_at(line))


MODULE = """
from swfme.core.process import AtomarProcess, OrchestratedProcess
from swfme.core.parameters import InputParameter, OutputParameter


class ProcessLoadData(AtomarProcess):
    def __init__(self):
        super().__init__("LoadData")
        self.input.add(InputParameter("filename", str))
        self.output.add(OutputParameter("data", list))
        self.output.add(OutputParameter("row_count", int))

    async def execute_impl(self):
        self.output["data"].value = [{"id": 1}, {"id": 2}]
        self.output["row_count"].value = 2


class DataPipeline(OrchestratedProcess):
    def __init__(self, name="DataPipeline"):
        super().__init__(name)
        self.input.add(InputParameter("filename", str))
        self.output.add(OutputParameter("row_count", int))
        self.output.add(OutputParameter("result_path", str))
        self.output.add(OutputParameter("statistics", dict))

    def define_orchestration(self):
        load = ProcessLoadData()
        self.add_child(load)
        self._connect_param(self.input["filename"], load.input["filename"])
        self._connect_param(load.output["row_count"], self.output["row_count"])

    async def after_children_executed(self):
        self.output["result_path"].value = "result.json"
        self.output["statistics"].value = {"count": self.output["row_count"].value}
"""


def test_its_tests_pass(tmp_path: Path) -> None:
    bus = importlib.util.find_spec("swfme.monitoring") is not None
    shown = "".join(block_at(93).text)
    (tmp_path / "your_module.py").write_text(MODULE + "\n\n" + shown, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent("""
        from swfme.registry.process_registry import process_registry
        from your_module import DataPipeline
        process_registry.register(DataPipeline)
        """)
    )
    for line in TESTS:
        text = block_at(line).text
        if line == 1044:
            text = "from your_module import ProcessCalculateSum\n" + text
        if line != 1044 or bus:
            (tmp_path / f"test_line_{line}.py").write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "compat"), str(tmp_path)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    command += ["-o", "asyncio_default_fixture_loop_scope=function", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"{7 if bus else 6} passed" in done.stdout


# ── what holds only under this name ─────────────────────────────────────────────────────────────────────────────────


def test_classes_of_the_older_dialect_answer_false_and_others_raise() -> None:
    class Older(AtomarProcess):
        def define_parameters(self) -> None:
            self.input.add(InputParameter("n", int))

        async def execute_impl(self) -> None:
            raise LookupError("no")

    class OlderPipeline(OrchestratedProcess):
        def orchestrate(self) -> None:
            self.add_child(Older())

    class Newer(AtomarProcess):
        async def execute_impl(self) -> None:
            raise LookupError("no")

    older = Older()
    older.input["n"].value = 3
    assert asyncio.run(older.execute()) is False
    assert (older.status, older.error) == ("failed", "no")
    pipeline = OlderPipeline()
    assert asyncio.run(pipeline.execute()) is False
    assert pipeline.status == "failed"
    with pytest.raises(LookupError, match="no"):
        asyncio.run(Newer().execute())


def test_every_name_of_the_specification_is_there() -> None:
    atomic, whole = a_kind("A", "x", "y")(), OrchestratedProcess("o")
    names = (
        "id name status input output started_at completed_at execution_time_ms error error_stacktrace execute execute_impl"
        " on_before_execute on_after_execute to_dict"
    )
    assert [name for name in names.split() if not hasattr(atomic, name)] == []
    more = "children add_child get_child _connect_param define_orchestration after_children_executed"
    assert [name for name in (names + " " + more).split() if not hasattr(whole, name)] == []
    each = atomic.input["x"]
    assert [
        name for name in "value lock unlock is_set validate to_dict".split() if not hasattr(each, name)
    ] == []
    those = "add get keys values items validate_all lock_all unlock_all to_dict".split()
    assert [name for name in those if not hasattr(atomic.input, name)] == []
