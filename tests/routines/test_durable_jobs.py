"""Recorded jobs, killed anywhere, lose no message, handle none twice whose handling was committed, and keep the state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from penstock.routines import Flow
from penstock.testing import Example, ProgramSuite
from tests.routines import durable_flow

SCRIPT = Path(durable_flow.__file__)
ITEMS = 12


def environment(folder: Path, strategy: str) -> dict[str, str]:
    root = SCRIPT.parents[2]
    return {
        **os.environ,
        "LINES_FILE": str(folder / "lines"),
        "ITEMS": str(ITEMS),
        "STRATEGY": strategy,
        "PYTHONPATH": f"{root / 'src'}",
    }


def lines(folder: Path) -> Counter[str]:
    path = folder / "lines"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


@pytest.mark.parametrize("strategy", ["sequential", "concurrent"])
def test_killed_again_and_again_it_loses_nothing_and_keeps_the_state(tmp_path: Path, strategy: str) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    command = [sys.executable, str(SCRIPT), store]
    kills, written = 0, 2
    while True:
        process = subprocess.Popen(
            command,
            env=environment(tmp_path, strategy),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None and (kills == 3 or lines(tmp_path).total() < written):
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills, written = kills + 1, lines(tmp_path).total() + 3
            if command[-1] == store:
                command.append("resume")
            continue
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        break
    assert kills == 3
    expected = sorted(2 * number for number in range(ITEMS))
    assert out.splitlines() == [
        f"completed {{'join.all': {{'values': {expected}}}}}",
        f"{{'emitted': {ITEMS}}} {{'worked': {ITEMS}}} {ITEMS - 1} {ITEMS}",
    ]
    found = lines(tmp_path)
    assert found.keys() == {
        "begin",
        f"all {' '.join(map(str, expected))}",
        *(f"work {n}" for n in range(ITEMS)),
    }
    twice = [each for each, number in found.items() if number > 1]
    # what was under way when it was killed, and what had ended beside that and was on its way to the store
    assert len(twice) <= kills * (1 if strategy == "sequential" else 2 * 3)
    assert all(number <= 1 + kills for number in found.values())


def test_penstock_run_records_it_and_its_entrys_parameters_are_options(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "penstock", "run", f"{SCRIPT}:flow", "--count", "3", "-q"]
    done = subprocess.run(
        [*command, "--store", f"sqlite:///{tmp_path / 'runs.db'}"],
        env={**environment(tmp_path, "sequential"), "ITEMS": "3"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "[0, 2, 4]" in done.stdout


def test_a_job_paused_in_a_store_is_resumed_from_its_file_by_a_new_process(tmp_path: Path) -> None:
    code = """
import sys
from penstock.routines import Flow, JobState, Routine
class Step(Routine):
    def __init__(self, pauses):
        super().__init__()
        self.pauses = pauses
        self.define_slot("input", handler=self.take)
        self.define_event("output")
    def take(self, value):
        self.increment_stat("taken")
        print(self.pauses, value, flush=True)
        self.emit("output", value=value + 1)
        if self.pauses:
            flow.pause("a look first")
flow = Flow("steps")
steps = [Step(False), Step(True), Step(False)]
for number, each in enumerate(steps):
    flow.add_routine(each, f"s{number}")
    if number:
        flow.connect(f"s{number - 1}", "output", f"s{number}", "input")
folder, store = sys.argv[1], sys.argv[2] or None
if len(sys.argv) == 3:
    job = flow.execute("s0", {"value": 1}, store=store)
    job.save(f"{folder}/job.json")
else:
    job = flow.resume(JobState.load(f"{folder}/job.json"))
print(job.status, [each.stats().get("taken", 0) for each in steps], [len(job.execution_history)])
"""
    for number, store in enumerate(("", f"sqlite:///{tmp_path / 'runs.db'}")):
        folder = tmp_path / str(number)
        folder.mkdir()
        said = []
        for more in ([], ["resume"]):
            done = subprocess.run(
                [sys.executable, "-c", code, str(folder), store, *more],
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, "")
            said.append(done.stdout.splitlines())
        assert said == [
            ["False 1", "True 2", "paused [1, 1, 0] [3]"],
            ["False 3", "completed [1, 1, 1] [4]"],
        ]


# ── crashes at every commit, in simulated time ──────────────────────────────────────────────────────────────────────


class TestFlows(ProgramSuite):
    """See ProgramSuite."""

    seeds = 12

    def examples(self) -> Mapping[str, Example]:
        return {
            "fan out and in": Example(
                _fan(4).as_program(), {"count": 4}, value={"join.all": {"value": [0, 1, 4, 9]}}
            ),
            "concurrent": Example(
                _fan(4, "concurrent").as_program(), {"count": 4}, value={"join.all": {"value": [0, 1, 4, 9]}}
            ),
            "goes on": Example(_optional().as_program(), {"value": 1}, value={"last.output": {"value": 1}}),
            "fails": Example(_failing().as_program(), {"value": 1}, failed_step="failing"),
        }


def _fan(width: int, strategy: str = "sequential") -> Flow:
    from penstock.routines import Routine

    class Out(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=self.out)
            self.define_event("item")

        def out(self, count: int) -> None:
            for number in range(count):
                self.emit("item", value=number)

    class Square(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=self.square)
            self.define_event("output")

        def square(self, value: int) -> None:
            self._stats["latest"] = value
            self.emit("output", value=value * value)

    class Together(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot(
                "input", self.join, lambda old, new: {"value": [*old.get("value", []), new["value"]]}
            )
            self.define_event("all")

        def join(self, value: list[int]) -> None:
            if len(value) == width:
                self.emit("all", value=sorted(value))

    flow = Flow("fan", execution_strategy=strategy, max_workers=2)
    for name, each in (("out", Out()), ("square", Square()), ("join", Together())):
        flow.add_routine(each, name)
    flow.connect("out", "item", "square", "input")
    flow.connect("square", "output", "join", "input")
    return flow


def _broken(*, optional: bool) -> Flow:
    from penstock.routines import Routine

    class Step(Routine):
        def __init__(self, fails: bool) -> None:
            super().__init__()
            self.fails = fails
            self.define_slot("input", handler=self.take)
            self.define_event("output")

        def take(self, value: int) -> None:
            if self.fails:
                raise ValueError("always")
            self.emit("output", value=value)

    flow = Flow("broken")
    first, failing, last = Step(False), Step(True), Step(False)
    for name, each in (("first", first), ("failing", failing), ("last", last)):
        flow.add_routine(each, name)
    flow.connect("first", "output", "failing", "input")
    flow.connect("first", "output", "last", "input")
    if optional:
        failing.set_as_optional()
    return flow


def _optional() -> Flow:
    return _broken(optional=True)


def _failing() -> Flow:
    return _broken(optional=False)
