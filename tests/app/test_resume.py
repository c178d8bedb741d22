"""Runs outlive their engines: what was committed is never run again, and one engine at a time may record anything."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest

import penstock
from penstock.errors import (
    CodeChanged,
    CommandRefused,
    LeaseLost,
    RunCancelled,
    RunFailed,
    RunNotFound,
    RunStopped,
)
from penstock.model import events as e
from penstock.tasks import Workflow
from tests.app.worlds import SOON, World, gate, take_up, until, world

__all__ = ["world"]


@dataclass
class Order:
    """A class of the user's own, which no annotation names."""

    number: int
    lines: tuple[str, ...] = ()


def chain(ran: list[str], hold: Any = None, name: str = "chain") -> Workflow:
    """a -> b -> c; b waits at a gate, if there is one."""
    flow = Workflow(name)

    def a() -> Any:
        ran.append("a")
        return Order(1, ("x", "y"))

    def b(a: Any) -> Any:
        ran.append("b")
        if hold is not None and ran.count("b") == 1:
            hold[0].set()
            while not hold[1].wait(0.005) and not penstock.context().cancelled:
                pass
        return a

    def c(b: Any) -> Any:
        ran.append("c")
        return (type(b).__name__, b)

    flow.add_task(a)
    flow.add_task(b, depends_on=["a"])
    flow.add_task(c, depends_on=["b"])
    return flow


def kinds(run: Any) -> list[str]:
    return [e.KIND_OF[type(event)] for _, _, event in run.events()]


# ── an engine dies ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_engine_finishes_what_a_dead_one_began_and_repeats_nothing_committed(world: World) -> None:
    ran: list[str] = []
    with gate() as hold:
        flow = chain(ran, hold)
        dead, alive = world.engine(), world.engine()
        run = dead.start(flow, {})
        assert hold[0].wait(SOON)
        world.kill(dead)
        again = take_up(alive, run.id, flow)
        assert again.result(SOON) == ("Order", Order(1, ("x", "y")))
    assert ran == ["a", "b", "b", "c"]
    assert kinds(again).count("owned") == 1


def test_the_dead_one_that_comes_back_can_record_nothing(world: World) -> None:
    ran: list[str] = []
    with gate() as hold:
        flow = chain(ran, hold)
        dead, alive = world.engine(), world.engine()
        run = dead.start(flow, {})
        assert hold[0].wait(SOON)
        world.kill(dead)
        take_up(alive, run.id, flow).result(SOON)
        before = alive.events_of(run.id)
        hold[1].set()
        with pytest.raises(LeaseLost, match="another engine owns"):
            run.result(SOON)
        assert alive.events_of(run.id) == before


def test_the_interrupted_attempt_is_recorded_as_lost_and_costs_no_retry(world: World) -> None:
    with gate() as hold:
        flow = chain([], hold)
        dead, alive = world.engine(), world.engine()
        run = dead.start(flow, {})
        assert hold[0].wait(SOON)
        world.kill(dead)
        take_up(alive, run.id, flow).result(SOON)
    attempts = alive.steps_of(run.id)["b"].attempts
    assert [attempt.status for attempt in attempts] == ["lost", "completed"]


def test_a_run_that_is_alive_elsewhere_cannot_be_resumed(world: World) -> None:
    with gate() as hold:
        flow = chain([], hold)
        one, other = world.engine(), world.engine()
        run = one.start(flow, {})
        assert hold[0].wait(SOON)
        with pytest.raises(CommandRefused, match="is being driven by process"):
            other.resume(run.id, flow)
        hold[1].set()
        run.result(SOON)


def test_of_two_engines_that_resume_at_once_one_gets_the_run(world: World) -> None:
    ran: list[str] = []
    with gate() as hold:
        flow = chain(ran, hold)
        dead = world.engine()
        run = dead.start(flow, {})
        assert hold[0].wait(SOON)
        world.kill(dead)
        rivals = [world.engine(), world.engine()]
        results: list[Any] = []

        def race(engine: Any) -> None:
            try:
                results.append(take_up(engine, run.id, flow).result(SOON))
            except BaseException as error:
                results.append(error)

        threads = [threading.Thread(target=race, args=(engine,)) for engine in rivals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
    assert results == [("Order", Order(1, ("x", "y")))] * 2
    assert ran == ["a", "b", "b", "c"]


def test_a_closed_engine_gives_its_runs_back_at_once(world: World) -> None:
    with gate() as hold:
        flow = chain([], hold)
        first, second = world.engine(), world.engine(lease_seconds=60.0)
        run = first.start(flow, {})
        assert hold[0].wait(SOON)
        first.leave_all()
        with pytest.raises(RunStopped, match=rf"go on: penstock resume {run.id}"):
            run.result(SOON)
        assert second.resume(run.id, flow).result(SOON)[0] == "Order"


# ── failed runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def mended(world: World) -> tuple[Workflow, list[str], list[bool]]:
    """A workflow whose second task fails as long as the world is broken."""
    ran: list[str] = []
    broken = [True]
    flow = Workflow("mended")

    def first() -> int:
        ran.append("first")
        return 1

    def second(first: int) -> int:
        ran.append("second")
        if broken[0]:
            raise AssertionError
        return first + 1

    flow.add_task(first)
    flow.add_task(second, depends_on=["first"])
    return flow, ran, broken


def test_a_failed_run_is_reopened_and_only_what_failed_runs_again(world: World) -> None:
    flow, ran, broken = mended(world)
    run = world.engine().start(flow, {})
    with pytest.raises(RunFailed, match="failed in step 'second': AssertionError"):
        run.result(SOON)
    broken[0] = False
    again = world.engine().resume(run.id, flow)
    assert again.result(SOON) == 2
    assert ran == ["first", "second", "second"]
    assert again.status == "completed"
    assert "run_reopened" in kinds(again)


def test_a_run_can_be_resumed_by_its_handle_though_its_code_is_in_no_file(world: World) -> None:
    flow, _, broken = mended(world)
    run = world.engine().start(flow, {})
    assert run.wait(SOON) == "failed"
    broken[0] = False
    assert run.resume().result(SOON) == 2


def test_a_run_that_fails_again_can_be_reopened_again(world: World) -> None:
    flow, ran, broken = mended(world)
    engine = world.engine()
    run = engine.start(flow, {})
    for _ in range(2):
        assert run.wait(SOON) == "failed"
        run = engine.resume(run.id, flow)
    assert run.wait(SOON) == "failed"
    broken[0] = False
    assert engine.resume(run.id, flow, wait=True).result() == 2
    assert ran.count("first") == 1


def test_a_completed_run_is_returned_as_it_is(world: World) -> None:
    flow, ran, broken = mended(world)
    broken[0] = False
    engine = world.engine()
    run = engine.run(flow, {})
    assert engine.resume(run.id).result() == 2
    assert ran == ["first", "second"]


def test_a_cancelled_run_stays_cancelled(world: World) -> None:
    engine = world.engine()
    with gate() as hold:
        run = engine.start(chain([], hold), {})
        assert hold[0].wait(SOON)
        run.cancel("enough")
        with pytest.raises(RunCancelled):
            run.result(SOON)
    with pytest.raises(CommandRefused, match="was cancelled, which is final: start a new one"):
        engine.resume(run.id)


def test_a_run_that_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(RunNotFound, match="no run 'nope'"):
        world.engine().resume("nope")


# ── other code ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_code_of_another_structure_cannot_continue_a_run(world: World) -> None:
    flow, _, _ = mended(world)
    engine = world.engine()
    run = engine.start(flow, {})
    run.wait(SOON)
    with pytest.raises(CodeChanged, match=r"is of workflow 'mended'; the code at hand is 'chain'"):
        engine.resume(run.id, chain([]))
    with pytest.raises(CodeChanged, match=r"began with another structure of 'mended' \(then \w+, now \w+\)"):
        engine.resume(run.id, chain([], name="mended"))
    assert run.status == "failed"


def test_after_a_refused_resume_the_run_can_be_resumed_by_the_right_code(world: World) -> None:
    flow, _, broken = mended(world)
    engine = world.engine()
    run = engine.start(flow, {})
    run.wait(SOON)
    with pytest.raises(CodeChanged):
        engine.resume(run.id, chain([]))
    broken[0] = False
    assert engine.resume(run.id, flow).result(SOON) == 2


# ── letters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_cancelled_from_another_engine(world: World) -> None:
    one, other = world.engine(), world.engine()
    with gate() as hold:
        run = one.start(chain([], hold), {})
        assert hold[0].wait(SOON)
        other.get(run.id).cancel("from afar")
        with pytest.raises(RunCancelled, match="from afar"):
            run.result(SOON)
    assert other.get(run.id).status == "cancelled"


def test_a_run_is_paused_and_resumed_from_another_engine(world: World) -> None:
    one, other = world.engine(), world.engine()
    with gate() as hold:
        run = one.start(chain([], hold), {})
        assert hold[0].wait(SOON)
        there = other.get(run.id)
        there.pause("wait")
        hold[1].set()
        until(lambda: there.status in ("paused", "completed"))
        if there.status == "paused":
            there.resume()
        assert there.wait(SOON) == "completed"
        assert there.result()[0] == "Order"


def test_a_run_that_nobody_drives_is_cancelled_by_whoever_asks(world: World) -> None:
    with gate() as hold:
        dead, other = world.engine(), world.engine()
        run = dead.start(chain([], hold), {})
        assert hold[0].wait(SOON)
        world.kill(dead)
        there = other.get(run.id)
        there.cancel("nobody there")
        assert there.status == "cancelled"
        with pytest.raises(RunCancelled, match="nobody there"):
            there.result()


def test_a_paused_run_whose_engine_died_goes_on_when_it_is_resumed(world: World) -> None:
    with gate() as hold:
        flow = chain([], hold)
        dead, alive = world.engine(), world.engine()
        run = dead.start(flow, {})
        assert hold[0].wait(SOON)
        run.pause()
        hold[1].set()
        until(lambda: run.status == "paused" and "noted" in kinds(run))
        world.kill(dead)
        assert alive.resume(run.id, flow).result(SOON)[0] == "Order"


# ── keys and names ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_keyed_run_is_started_once_whichever_engine_is_asked(world: World) -> None:
    ran: list[str] = []
    flow = chain(ran)
    first = world.engine().run(flow, {}, key="monday")
    second = world.engine().run(flow, {}, key="monday")
    assert first.id == second.id
    assert second.result()[0] == "Order"
    assert ran == ["a", "b", "c"]


@pytest.mark.parametrize("way", ["run", "start"])
def test_of_engines_that_begin_a_key_at_once_one_does_and_the_others_follow(world: World, way: str) -> None:
    ran: list[str] = []
    flow, engines = chain(ran), [world.engine() for _ in range(3)]
    both_looked = threading.Barrier(len(engines))
    for engine in engines:
        engine.known = _then_wait(engine.known, both_looked)  # type: ignore[method-assign]
    found: list[Any] = []

    def begin(engine: Any) -> None:
        run = getattr(engine, way)(flow, {}, key="monday")
        found.append((run.id, run.result(SOON)[0], run.status, engine.run(flow, {}, key="monday").id))

    threads = [threading.Thread(target=begin, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    ((known, value, status, again),) = set(found)
    assert (len(found), known == again, value, status) == (3, True, "Order", "completed")
    assert ran == ["a", "b", "c"]


def _then_wait(known: Any, barrier: threading.Barrier) -> Any:
    asked: list[str] = []

    def looked(run_id: str) -> Any:
        found = known(run_id)
        if not asked:
            asked.append(run_id)
            barrier.wait(SOON)
        return found

    return looked


def test_threads_that_begin_a_key_at_once_are_given_one_run(world: World) -> None:
    ran: list[str] = []
    engine, flow = world.engine(), chain(ran)
    together = threading.Barrier(8)
    found: list[Any] = []

    def begin() -> None:
        together.wait(SOON)
        found.append(engine.run(flow, {}, key="monday").result(SOON)[0])

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert found == ["Order"] * 8
    assert ran == ["a", "b", "c"]


def test_a_keyed_run_whose_engine_died_goes_on_when_it_is_asked_for_again(world: World) -> None:
    ran: list[str] = []
    with gate() as hold:
        flow = chain(ran, hold)
        dead, alive = world.engine(), world.engine()
        run = dead.start(flow, {}, key="monday")
        assert hold[0].wait(SOON)
        world.kill(dead)
        again = alive.run(flow, {}, key="monday")
        assert again.id == run.id
        assert again.result()[0] == "Order"
    assert ran == ["a", "b", "b", "c"]


def test_runs_are_found_by_a_beginning_of_their_id_and_as_the_latest(world: World) -> None:
    engine = world.engine()
    runs = [engine.run(chain([]), {}) for _ in range(2)]
    assert engine.get(runs[0].id[:9]).id == runs[0].id
    assert engine.get("latest").id == runs[1].id
    assert [run.id for run in engine.list()] == [run.id for run in reversed(runs)]
    assert engine.list(status="failed") == []
    with pytest.raises(RunNotFound, match="no run begins with 'zz'"):
        engine.get("zz")


def test_an_input_that_cannot_be_stored_is_refused_before_anything_starts(world: World) -> None:
    flow = Workflow("inputs")
    flow.add_task(lambda x: 1, name="it")
    engine = world.engine()
    with pytest.raises(TypeError, match="object"):
        engine.run(flow, {"x": object()})
    assert engine.list() == []


def test_a_result_that_cannot_be_stored_fails_its_step_and_not_the_engine(world: World) -> None:
    flow = Workflow("results")
    flow.add_task(lambda: object(), name="it")
    engine = world.engine()
    with pytest.raises(RunFailed, match=r"failed in step 'it': penstock.errors.CodecError"):
        engine.run(flow, {}).result()
    assert engine.run(chain([]), {}).result()[0] == "Order"


def test_the_steps_of_a_run_are_there_before_its_first_event_is() -> None:
    flow = Workflow("early")
    flow.add_task(lambda: 1, name="one")
    with penstock.open("memory:") as engine:
        run = engine.start(flow, {})
        assert run.steps["one"].status in ("waiting", "ready", "running", "completed")
        assert list(run.steps) == ["one"]
        run.result()
