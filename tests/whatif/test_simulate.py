"""Simulations against arithmetic: what the time must be is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import penstock
from penstock import RetryPolicy, Workflow, task
from penstock.app.limits import KeyLimits
from penstock.app.queues import Queues
from penstock.errors import SettingsError
from penstock.functions import race, sleep, step, workflow
from penstock.model.limits import Limit
from penstock.whatif import Arrival, Poisson, Prices, simulate, sweep

Chain = Callable[[int], Workflow]


def nothing() -> int:
    return 1


def fan(width: int, **options: Any) -> Workflow:
    flow = Workflow("fan", **options)
    for number in range(width):
        flow.add_task(nothing, name=f"part{number}")
    return flow


def parts(width: int, seconds: Any) -> dict[str, Any]:
    return {f"part{number}": seconds for number in range(width)}


def asked(flow: Any, engine: Any, **question: Any) -> Any:
    return simulate(flow, store=engine, seeds=range(3), **question)


def test_a_chain_takes_the_sum_of_its_steps(engine: penstock.Engine, chain: Chain) -> None:
    report = asked(chain(4), engine, durations={f"step{n}": n for n in range(1, 5)})
    assert report.makespan.median == 10.0
    assert report.statuses == {"completed": 3}
    assert report.paths.usual == ["step1", "step2", "step3", "step4"]


@pytest.mark.parametrize(("workers", "seconds"), [(1, 12.0), (2, 6.0), (5, 4.0), (6, 2.0)])
def test_steps_side_by_side_take_as_many_rounds_as_there_are_places_for(
    engine: penstock.Engine, workers: int, seconds: float
) -> None:
    report = asked(fan(6), engine, workers=workers, durations=parts(6, 2.0))
    assert report.makespan.median == pytest.approx({1: 12.0, 2: 6.0, 5: 4.0, 6: 2.0}[workers]), (
        f"not {seconds}"
    )


def test_places_are_busy_as_much_as_the_work_divided_by_time_and_places(engine: penstock.Engine) -> None:
    report = asked(fan(6), engine, workers=4, durations=parts(6, 2.0))
    (place,) = report.places
    assert (place.name, place.slots) == ("workers", 4)
    assert place.utilisation.median == 0.75  # twelve seconds of work in four of four places
    assert place.most_waiting == 2
    assert place.waiting.median == 1.0


def test_the_limit_of_a_workflow_holds(engine: penstock.Engine) -> None:
    report = asked(fan(6, limit=2), engine, workers=6, durations=parts(6, 1.0))
    assert report.makespan.median == 3.0
    assert asked(fan(6), engine, workers=6, limit=3, durations=parts(6, 1.0)).makespan.median == 2.0


def test_an_engine_as_it_is_runs_plain_steps_one_by_one(engine: penstock.Engine) -> None:
    async def waits() -> None: ...

    flow = Workflow("both")
    for number in range(3):
        flow.add_task(nothing, name=f"plain{number}")
        flow.add_task(waits, name=f"async{number}")
    said = {f"plain{n}": 1.0 for n in range(3)} | {f"async{n}": 2.0 for n in range(3)}
    assert asked(flow, engine, workers=None, durations=said).makespan.median == 3.0


@workflow
async def racing() -> str:
    place, _ = await race(step(nothing)(), sleep(2.0))
    return ("the step", "the sleep")[place]


def test_the_engine_sees_no_timer_while_its_own_thread_runs_a_step(engine: penstock.Engine) -> None:
    """The sleep is over after two seconds; but the thread that would see it is in the step for five."""
    said = {"nothing": {"duration": 5.0, "output": 1}}
    apart = asked(racing, engine, workers=1, durations=said)
    assert (apart.makespan.median, ending(apart)) == (2.0, "the sleep")
    here = asked(racing, engine, workers=None, durations=said)
    assert (here.makespan.median, ending(here)) == (5.0, "the step")


def ending(report: Any) -> Any:
    return report.first.logs[0][-1][2].value


def test_a_step_that_names_an_executor_with_places_has_those(engine: penstock.Engine) -> None:
    flow = Workflow("narrow")
    for number in range(4):
        flow.add_task(task(executor="threads:2")(nothing), name=f"part{number}")
    report = asked(flow, engine, workers=4, durations=parts(4, 1.0))
    assert report.makespan.median == 2.0
    assert [place.name for place in report.places] == ["threads:2"]


def test_retries_wait_as_in_production(engine: penstock.Engine) -> None:
    flow = Workflow("again")
    flow.add_task(task(retries=RetryPolicy(attempts=3, delay=10.0, backoff=2.0))(nothing), name="part0")
    report = asked(flow, engine, durations={"part0": {"duration": 1.0, "fails": 1.0}})
    assert report.makespan.median == 1 + 10 + 1 + 20 + 1
    assert report.statuses == {"failed": 3}
    assert report.reasons == ["RuntimeError: it was drawn by a simulation"]


def test_a_table_may_allow_more_than_the_workflow_does(engine: penstock.Engine) -> None:
    said = {"part0": {"duration": 1.0, "fails": 1.0, "retries": 2, "delay": 5.0}}
    assert asked(fan(1), engine, durations=said).makespan.median == 13.0


def test_a_timeout_ends_an_attempt(engine: penstock.Engine) -> None:
    flow = Workflow("slow")
    flow.add_task(task(timeout=3.0)(nothing), name="part0")
    report = asked(flow, engine, durations={"part0": 100.0})
    assert report.makespan.median == 3.0
    assert report.statuses == {"failed": 3}
    assert (
        asked(flow, engine, durations={"part0": {"duration": 100.0, "timeout": 200.0}}).makespan.median
        == 100.0
    )


def test_runs_that_come_together_share_the_places(engine: penstock.Engine, chain: Chain) -> None:
    report = asked(chain(2), engine, runs=10, workers=5, durations={"step1": 1.0, "step2": 1.0})
    assert report.makespan.median == 4.0
    assert report.throughput.median == 9000.0


def test_a_queue_bounds_runs_and_minds_priorities(engine: penstock.Engine, chain: Chain) -> None:
    arrivals = [Arrival(0.0), Arrival(0.1), Arrival(0.2, priority=5)]
    report = asked(chain(1), engine, arrivals=arrivals, concurrency=1, durations={"step1": 1.0})
    ended = {run.number: run.ended for run in report.first.runs}
    assert ended == pytest.approx({0: 1.0, 2: 2.0, 1: 3.0})
    assert report.latency.waited.median == pytest.approx((0 + 1.9 + 0.8) / 3)


def test_worker_processes_drive_whole_runs(engine: penstock.Engine, chain: Chain) -> None:
    said = {"step1": 1.0, "step2": 1.0}
    together = asked(chain(2), engine, runs=4, workers=2, durations=said)
    apart = asked(chain(2), engine, runs=4, workers=2, slots=1, threads=1, durations=said)
    assert together.makespan.median == apart.makespan.median == 4.0
    assert together.latency.mean.median == 3.5  # all first steps go before all second ones
    assert apart.latency.mean.median == 3.0  # two runs are over before the others begin


def test_runs_by_chance_queue_as_theory_says(engine: penstock.Engine, chain: Chain) -> None:
    """M/D/1 at 50 %: who comes waits half a service on average (Pollaczek and Khinchine)."""
    report = asked(
        chain(1),
        engine,
        arrivals=Poisson(0.5, runs=4000),
        workers=1,
        durations={"step1": 1.0},
        bottleneck=False,
    )
    assert report.latency.mean.mean == pytest.approx(1.5, rel=0.05)
    assert report.places[0].utilisation.mean == pytest.approx(0.5, rel=0.05)


def test_what_bounds_the_time_is_found_by_raising_it(engine: penstock.Engine, chain: Chain) -> None:
    assert asked(fan(12), engine, workers=3, durations=parts(12, [1, 3])).bottleneck.name == "workers"
    bound = asked(fan(12, limit=2), engine, workers=6, durations=parts(12, [1, 3]))
    assert bound.bottleneck.name == "limit"
    free = asked(chain(3), engine, workers=2, durations={f"step{n}": 1.0 for n in (1, 2, 3)})
    assert free.bottleneck.name is None


def test_prices_are_added_up(engine: penstock.Engine) -> None:
    prices = Prices(worker_hour=3.6, run=0.5, attempts={"part0": 0.25})
    report = asked(fan(2), engine, workers=2, durations=parts(2, 10.0), prices=prices)
    assert report.cost.median == pytest.approx(2 * 10 / 3600 * 3.6 + 0.5 + 0.25)


def test_the_same_seeds_give_the_same_report(engine: penstock.Engine) -> None:
    first, second, other = (
        simulate(fan(5), store=engine, seeds=seeds, durations=parts(5, {"mean": 2.0}), workers=2).to_json()
        for seeds in (range(4), range(4), range(4, 8))
    )
    assert first == second
    assert first != other


def test_a_sweep_asks_the_same_for_each_number_of_workers(engine: penstock.Engine) -> None:
    how: dict[str, Any] = {"durations": parts(6, 1.0), "runs": 2, "seeds": [1], "store": engine}
    found = sweep(fan(6), workers=[1, 4, 12], **how)
    assert [each.makespan.median for each in found] == [12.0, 3.0, 1.0]
    alone = simulate(fan(6), workers=4, **how)
    assert found[1].to_json() == alone.to_json()
    with pytest.raises(SettingsError, match="numbers of workers to compare"):
        sweep(fan(6), workers=[])


def test_what_goes_on_for_too_long_is_cut_off(engine: penstock.Engine, chain: Chain) -> None:
    report = asked(
        chain(3), engine, runs=2, workers=1, until=2.5, durations={f"step{n}": 1.0 for n in (1, 2, 3)}
    )
    assert report.statuses == {"unfinished": 6}
    assert report.makespan.median == pytest.approx(3.0), "what was under way then came to its end"


def test_prices_may_be_said_by_name_and_a_queue_as_the_store_has_it(engine: penstock.Engine) -> None:
    Queues(engine).bound("narrow", 1)
    said = {"worker_hour": 3.6, "part0": 0.25}
    report = asked(fan(1), engine, runs=3, workers=2, queue="narrow", durations=parts(1, 10.0), prices=said)
    assert report.makespan.median == 30.0
    assert report.cost.median == pytest.approx(2 * 30 / 3600 * 3.6 + 3 * 0.25)


def test_steps_of_which_nothing_is_known_are_named(engine: penstock.Engine, chain: Chain) -> None:
    report = asked(chain(2), engine, durations={"step1": 1.0}, default_seconds=7.0)
    assert report.known.missing == ["step2"]
    assert report.makespan.median == 8.0


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"workers": 0}, "workers=0 must be a whole number"),
        ({"runs": 0}, "runs=0 must be"),
        ({"seeds": []}, "at least one"),
        ({"arrivals": "soon"}, "Poisson"),
        ({"arrivals": "trace"}, "none that have ended"),
        ({"arrivals": Poisson(0.0, runs=3)}, "rate above 0"),
        ({"durations": {"step1": {"durration": 3}}}, "did you mean 'duration'"),
        ({"durations": {"step1": {"fails": 3}}}, "steps.step1: fails = 3"),
        ({"durations": {"step1": [3, 1]}}, "is no duration"),
        ({"durations": 12}, "learned"),
        ({"limits": {"api": 0}}, "from 1 up"),
        ({"limits": {"api": "often"}}, "rate"),
    ],
)
def test_what_means_nothing_is_refused(
    engine: penstock.Engine, chain: Chain, question: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        simulate(chain(1), **{"store": engine, "seeds": [1], **question})


# ── limits under keys ───────────────────────────────────────────────────────────────────────────────────────────────


def limited(width: int, limit: Any) -> Workflow:
    flow = Workflow("limited")
    for number in range(width):
        flow.add_task(task(limit=limit)(nothing), name=f"part{number}")
    return flow


def test_a_limit_under_a_key_holds(engine: penstock.Engine) -> None:
    report = asked(limited(6, Limit("api", at_most=2)), engine, workers=6, durations=parts(6, 1.0))
    assert report.makespan.median == 3.0
    places = {place.name: place for place in report.places}
    assert places["limit api"].slots == 2
    assert places["limit api"].utilisation.median == 1.0
    assert places["limit api"].most_waiting == 4
    assert report.bottleneck.name == "limit api"


def test_what_if_a_limit_were_another(engine: penstock.Engine) -> None:
    flow = limited(6, Limit("api", at_most=2))
    assert asked(flow, engine, workers=6, limits={"api": 3}, durations=parts(6, 1.0)).makespan.median == 2.0
    assert asked(
        flow, engine, workers=6, limits={"api": "2/s"}, durations=parts(6, 1.0)
    ).makespan.median == pytest.approx(3.5, abs=0.01)


def test_a_rate_spaces_starts(engine: penstock.Engine) -> None:
    report = asked(limited(5, Limit("mail", rate="1/s")), engine, workers=5, durations=parts(5, 0.5))
    assert report.makespan.median == pytest.approx(4.5, abs=0.01)
    assert report.bottleneck.name == "rate mail"


def test_what_the_store_says_of_a_key_holds(engine: penstock.Engine) -> None:
    KeyLimits(engine.durable_store()).set("api", at_most=1)
    flow = limited(4, Limit("api", at_most=2))
    assert asked(flow, engine, workers=6, durations=parts(4, 1.0)).makespan.median == 4.0
    assert asked(flow, engine, workers=6, durations=parts(4, 1.0), limits={"api": 4}).makespan.median == 1.0


def test_a_limit_is_shared_by_worker_processes(engine: penstock.Engine) -> None:
    flow = limited(2, Limit("api", at_most=1))
    report = asked(flow, engine, runs=3, workers=3, slots=1, durations=parts(2, 1.0))
    assert report.makespan.median == 6.0
