"""Real runs are learned from: outcomes, outputs, sizes, answers of people; and simulated again in every style."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

import penstock
from penstock import RetryPolicy, RunFailed, Workflow, task
from penstock.errors import SettingsError
from penstock.functions import sleep, sleep_until, wait_for_signal, workflow
from penstock.model.program import Do, End, Fail, Plan, Wait
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, OutputParameter
from penstock.routines import Flow, Routine
from penstock.whatif import check, simulate
from penstock.whatif.answering import seeds_for
from penstock.whatif.arrivals import arrivals_of
from penstock.whatif.capacity import Capacity
from penstock.whatif.history import learned_from, pasts
from penstock.whatif.simulation import Setting, Simulation
from penstock.whatif.sources import Model
from penstock.whatif.tables import table_of

SEEDS = range(5)
called: list[str] = []


@task
def numbers(count: int) -> list[int]:
    called.append("numbers")
    return list(range(count))


@task
def square(number: int) -> int:
    return number * number


@task
def total(square: list[int]) -> int:
    return sum(square)


def squares() -> Workflow:
    flow = Workflow("squares")
    flow.add_task(numbers)
    flow.add_task(square.map(number="numbers"))
    flow.add_task(total, depends_on=["square"])
    return flow


def test_recorded_outputs_drive_what_comes_next(engine: penstock.Engine) -> None:
    for count in (2, 5):
        engine.run(squares(), {"count": count})
    called.clear()
    report = simulate(squares(), store=engine, seeds=range(12), bottleneck=False)
    assert report.statuses == {"completed": 12}
    assert not called, "no step runs"
    widths = {len([s for s in report.first.logs[0] if getattr(s[2], "step", "") == "square"])}
    assert widths <= {4, 10}, "two or five items, each with a start and an end"
    assert report.known.runs == 2
    assert report.known.missing == []


def test_a_run_is_simulated_with_its_own_inputs(engine: penstock.Engine) -> None:
    run = engine.run(squares(), {"count": 3})
    engine.run(squares(), {"count": 4})
    report = simulate(
        run, store=engine, seeds=[1], bottleneck=False, durations={"numbers": {"output": [7, 8]}}
    )
    assert report.first.logs[0][0][2].input == {"count": 3}


def test_steps_may_really_run(engine: penstock.Engine) -> None:
    called.clear()
    said = {"numbers": 5.0, "square": 1.0, "total": 2.0}
    report = simulate(
        squares(),
        inputs={"count": 6},
        store=engine,
        durations=said,
        really=["numbers", "square", "total"],
        workers=3,
        seeds=[1],
    )
    assert report.makespan.median == 5 + 2 + 2
    done = report.first.logs[0][-1][2]
    assert done.value == sum(each * each for each in range(6))
    assert "numbers" in called


@task(retries=RetryPolicy(attempts=3, delay=4.0))
def flaky(tries: int) -> str:
    if penstock.context().attempt < tries:
        raise ConnectionError("not yet")
    return "there"


def test_failures_come_back_as_they_were(engine: penstock.Engine) -> None:
    flow = Workflow("flaky")
    flow.add_task(task(retries=RetryPolicy(attempts=3, delay=0.0))(flaky.fn), name="flaky")
    engine.run(flow, {"tries": 3})
    patient = Workflow("flaky")
    patient.add_task(flaky)
    report = simulate(patient, store=engine, seeds=SEEDS)
    assert report.statuses == {"completed": 5}
    assert report.makespan.median == pytest.approx(8.0, abs=0.5), "two delays of four seconds"


def test_a_workflow_that_failed_for_good_fails_again(engine: penstock.Engine) -> None:
    flow = Workflow("broken")
    flow.add_task(_broken, name="broken")
    run = engine.run(flow)
    with pytest.raises(RunFailed):
        run.result()
    report = simulate(flow, store=engine, seeds=SEEDS)
    assert report.statuses == {"failed": 5}
    assert report.reasons == ["ValueError: no good"]


def _broken() -> None:
    raise ValueError("no good")


@task
def spend(text: str) -> int:
    total = 0
    for _ in range(len(text) * 3):
        total += 1
    return total


def test_the_size_of_what_steps_are_given_is_known(engine: penstock.Engine) -> None:
    flow = Workflow("spend")
    flow.add_task(spend)
    for size in (10, 1000):
        engine.run(flow, {"text": "x" * size})
    past = pasts(engine, flow, None)
    sizes = [sample.size for each in past for sample in each.samples["spend"]]
    assert [size is not None and size - given for size, given in zip(sizes, (10, 1000), strict=True)] == [
        16,
        16,
    ]
    assert learned_from(past).attempts == 2


# ── every style ─────────────────────────────────────────────────────────────────────────────────────────────────────


@task
def part(number: int) -> int:
    return number + 1


@workflow
async def adding(rounds: int) -> int:
    value = 0
    for _ in range(rounds):
        value = await part(value)
        await sleep(0.001)
    return value


def test_a_durable_function_is_simulated(engine: penstock.Engine) -> None:
    engine.run(adding, {"rounds": 4})
    report = simulate(adding, inputs={"rounds": 6}, store=engine, durations={"part": 2.0}, seeds=SEEDS)
    assert report.statuses == {"completed": 5}
    assert report.makespan.median == pytest.approx(12.006)
    assert report.paths.usual == ["part", *(f"part-{n}" for n in range(2, 7))]
    assert report.known.missing == []


@workflow
async def asking() -> str:
    await part(1)
    return str(await wait_for_signal("answer"))


def test_people_answer_as_they_did(engine: penstock.Engine) -> None:
    run = engine.start(asking)
    run.signal("answer", "yes")
    assert run.result(timeout=60) == "yes"
    report = simulate(asking, store=engine, seeds=SEEDS)
    assert report.statuses == {"completed": 5}
    assert report.first.logs[0][-1][2].value == "yes"


class NeverAnswered(Plan):
    name, version = "never-answered", "1"

    def as_program(self) -> NeverAnswered:
        return self

    def play(self, input: Any) -> Any:
        return WaitingPlay()


class WaitingPlay:
    def begin(self, at: float) -> Any:
        return [Do("draft", str.upper, ("a",)), Wait("decision", signal="decided")]

    def done(self, key: str, value: Any, at: float) -> Any:
        return [End(value)] if key == "decision" else []

    def failed(self, key: str, error: Any, at: float) -> Any:
        return [Fail(error)]


def test_a_signal_that_nobody_ever_sent_is_named(engine: penstock.Engine) -> None:
    report = simulate(NeverAnswered(), store=engine, durations={"draft": 1.0}, seeds=SEEDS)
    assert report.statuses == {"unfinished": 5}
    assert report.known.unanswered == ["decided"]
    assert "decided" in report.reasons[0]


class Half(AtomarProcess):
    def __init__(self, name: str = "Half") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("half", int))

    async def execute_impl(self) -> None:
        self.output["half"].value = self.input["number"].value // 2


class Quarter(OrchestratedProcess):
    def __init__(self, name: str = "Quarter") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("quarter", int))

    def define_orchestration(self) -> None:
        first, second = Half("first"), Half("second")
        self.add_child(first)
        self.add_child(second)
        self._connect_param(self.input["number"], first.input["number"])
        self._connect_param(first.output["half"], second.input["number"])
        self._connect_param(second.output["half"], self.output["quarter"])


def test_an_orchestrated_process_is_simulated(engine: penstock.Engine) -> None:
    engine.run(Quarter(), {"number": 12})
    report = simulate(Quarter(), store=engine, durations={"first": 1.0, "second": 2.5}, seeds=SEEDS)
    assert report.statuses == {"completed": 5}
    assert report.makespan.median == 3.5
    assert report.first.logs[0][-1][2].value == {"quarter": 3}
    assert report.paths.usual == ["first", "second"]
    many = simulate(
        Quarter(), store=engine, durations={"first": 1.0, "second": 2.5}, runs=10, workers=20, seeds=[1]
    )
    assert (many.statuses, many.makespan.median) == ({"completed": 10}, 3.5)


class Source(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.out = self.define_event("out", ["number"])

    def __call__(self, count: int) -> None:
        for number in range(count):
            self.emit("out", number=number)


class Sink(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("in", handler=self.take)

    def take(self, number: int) -> None:
        self.increment_stat("taken")


def counting() -> Flow:
    flow = Flow("counting")
    source = flow.add_routine(Source(), "source")
    sink = flow.add_routine(Sink(), "sink")
    flow.connect(source, "out", sink, "in")
    flow.entry = source
    return flow


def test_a_flow_is_simulated(engine: penstock.Engine) -> None:
    flow = counting()
    engine.run(flow, {"count": 3})
    report = simulate(flow, store=engine, durations={"source": 1.0, "sink": 2.0}, seeds=SEEDS)
    assert report.statuses == {"completed": 5}
    assert report.makespan.median == 7.0
    one = simulate(
        flow, inputs={"count": 1}, store=engine, durations={"source": 1.0, "sink": 2.0}, seeds=SEEDS
    )
    assert one.makespan.median == 7.0, "what a source emits is as recorded"


# ── what is checked ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_predictions_stand_beside_what_was(engine: penstock.Engine) -> None:
    for _ in range(3):
        engine.run(squares(), {"count": 3})
    found = check(squares(), store=engine, seeds=SEEDS)
    assert [each.workers for each in found.together] == [1]
    assert found.learned_from == 2
    assert {each.run for each in found.runs} == {run.id for run in engine.list()}
    assert all(0 < each.predicted.low <= each.predicted.high for each in found.runs)
    assert json.loads(json.dumps(found.document()))["together"][0]["runs"] == 3


def test_a_check_may_be_taught_by_some_runs_alone(engine: penstock.Engine) -> None:
    runs = [engine.run(squares(), {"count": 3}).id for _ in range(4)]
    found = check(squares(), store=engine, trained_on=runs[:1], seeds=SEEDS)
    assert (found.learned_from, [each.run for each in found.runs]) == (1, runs[1:])


def test_runs_of_another_workflow_teach_nothing(engine: penstock.Engine) -> None:
    other = engine.run(adding, {"rounds": 1})
    with pytest.raises(SettingsError, match="is of workflow 'adding', not of 'squares'"):
        simulate(squares(), store=engine, trained_on=[other.id])
    with pytest.raises(SettingsError, match="name runs of one workflow"):
        check(squares(), store=engine, runs=[other.id])


def test_nothing_to_check_is_said(engine: penstock.Engine) -> None:
    with pytest.raises(SettingsError, match="no past runs to check"):
        check(squares(), store=engine)
    engine.run(squares(), {"count": 3})
    with pytest.raises(SettingsError, match="only one of its workflow"):
        check(squares(), store=engine)


def test_runs_may_come_as_they_came(engine: penstock.Engine) -> None:
    for count in (1, 2, 3):
        engine.run(squares(), {"count": count})
    report = simulate(squares(), store=engine, arrivals="trace", seeds=[1])
    assert len(report.first.runs) == 3
    inputs = [report.first.logs[number][0][2].input["count"] for number in range(3)]
    assert inputs == [1, 2, 3]
    arrived = [run.arrived for run in report.first.runs]
    assert arrived == sorted(arrived)
    assert arrived[0] == 0.0


def test_an_engine_that_keeps_nothing_teaches_nothing() -> None:
    with pytest.raises(SettingsError, match="keeps nothing"):
        simulate(squares(), inputs={"count": 2}, store="ephemeral")
    report = simulate(
        squares(), inputs={"count": 2}, store="ephemeral", durations={"numbers": {"output": [1]}}, seeds=[1]
    )
    assert report.statuses == {"completed": 1}


@workflow
def blocking_adding(rounds: int) -> int:
    value = 0
    for _ in range(rounds):
        value = part_now(value)
    return value


@task
def part_now(number: int) -> int:
    return number + 1


def test_a_plain_durable_function_is_simulated(engine: penstock.Engine) -> None:
    report = simulate(
        blocking_adding,
        inputs={"rounds": 3},
        store=engine,
        durations={"part_now": {"duration": 1.5, "output": 1}},
        runs=4,
        workers=4,
        seeds=[1],
    )
    assert report.statuses == {"completed": 4}
    assert report.makespan.median == 4.5


def test_async_steps_may_really_run_where_a_loop_runs_already(engine: penstock.Engine) -> None:
    async def knows() -> str:
        await asyncio.sleep(0)
        return penstock.context().step

    flow = Workflow("knowing")
    flow.add_task(knows)

    async def ask() -> Any:
        return simulate(flow, store=engine, durations={"knows": 3.0}, really=["knows"], seeds=[1])

    assert asyncio.run(ask()).first.logs[0][-1][2].value == "knows"


@workflow
async def until_noon(noon: float) -> str:
    await sleep_until(noon)
    return "noon"


def test_a_run_is_simulated_at_the_time_at_which_it_began(engine: penstock.Engine) -> None:
    began = time.time()
    run = engine.run(until_noon, {"noon": began + 0.05})
    report = simulate(run, seeds=[1])
    assert 0 <= report.makespan.median <= 0.06


def test_what_is_large_is_simulated_with_fewer_seeds(engine: penstock.Engine) -> None:
    assert [seeds_for(attempts) for attempts in (0, 20, 6_000, 20_000, 1_000_000)] == [
        (20, 10), (20, 10), (10, 3), (3, 1), (3, 1),
    ]  # fmt: skip
    said = {"numbers": {"duration": 1.0, "output": [1, 2]}, "square": 1.0, "total": 1.0}
    assert simulate(squares(), inputs={"count": 1}, store=engine, durations=said).seeds == 20


def test_the_work_is_linear_in_the_steps() -> None:
    """Counted, not timed: what happens on the agenda for each step is the same for ten times as many."""
    flow = squares()
    said = {"numbers": {"duration": 1.0, "output": [1, 2]}, "square": [1, 2], "total": 1.0}
    counts = []
    for runs in (50, 500):
        model = Model(said=table_of(said))
        simulation = Simulation(Setting(flow.as_program(), lambda *_: {"count": 2}, model), Capacity(3), 1)
        played = simulation.run(arrivals_of(runs, 1))
        counts.append(simulation.agenda.count / played.attempts.total())
    assert counts[1] == pytest.approx(counts[0], rel=0.05)
    assert counts[1] < 5
