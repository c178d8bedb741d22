"""Steps of a graph that wait: for a signal of a type, for so long, when a condition holds; and for a time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import penstock
from penstock.errors import DefinitionError, RunFailed, StepTimeout
from penstock.tasks import Workflow
from penstock.testing import Example, ProgramSuite, simulated

DAY = 86400.0


class Decision(msgspec.Struct):
    by: str
    well: bool


def price(order: str) -> int:
    return 100 * len(order)


def ship(order: str, decision: Decision | None = None) -> str:
    return f"{order}: {'no answer' if decision is None else (decision.by, decision.well)}"


def asking(**how: object) -> Workflow:
    flow = Workflow("asking")
    flow.add_task(price)
    flow.add_signal("decision", type=Decision, depends_on=["price"], **how)  # type: ignore[arg-type]
    flow.add_task(ship, depends_on=["decision"], trigger="all_done")
    return flow


def test_what_was_sent_is_the_steps_value_in_the_type_that_was_asked_for() -> None:
    with simulated(asking()) as sim:
        sim.after(3 * DAY, lambda run: run.signal("decision", {"by": "ada", "well": True}))
        run = sim.run(order="lamp")
    assert run.result() == "lamp: ('ada', True)"
    assert run.seconds == 3 * DAY


def test_a_signal_that_came_before_its_step_is_taken_when_that_is_reached() -> None:
    flow = asking()
    flow.add_sleep("cool down", seconds=60)
    flow.link("cool down", "decision")
    with simulated(flow) as sim:
        sim.after(1, lambda run: run.signal("decision", Decision("bob", well=False)))
        run = sim.run(order="lamp")
    assert run.result() == "lamp: ('bob', False)"
    assert run.seconds == 60


def test_what_does_not_fit_the_type_fails_the_step_and_says_so() -> None:
    with simulated(asking()) as sim:
        sim.after(1, lambda run: run.signal("decision", {"by": 7}))
        run = sim.run(order="lamp")
    with pytest.raises(RunFailed, match=r"signal 'decision' must be Decision; \{'by': 7\} is not"):
        run.result()


def test_a_wait_has_a_limit_and_a_run_may_go_on_without_an_answer() -> None:
    with simulated(asking(timeout=DAY)) as sim:
        late = sim.run(order="lamp")
        with pytest.raises(RunFailed, match="no signal 'decision' within") as failed:
            late.result()
        assert isinstance(failed.value.__cause__, StepTimeout) or failed.value.failed_step == "decision"
    with simulated(asking(timeout=DAY, optional=True)) as sim:
        run = sim.run(order="lamp")
    assert (run.result(), run.seconds) == ("lamp: no answer", DAY)


def test_a_condition_says_whether_there_is_to_be_a_wait() -> None:
    with simulated(asking(when=lambda price, limit: price > limit)) as sim:
        assert sim.run(order="lamp", limit=500).result() == "lamp: no answer"
        sim.after(5, lambda run: run.signal("decision", Decision("eve", well=True)))
        assert sim.run(order="lamp", limit=50).result() == "lamp: ('eve', True)"


def test_several_steps_may_wait_for_one_signal_and_take_turns() -> None:
    flow = Workflow("turns")
    for name in ("first", "second"):
        flow.add_signal(name, signal="vote", type=int)
    with simulated(flow) as sim:
        sim.after(1, lambda run: [run.signal("vote", number) for number in (1, 2)])
        assert sim.run().result() == {"first": 1, "second": 2}


def test_a_month_of_sleep_takes_no_time_in_a_simulation() -> None:
    flow = Workflow("month")
    flow.add_task(price, values={"order": "x"})
    flow.add_sleep("month", seconds=30 * DAY, depends_on=["price"])
    flow.add_task(lambda: "woke", name="wake", depends_on=["month"])
    with simulated(flow) as sim:
        run = sim.run()
    assert (run.result(), run.seconds) == ("woke", 30 * DAY)


def test_a_sleep_lasts_until_a_moment() -> None:
    flow = Workflow("moment")
    flow.add_sleep("pause", seconds=60)
    with simulated(flow) as sim:
        now = datetime.fromtimestamp(sim.engine.clock.now(), UTC)
        flow.add_sleep("until five", until=now + timedelta(hours=5), depends_on=["pause"])
        assert sim.run().seconds == 5 * 3600


def test_waits_go_on_where_the_process_did_not(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store) as engine:
        run = asking().using(store=engine).start(order="lamp")
        while "decision" not in run.steps or run.steps["price"].status != "completed":
            time.sleep(0.001)
    with penstock.open(store) as engine:
        engine.signal(run.id, "decision", {"by": "ada", "well": True})
        assert engine.resume(run.id, asking(), wait=True).result(60) == "lamp: ('ada', True)"


def test_waits_are_drawn_and_are_part_of_the_structure() -> None:
    flow = asking()
    flow.add_sleep("pause", seconds=60, depends_on=["ship"])
    remarks = {node.name: node.remark for node in flow.as_program().as_graph().nodes}
    assert remarks["decision"] == "waits for signal decision"
    assert remarks["pause"] == "sleeps 60 s"
    assert asking().as_program().version == asking(timeout=5).as_program().version
    other = Workflow("asking")
    other.add_task(price)
    other.add_task(lambda: None, name="decision", depends_on=["price"])
    other.add_task(ship, depends_on=["decision"], trigger="all_done")
    assert other.as_program().version != asking().as_program().version


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"timeout": 0}, "timeout=0 must be a number of seconds"),
        ({"timeout": "1h"}, "timeout='1h' must be a number of seconds"),
        ({"signal": ""}, "give the signal's name"),
        ({"trigger": "sometimes"}, "trigger='sometimes' is none"),
        ({"when": 5}, "when=5 must be a function"),
    ],
)
def test_what_cannot_be_waited_for_is_refused_when_it_is_said(how: dict[str, object], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        asking(**how)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "either `seconds` or `until`"),
        ({"seconds": 1, "until": datetime(2030, 1, 1, tzinfo=UTC)}, "either `seconds` or `until`"),
        ({"seconds": -1}, "seconds=-1 must be a number of seconds"),
        ({"until": datetime(2030, 1, 1)}, "give a datetime with a time zone"),  # noqa: DTZ001
    ],
)
def test_a_sleep_that_cannot_be_is_refused(how: dict[str, object], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        Workflow("asleep").add_sleep("nap", **how)  # type: ignore[arg-type]


class TestWhateverHappens(ProgramSuite):
    """Crashes, takeovers, duplicates and jumps of the clock, drawn from seeds."""

    seeds = 6

    def examples(self) -> dict[str, Example]:
        flow = Workflow("waits")
        flow.add_task(price, values={"order": "lamp"})
        flow.add_signal("one", type=int, depends_on=["price"])
        flow.add_sleep("rest", seconds=20.0, depends_on=["price"])
        flow.add_signal("two", signal="one", type=int, depends_on=["one", "rest"], timeout=1e6)
        flow.add_task(total, depends_on=["price", "one", "two"])
        return {"waits": Example(flow.as_program(), {}, signals=[("one", 1), ("one", 2)], value=403)}


def total(price: int, one: int, two: int) -> int:
    return price + one + two
