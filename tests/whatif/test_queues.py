"""Simulations keep what is said of a queue: how many of its runs go on at once, and how quickly they begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import penstock
from penstock import Workflow
from penstock.app.queues import Queues
from penstock.app.worker import Worker
from penstock.errors import SettingsError
from penstock.model.limits import Bounds
from penstock.whatif import Arrival, Scheduled, simulate, sweep
from penstock.whatif.arrivals import arrivals_of
from penstock.whatif.capacity import Capacity
from penstock.whatif.simulation import Setting, Simulation
from penstock.whatif.sources import Model, Said

Chain = Callable[[int], Workflow]

SHORT = 0.01


@pytest.fixture
def short(engine: penstock.Engine, chain: Chain) -> Callable[..., Any]:
    """Asks about runs of one short step."""

    def ask(**question: Any) -> Any:
        given = {"store": engine, "seeds": [1], "workers": 4, "durations": {"step1": SHORT}}
        return simulate(chain(1), **{**given, **question})

    return ask


def begins(report: Any) -> list[float]:
    return sorted(run.started for run in report.first.runs)


def test_runs_begin_no_faster_than_the_rate_allows(short: Callable[..., Any]) -> None:
    report = short(runs=100, rate="10/s")
    assert report.makespan.median == pytest.approx(9.9 + SHORT, abs=1e-3)
    assert begins(report) == pytest.approx([n / 10 for n in range(100)], abs=1e-3)
    assert report.statuses == {"completed": 100}


def test_without_a_rate_they_begin_at_once(short: Callable[..., Any]) -> None:
    assert short(runs=100).makespan.median == pytest.approx(25 * SHORT)


def test_the_rate_is_the_one_that_the_store_says_of_the_queue(
    engine: penstock.Engine, short: Callable[..., Any]
) -> None:
    Queues(engine).pace("reports", "120/m", burst=3)
    report = short(runs=6, queue="reports")
    assert begins(report) == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5], abs=1e-3)
    assert report.document()["capacity"]["rate"] == {"at_most": None, "rate": 2.0, "burst": 3}


def test_another_rate_goes_before_the_stores_which_still_says_the_rest(
    engine: penstock.Engine, short: Callable[..., Any]
) -> None:
    queues = Queues(engine)
    queues.bound("reports", 1)
    queues.pace("reports", "1/h", burst=2)
    report = short(runs=5, queue="reports", rate="10/s", durations={"step1": 0.06})
    assert begins(report) == pytest.approx([0, 0.06, 0.12, 0.2, 0.3], abs=1e-3), "one at once, a burst of two"
    assert short(runs=3, queue="reports", concurrency=3, rate="1/s").capacity.concurrency == 3


def test_runs_of_a_schedule_keep_the_rate_of_its_queue(engine: penstock.Engine, chain: Chain) -> None:
    engine.schedules.add("often", chain(1), every=1.0, queue="reports")
    question: dict[str, Any] = {"store": engine, "seeds": [1], "durations": {"step1": SHORT}}
    coming = Scheduled("often", 4.5)
    free = simulate(chain(1), arrivals=coming, **question)
    assert begins(free)[-1] == pytest.approx(4.0), "nothing was said of its queue, and nothing need be"
    Queues(engine).pace("reports", "30/m")
    paced = simulate(chain(1), arrivals=coming, **question)
    assert begins(paced) == pytest.approx([0.0, 2.0, 4.0, 6.0, 8.0], abs=1e-3)


def test_whichever_of_concurrency_and_rate_is_tighter_holds(short: Callable[..., Any]) -> None:
    question = {"runs": 10, "concurrency": 2, "rate": "1/s"}
    assert short(**question, durations={"step1": 0.5}).makespan.median == pytest.approx(9.5, abs=1e-3)
    assert short(**question, durations={"step1": 6.0}).makespan.median == pytest.approx(31.0, abs=1e-3)


def test_who_waits_for_room_draws_no_token(short: Callable[..., Any]) -> None:
    """The first run holds the only place for 2.5 s; what dripped meanwhile is one token, and the next comes a second later."""
    arrivals = [Arrival(0.0), Arrival(0.1), Arrival(0.2)]
    report = short(arrivals=arrivals, concurrency=1, rate="1/s", durations={"step1": [2.5, 2.5]})
    assert begins(report) == pytest.approx([0.0, 2.5, 5.0], abs=1e-3)


def test_tokens_pile_up_to_the_burst_while_nobody_comes(short: Callable[..., Any]) -> None:
    report = short(arrivals=[0.0, 0.1, 50.0, 50.0], rate="1/s")
    assert begins(report) == pytest.approx([0.0, 1.0, 50.0, 51.0], abs=1e-3)


def test_priorities_go_first_among_those_that_wait_for_a_token(short: Callable[..., Any]) -> None:
    arrivals = [Arrival(0.0), Arrival(0.1), Arrival(0.2, priority=5)]
    report = short(arrivals=arrivals, rate="1/s")
    assert {run.number: run.started for run in report.first.runs} == pytest.approx(
        {0: 0, 2: 1, 1: 2}, abs=1e-3
    )


def test_worker_processes_share_the_rate(short: Callable[..., Any]) -> None:
    report = short(runs=10, workers=5, slots=2, rate="10/s")
    assert report.makespan.median == pytest.approx(0.9 + SHORT, abs=1e-3)


def appointments(flow: Workflow, runs: int, seconds: float) -> int:
    """How many entries the agenda had for so many runs, of which one begins in so many seconds."""
    setting = Setting(flow.as_program(), lambda number, chance: {}, Model(said={"step1": Said(SHORT)}))
    simulation = Simulation(setting, Capacity(5, rate=Bounds(rate=1 / seconds)), 1)
    played = simulation.run(arrivals_of([number / 100 for number in range(runs)], 1))
    assert played.seconds == pytest.approx((runs - 1) * seconds + SHORT, abs=0.1)
    return simulation.agenda.count


def test_the_next_token_is_an_appointment_and_nobody_polls(chain: Chain) -> None:
    assert len({appointments(chain(1), 5, seconds) for seconds in (1.0, 3600.0, 86_400.0)}) == 1


def test_there_is_one_appointment_however_many_wait(chain: Chain) -> None:
    few, more, most = (appointments(chain(1), runs, 60.0) for runs in (10, 20, 30))
    assert most - more == more - few


def test_what_to_raise_first_may_be_the_rate(short: Callable[..., Any]) -> None:
    report = short(runs=30, rate="10/s", concurrency=20)
    assert report.bottleneck.name == "queue rate"
    (tried,) = [each for each in report.bottleneck.tried if each.name == "queue rate"]
    assert (tried.now, tried.raised) == (10.0, 11.0)
    assert tried.gain == pytest.approx(1 - 10 / 11, abs=0.01)
    wide = short(runs=30, rate="1000/s", workers=1, durations={"step1": 1.0})
    assert wide.bottleneck.name == "workers"


def test_a_slow_rate_is_raised_by_as_much_again(short: Callable[..., Any]) -> None:
    (tried,) = [each for each in short(runs=3, rate="6/m").bottleneck.tried if each.name == "queue rate"]
    assert (tried.now, tried.raised) == (0.1, 0.2)


def test_a_sweep_keeps_the_rate(engine: penstock.Engine, chain: Chain) -> None:
    question: dict[str, Any] = {"runs": 5, "rate": "1/s", "durations": {"step1": 3.0}, "seeds": [1]}
    found = sweep(chain(1), workers=[1, 4], store=engine, **question)
    assert [each.makespan.median for each in found] == pytest.approx([15.0, 7.0], abs=1e-3)


@pytest.mark.parametrize("rate", ["often", "10", "10/min", "0/s", "-1/s", "", 10, True])
def test_what_is_no_rate_is_refused(short: Callable[..., Any], rate: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        short(rate=rate)
    assert f"the queue's rate={rate!r} must be" in str(refused.value)
    assert "'10/s'" in str(refused.value)


# ── queues that are none ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_queue_that_the_store_does_not_know_is_refused(
    engine: penstock.Engine, short: Callable[..., Any]
) -> None:
    queues = Queues(engine)
    queues.bound("reports", 1)
    queues.pause("letters")
    with pytest.raises(SettingsError, match=r"there is no queue 'raports': .*; did you mean 'reports'\?"):
        short(queue="raports")
    with pytest.raises(SettingsError, match=r"there is no queue 'zzz': .*; there are letters, reports$"):
        short(queue="zzz", concurrency=2, rate="1/s")


@pytest.mark.parametrize("queue", ["", "\udcff", ["reports"]])
def test_what_can_name_no_queue_is_refused_as_well(short: Callable[..., Any], queue: Any) -> None:
    with pytest.raises(SettingsError, match=r"there is no queue .*; there are none"):
        short(queue=queue)


def test_an_ephemeral_engine_knows_no_queue(chain: Chain) -> None:
    with (
        penstock.open("memory:") as ephemeral,
        pytest.raises(SettingsError, match="there is no queue 'reports'"),
    ):
        simulate(chain(1), store=ephemeral, queue="reports", seeds=[1])


def test_a_queue_is_known_by_its_runs_also_when_they_have_ended(
    engine: penstock.Engine, chain: Chain, short: Callable[..., Any]
) -> None:
    flow = chain(1)
    run = engine.submit(flow, queue="letters")
    assert short(queue="letters").statuses == {"completed": 1}
    Worker(engine, [flow]).serve(until_idle=True)
    assert run.status == "completed"
    assert not Queues(engine).all()
    assert short(queue="letters").statuses == {"completed": 1}


def test_a_queue_is_known_when_only_something_was_said_of_it(
    engine: penstock.Engine, short: Callable[..., Any]
) -> None:
    queues = Queues(engine)
    queues.pause("shut")
    queues.bound("free", 3)
    queues.bound("free", None)
    for queue in ("shut", "free"):
        assert short(queue=queue).capacity.concurrency is None
