"""Forks and reruns: new runs that reuse what another has done, run the rest again, and need nothing of the other any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import task
from penstock.app import Engine, Run, open_engine
from penstock.app.forks import source_run
from penstock.app.reusing import results_of
from penstock.errors import CodeChanged, CommandRefused, InputError, RunFailed
from penstock.functions import gather, step, uuid4, workflow
from penstock.model import events as e
from penstock.tasks import Workflow
from tests.app.worlds import until

SOON = 60.0
ran: list[str] = []


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    ran.clear()
    with open_engine(f"sqlite:///{tmp_path}/runs.db", durability="crash") as made:
        yield made


def diamond() -> Workflow:
    """load -> (left, right) -> join; `left` and `when` take inputs of their own."""
    flow = Workflow("diamond")

    def load(size: int = 3) -> list[int]:
        ran.append("load")
        return list(range(size))

    def left(load: list[int], factor: int = 10) -> int:
        ran.append("left")
        return factor * sum(load)

    def right(load: list[int]) -> int:
        ran.append("right")
        return len(load)

    def join(left: int, right: int) -> int:
        ran.append("join")
        return left + right

    flow.add_task(load)
    flow.add_task(left, depends_on=["load"])
    flow.add_task(right, depends_on=["load"])
    flow.add_task(join, depends_on=["left", "right"])
    return flow


def done(engine: Engine, definition: Any, **inputs: Any) -> Run[Any]:
    run = engine.run(definition, inputs)
    ran.clear()
    return run


def reused(run: Run[Any]) -> dict[str, str]:
    return {event.step: event.source for _, _, event in run.events() if isinstance(event, e.StepReused)}


def test_what_does_not_depend_on_the_step_is_reused_by_reference(engine: Engine) -> None:
    run = done(engine, diamond())
    fork = engine.fork(run, "left", definition=diamond(), wait=True)
    assert (fork.result(), ran) == (33, ["left", "join"])
    assert reused(fork) == {"load": run.id, "right": run.id}
    assert fork.id != run.id


@pytest.mark.parametrize("begin", ["run", "submit"])
def test_a_fork_has_the_time_that_its_run_was_given(engine: Engine, begin: str) -> None:
    flow = diamond()
    flow.timeout = 50.0
    given, unsaid = (getattr(engine, begin)(flow, {}, **how) for how in ({"timeout": 600}, {}))
    fork = engine.rerun(engine.rerun(given, all=True, definition=flow), all=True, definition=flow)
    assert [seconds_of(each) for each in (given, fork, unsaid)] == pytest.approx([600, 600, 50], abs=5)
    longer = diamond()
    longer.timeout = 70.0
    assert seconds_of(engine.rerun(unsaid, all=True, definition=longer)) == pytest.approx(70, abs=5)


def seconds_of(run: Run[Any]) -> float:
    _, at, started = run.events()[0]
    assert isinstance(started, e.RunStarted)
    assert started.deadline is not None
    return started.deadline - at


def test_a_value_given_by_hand_stands_for_the_step_and_only_what_follows_runs(engine: Engine) -> None:
    run = done(engine, diamond())
    fork = engine.fork(run.id[:8], set={"right.output": 1000}, definition=diamond(), wait=True)
    assert (fork.result(), ran) == (1030, ["join"])
    given = [event for _, _, event in fork.events() if isinstance(event, e.StepReused) and event.edited]
    assert [event.step for event in given] == ["right"]


def test_an_input_that_is_edited_runs_those_again_that_take_it(engine: Engine) -> None:
    run = done(engine, diamond())
    fork = engine.fork(run, set={"input.factor": 1}, definition=diamond(), wait=True)
    assert (fork.result(), ran) == (6, ["left", "join"])
    ran.clear()
    assert engine.fork(fork, "join", definition=diamond(), wait=True).result() == 6
    assert ran == ["join"]


def test_a_fork_tells_whose_it_is_and_keeps_tags(engine: Engine) -> None:
    run = engine.run(diamond(), {}, tags={"team": "data"})
    fork = engine.fork(run, "join", definition=diamond(), wait=True, tags={"why": "trial"})
    started, note = (event for _, _, event in fork.events()[:2])
    assert isinstance(started, e.RunStarted)
    assert started.tags == {"team": "data", "why": "trial"}
    assert isinstance(note, e.Noted)
    assert (note.topic, note.data) == ("forked", {"run": run.id, "from": ["join"]})


def test_a_rerun_does_again_what_failed(engine: Engine) -> None:
    def broken(left: int) -> int:
        ran.append("broken")
        if ran.count("broken") == 1:
            raise OSError("no")
        return left

    flow = diamond()
    flow.add_task(broken, depends_on=["left"])
    run = engine.start(flow, {})
    with pytest.raises(RunFailed):
        run.result(SOON)
    ran[:] = ["broken"]
    again = engine.rerun(run, definition=flow, wait=True)
    assert again.status == "completed"
    assert "load" not in ran
    assert "left" not in ran
    assert run.status == "failed"


def test_a_rerun_of_all_reuses_nothing_and_one_of_nothing_is_refused(engine: Engine) -> None:
    run = done(engine, diamond(), size=2)
    with pytest.raises(CommandRefused, match="completed: nothing"):
        engine.rerun(run, definition=diamond())
    again = engine.rerun(run, all=True, definition=diamond(), wait=True)
    assert (again.result(), sorted(ran)) == (12, ["join", "left", "load", "right"])
    assert reused(again) == {}


def first() -> int:
    ran.append("first")
    return 1


def test_a_cancelled_run_can_be_done_again_from_where_it_was(engine: Engine) -> None:
    flow = Workflow("patient")
    flow.add_task(first)
    flow.add_signal("go", depends_on=["first"])
    run = engine.start(flow, {})
    until(lambda: bool(ran))
    run.cancel()
    run.wait(SOON)
    ran.clear()
    again = engine.rerun(run, definition=flow)
    again.signal("go", "now")
    assert (again.result(SOON), ran) == ("now", [])


def test_maps_and_signals_are_reused_as_well(engine: Engine) -> None:
    flow = Workflow("varied")

    def numbers() -> list[int]:
        return [1, 2, 3]

    def square(number: int) -> int:
        ran.append("square")
        return number * number

    def total(square: list[int], word: str) -> str:
        ran.append("total")
        return f"{word} {sum(square)}"

    flow.add_task(numbers)
    flow.add_task(task(square).map(number="numbers"))
    flow.add_signal("word", depends_on=["numbers"])
    flow.add_task(total, depends_on=["square", "word"])
    run = engine.start(flow, {})
    run.signal("word", "sum")
    assert run.result(SOON) == "sum 14"
    ran.clear()
    fork = engine.fork(run, "total", definition=flow, wait=True)
    assert (fork.result(), ran) == ("sum 14", ["total"])
    assert reused(fork).keys() == {"numbers", "square", "word"}


def test_a_workflow_inside_is_entered_where_the_step_is(engine: Engine) -> None:
    flow = Workflow("outer")
    flow.add_task(first)
    flow.add_workflow(diamond(), name="inner", depends_on=["first"])

    def after(inner: int) -> int:
        ran.append("after")
        return inner

    flow.add_task(after, depends_on=["inner"])
    run = done(engine, flow)
    fork = engine.fork(run, "inner/right", definition=flow, wait=True)
    assert (fork.result(), ran) == (33, ["right", "join", "after"])
    assert set(reused(fork)) == {"first", "inner/load", "inner/left"}
    ran.clear()
    assert engine.fork(run, set={"inner/join.output": 5}, definition=flow, wait=True).result() == 5
    assert ran == ["after"]


def one() -> str:
    ran.append("one")
    return "1"


def two(text: str) -> str:
    ran.append("two")
    return f"{text}2"


def three(text: str) -> str:
    ran.append("three")
    return f"{text}3"


@workflow
async def written(end: str = ".") -> str:
    name = uuid4().hex
    first = await step(one)()
    both = await gather(step(two)(first), step(three)(first))
    last = await step(two)("".join(both))
    return f"{name} {last}{end}"


def test_of_a_function_all_that_was_asked_for_from_the_step_on_runs_again(engine: Engine) -> None:
    run = done(engine, written, end=".")
    fork = engine.fork(run, "three", definition=written, wait=True)
    assert ran == ["three", "two"]
    assert set(reused(fork)) == {"one", "two"}
    assert fork.result() == run.result(), "its random numbers are those of its source"
    ran.clear()
    third = engine.fork(fork, set={"two.output": "X"}, definition=written, wait=True)
    assert ran == ["two"]
    assert third.result() == f"{run.result().split()[0]} X132."


def test_of_a_function_an_edited_input_leaves_only_what_was_asked_for_before_the_step(engine: Engine) -> None:
    run = done(engine, written, end=".")
    fork = engine.fork(run, "two-2", set={"input.end": "!"}, definition=written, wait=True)
    assert ran == ["two"]
    assert fork.result().endswith("!")
    ran.clear()
    engine.fork(run, set={"input.end": "?"}, definition=written, wait=True)
    assert sorted(ran) == ["one", "three", "two", "two"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"from_step": "lft"}, "no step 'lft'; did you mean 'left'"),
        ({"set": {"right": 1}}, "say 'STEP.output' or 'input.NAME'"),
        ({"set": {"input.factr": 1}}, "no input 'factr'; did you mean 'factor'"),
        ({"set": {"input.factor": "x"}}, "'factor' of workflow 'diamond' must be int"),
        ({}, "name a step to run again"),
        ({"from_step": "load", "set": {"join.output": 1}}, "'join' cannot be given a value"),
    ],
)
def test_what_cannot_be_edited_is_refused_and_nothing_is_recorded(
    engine: Engine, how: dict[str, Any], message: str
) -> None:
    run = done(engine, diamond())
    with pytest.raises(InputError, match=message):
        engine.fork(run, definition=diamond(), **how)
    assert len(engine.list()) == 1


def test_other_code_is_refused(engine: Engine) -> None:
    run = done(engine, diamond())
    with pytest.raises(CodeChanged, match="is of workflow 'diamond'"):
        engine.fork(run, "load", definition=written)


def test_code_with_another_structure_reuses_what_still_has_its_name(engine: Engine) -> None:
    run = done(engine, diamond())
    flow = diamond()

    def report(join: int) -> str:
        return f"it is {join}"

    flow.add_task(report, depends_on=["join"])
    assert engine.fork(run, "report", definition=flow, wait=True).result() == "it is 33"
    assert ran == []


def test_a_fork_outlives_its_source(engine: Engine) -> None:
    flow = Workflow("bulky")
    flow.add_task(lambda: "x" * 100_000, name="bulk")

    def size(bulk: str) -> int:
        return len(bulk)

    flow.add_task(size, depends_on=["bulk"])
    run = done(engine, flow)
    fork = engine.fork(run, "size", definition=flow, wait=True)
    assert engine.durable_store().prune([run.id]) == 1
    assert fork.steps["bulk"].result == "x" * 100_000
    assert engine.fork(fork, "size", definition=flow, wait=True).result() == 100_000


def test_a_fork_can_be_left_to_a_worker(engine: Engine) -> None:
    from penstock.app.worker import Worker

    run = done(engine, diamond())
    fork = engine.fork(run, "join", definition=diamond(), queue="night", priority=3)
    assert fork.status == "pending"
    assert engine.durable_store().get("runs", [fork.id])[fork.id]["queue"] == "night"
    Worker(engine, [diamond()], queues=["night"]).serve(until_idle=True)
    assert (fork.status, ran) == ("completed", ["join"])


def test_what_was_reused_of_a_map_is_no_result_of_the_whole() -> None:
    log: list[tuple[int, float, e.Event]] = [
        (1, 0.0, e.RunStarted("diamond", "", {})),
        (2, 0.0, e.StepReused("square", 4, "r", item=0)),
        (3, 0.0, e.StepStarted("load")),
        (4, 0.0, e.StepDone("load", None, [1])),
    ]
    assert results_of("r", diamond().as_program(), log) == {"load": [1]}, (
        "of code that does not fit, the calls"
    )


def test_a_fork_that_was_recorded_and_not_taken_up_can_be_resumed_by_others(engine: Engine) -> None:
    run = done(engine, diamond())
    made = engine.record_fork(source_run(engine, run, diamond()).fork(frozenset({"join"}), {}))
    assert engine.get(made).status == "pending"
    assert (engine.resume(made, diamond(), wait=True).result(), ran) == (33, ["join"])
