"""Forks of runs of every style: processes, flows, functions with workflows inside, and runs that were undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import Workflow, task
from penstock.app import Engine, Run, open_engine
from penstock.errors import InputError, RunFailed
from penstock.functions import step, workflow
from penstock.model import events as e
from penstock.routines import Flow, Routine
from tests.processes.shop import Add, Chain

ran: list[str] = []


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    ran.clear()
    with open_engine(f"sqlite:///{tmp_path}/runs.db", durability="crash") as made:
        yield made


def steps(run: Run[Any], kind: type[Any]) -> list[str]:
    return [event.step for _, _, event in run.events() if isinstance(event, kind)]


def test_a_process_runs_again_from_a_child_on(engine: Engine) -> None:
    process = Chain()
    run = engine.run(process, {"numbers": [1, 2], "times": 3})
    done = steps(run, e.StepDone)
    assert len(done) == 4
    fork = engine.fork(run, done[2], definition=Chain(), wait=True)
    assert (steps(fork, e.StepReused), steps(fork, e.StepDone)) == (done[:2], done[2:])
    assert fork.result() == run.result()


def test_an_input_of_a_process_is_edited_by_its_type(engine: Engine) -> None:
    run = engine.run(Add(), {"x": 1, "by": 2})
    fork = engine.fork(run, set={"input.by": 10}, definition=Add(), wait=True)
    assert fork.result()["y"] == 11
    with pytest.raises(InputError, match="no input 'bi'"):
        engine.fork(run, set={"input.bi": 10}, definition=Add())


class Begin(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.begin)
        self.define_event("item", ["number"])

    def begin(self) -> None:
        for number in range(3):
            self.emit("item", number=number)


class Note(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.note)
        self.seen = 0
        self.add_serializable_fields(["seen"])

    def note(self, number: int) -> None:
        ran.append(str(number))
        self.seen += number


def flow() -> Flow:
    made = Flow("noting")
    begin = made.add_routine(Begin(), "begin")
    note = made.add_routine(Note(), "note")
    made.connect(begin, "item", note, "input")
    return made


def written() -> Any:
    inner = Workflow("inner")

    @task
    def one() -> int:
        ran.append("one")
        return 1

    @task
    def two(one: int) -> int:
        ran.append("two")
        return one + 1

    inner.add_task(one)
    inner.add_task(two, depends_on=["one"])

    def three(two: int) -> int:
        ran.append("three")
        return two + 1

    @workflow
    async def outer() -> int:
        return await step(three)(await step(inner)())

    return outer


def test_a_function_is_forked_within_a_workflow_that_it_calls(engine: Engine) -> None:
    outer = written()
    run = engine.run(outer, {})
    ran.clear()
    fork = engine.fork(run, "inner/two", definition=outer, wait=True)
    assert (fork.result(), ran) == (3, ["two", "three"])
    ran.clear()
    assert engine.fork(run, "inner", definition=outer, wait=True).result() == 3
    assert ran == ["one", "two", "three"]
    ran.clear()
    assert engine.fork(run, set={"inner/two.output": 40}, definition=outer, wait=True).result() == 41
    assert ran == ["three"]


def test_what_was_undone_is_done_again(engine: Engine) -> None:
    @task(undo=lambda result: ran.append(f"cancel {result}"))
    def book() -> str:
        ran.append("book")
        return "seat"

    @task
    def pay(book: str) -> str:
        ran.append("pay")
        if ran.count("pay") == 1:
            raise OSError("no money")
        return book

    made = Workflow("trip")
    made.add_task(book)
    made.add_task(pay, depends_on=["book"])
    run = engine.start(made, {})
    with pytest.raises(RunFailed):
        run.result(20)
    assert ran == ["book", "pay", "cancel seat"]
    again = engine.rerun(run, definition=made, wait=True)
    assert again.result() == "seat"
    assert ran[3:] == ["book", "pay"]
    assert steps(again, e.StepReused) == []


def test_hooks_run_for_a_fork_as_well(engine: Engine) -> None:
    made = Workflow("hooked", on_success=lambda value: ran.append(f"told {value}"))

    def one() -> int:
        ran.append("one")
        return 1

    made.add_task(one)
    run = engine.run(made, {})
    fork = engine.fork(run, set={"one.output": 7}, definition=made, wait=True)
    assert fork.result() == 7
    assert ran == ["one", "told 1", "told 7"]


def test_a_flow_runs_again_from_an_activation_on(engine: Engine) -> None:
    run = engine.run(flow(), None)
    assert ran == ["0", "1", "2"]
    ran.clear()
    fork = engine.fork(run, "note#2", definition=flow(), wait=True)
    assert (steps(fork, e.StepReused), ran) == (["begin", "note"], ["1", "2"])
