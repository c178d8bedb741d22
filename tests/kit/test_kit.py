"""The kit for users' tests: runs in virtual time with steps replaced, and assertions on their logs."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest

from penstock import RunCancelled, RunFailed, Workflow, context, resource, task
from penstock.errors import CodecError, DefinitionError
from penstock.testing import RunLog, raising, simulated


@task
def fetch(order: int) -> dict[str, int]:
    raise AssertionError("the network is not for tests")


@task(retries=3, retry_delay=60, retry_backoff=2, timeout=10)
def charge(fetch: dict[str, int]) -> str:
    return f"paid {fetch['id']}"


@task
async def ship(charge: str) -> str:
    await asyncio.sleep(0)
    return f"shipped, {charge}"


def orders() -> Workflow:
    flow = Workflow("orders")
    flow.add_task(fetch)
    flow.add_task(charge, depends_on=["fetch"])
    flow.add_task(ship, depends_on=["charge"])
    return flow


ORDER = {"id": 7}


def test_a_value_stands_in_for_a_step_and_the_others_run_their_own_code() -> None:
    with simulated(orders(), replace={"fetch": ORDER}) as sim:
        run = sim.run(order=7)
    assert run.status == "completed"
    assert run.result() == "shipped, paid 7"
    run.log.assert_order("fetch", "charge", "ship")
    run.log.assert_completed("charge", "paid 7")


def test_a_function_that_stands_in_is_given_the_arguments_it_names() -> None:
    with simulated(orders(), replace={"fetch": lambda order: {"id": order}, "charge": lambda: "free"}) as sim:
        assert sim.run(order=8).log.result("fetch") == {"id": 8}
        assert sim.run(order=8).result() == "shipped, free"


def test_a_class_or_an_async_function_stands_in_too() -> None:
    async def pay(fetch: dict[str, int]) -> str:
        await asyncio.sleep(0)
        return str(fetch)

    with simulated(orders(), replace={"fetch": dict, "charge": pay}) as sim:
        assert sim.run(order=7).result() == "shipped, {'order': 7}"


def test_retries_wait_in_virtual_time_only() -> None:
    began = time.monotonic()
    with simulated(
        orders(), replace={"fetch": ORDER, "charge": raising(ConnectionError, times=2)}, seconds={"fetch": 2}
    ) as sim:
        run = sim.run(order=7)
    assert run.log.attempts("charge") == 3
    assert run.log.waits("charge") == [60, 120]
    assert run.seconds == 182
    assert run.result() == "shipped, paid 7"
    assert time.monotonic() - began < 60


def test_what_comes_after_an_error_may_be_said() -> None:
    play = raising(ConnectionError, times=1, then=raising(OSError, times=2, then="a voucher"))
    with simulated(orders(), replace={"fetch": ORDER, "charge": play}) as sim:
        run = sim.run(order=7)
    assert run.log.attempts("charge") == 3
    assert run.result() == "shipped, a voucher"


def test_an_attempt_that_takes_too_long_times_out() -> None:
    with simulated(orders(), replace={"fetch": ORDER}, seconds={"charge": [100, 1]}) as sim:
        run = sim.run(order=7)
    assert run.log.attempts("charge") == 2
    assert run.seconds == 10 + 60 + 1
    with simulated(orders(), replace={"fetch": ORDER}, seconds={"charge": 100}) as sim:
        run = sim.run(order=7)
    run.log.assert_failed("charge", "StepTimeout", match="10 s")


def test_a_run_that_fails_is_asked_and_does_not_raise() -> None:
    with simulated(orders(), replace={"fetch": raising(KeyError("order"))}) as sim:
        run = sim.run(order=7)
    assert run.status == "failed"
    assert run.log.failed == ["fetch"]
    run.log.assert_failed("fetch", KeyError, match="order")
    run.log.assert_failed("fetch", LookupError)
    run.log.assert_not_ran("charge")
    with pytest.raises(RunFailed) as failed:
        run.result()
    assert isinstance(failed.value.__cause__, KeyError)


def test_a_failed_run_is_resumed() -> None:
    with simulated(orders(), replace={"fetch": raising(OSError, times=1, then=ORDER)}) as sim:
        assert sim.run(order=7).status == "failed"
        failed = sim.run(order=7)
        run = sim.resume(failed)
    assert run.id == failed.id
    assert run.log.attempts("fetch") == 2
    assert run.result() == "shipped, paid 7"


def test_plain_steps_take_turns_and_threads_do_not() -> None:
    flow = Workflow("pairs")
    for name in ("a", "b"):
        flow.add_task(lambda: None, name=name)
        flow.add_task(lambda: None, name=f"{name}-aside", executor="threads")
        flow.add_task(lambda: None, name=f"{name}-in-one-thread", executor="threads:1")
    names = [f"{name}{where}" for name in "ab" for where in ("", "-aside", "-in-one-thread")]
    with simulated(flow, seconds=dict.fromkeys(names, 5)) as sim:
        log = sim.run().log
    assert (log.ended("a"), log.started("b")) == (5, 5)
    assert (log.started("a-aside"), log.started("b-aside")) == (0, 0)
    assert (log.ended("a-in-one-thread"), log.started("b-in-one-thread")) == (5, 5)


def test_items_of_a_map_count_each_for_itself() -> None:
    flow = Workflow("sizes")
    flow.add_task(task(retries=2)(lambda text: len(text)).named("measure").map(text=["a", "bb"]))
    with simulated(
        flow, replace={"measure": raising(OSError, times=1, then=lambda text: text.upper())}
    ) as sim:
        log = sim.run().log
    assert log.result("measure") == ["A", "BB"]
    assert (log.attempts("measure"), log.attempts("measure", item=1)) == (4, 2)


def test_a_step_of_a_workflow_inside_is_named_with_its_path() -> None:
    outer = Workflow("outer")
    outer.add_workflow(orders())
    with simulated(outer, replace={"orders/fetch": ORDER}, seconds={"orders/ship": 3}) as sim:
        run = sim.run(order=7)
    assert run.seconds == 3
    run.log.assert_ran("orders/fetch", before="orders/ship")


def test_a_step_that_is_not_there_is_refused_before_anything_runs() -> None:
    with pytest.raises(DefinitionError, match="no step 'charg'; did you mean 'charge'"):
        simulated(orders(), replace={"charg": 1})
    with pytest.raises(DefinitionError, match="no step 'x'; it has fetch, charge, ship"):
        simulated(orders(), seconds={"x": 1})


def test_the_log_does_not_know_a_name_that_is_nobodys() -> None:
    with simulated(orders(), replace={"fetch": ORDER}) as sim:
        log = sim.run(order=7).log
    with pytest.raises(AssertionError, match="no step 'shp'; did you mean 'ship'"):
        log.assert_not_ran("shp")


def test_what_is_asserted_and_is_not_so_fails_and_shows_the_log() -> None:
    flow = orders()
    flow.add_task(lambda ship: None, depends_on=["ship"], name="thank", when=lambda ship: False)
    with simulated(flow, replace={"fetch": ORDER, "charge": raising(OSError, times=1)}) as sim:
        log = sim.run(order=7).log
    for wrong, says in (
        (lambda: log.assert_ran("ship", before="fetch"), "'ship' did not run before 'fetch'"),
        (lambda: log.assert_ran("fetch", after="ship"), "'ship' did not run before 'fetch'"),
        (lambda: log.assert_ran("charge", times=3), "'charge' was tried 2 times, not 3 times"),
        (lambda: log.assert_ran("thank"), "'thank' did not run: it was skipped: its condition was false"),
        (lambda: log.assert_not_ran("ship"), "'ship' ran, and completed"),
        (lambda: log.assert_order("charge", "fetch", "ship"), "another order: fetch, charge, ship"),
        (lambda: log.assert_completed("charge", "paid 8"), "with 'paid 7', not with 'paid 8'"),
        (lambda: log.assert_completed("thank"), "has no result: it was skipped"),
        (lambda: log.assert_failed("charge"), "'charge' did not fail: it completed"),
        (lambda: log.assert_skipped("ship"), "'ship' was not skipped: it completed"),
        (lambda: log.assert_skipped("thank", "it rains"), "not because it rains"),
    ):
        with pytest.raises(AssertionError, match=says) as failed:
            wrong()
        assert "charge failed, and will be tried again: OSError" in str(failed.value)
    log.assert_skipped("thank", "condition")
    assert (log.skipped, log.completed) == (["thank"], ["fetch", "charge", "ship"])


def test_a_failure_of_another_kind_is_told_apart() -> None:
    with simulated(orders(), replace={"fetch": raising(KeyError("order"))}) as sim:
        log = sim.run(order=7).log
    with pytest.raises(AssertionError, match="which is no ValueError"):
        log.assert_failed("fetch", ValueError)
    with pytest.raises(AssertionError, match="nothing says 'customer'"):
        log.assert_failed("fetch", match="customer")


def test_somebody_may_interfere_while_a_run_is_under_way() -> None:
    with simulated(orders(), replace={"fetch": ORDER}, seconds={"fetch": 10}) as sim:
        sim.after(5, lambda run: run.cancel("changed my mind"))
        run = sim.run(order=7)
        assert run.seconds == 5
        assert run.log.cancelled[0] == "fetch"
        with pytest.raises(RunCancelled, match="changed my mind"):
            run.result()
        sim.after(1, lambda run: run.pause())
        sim.after(100, lambda run: run.resume())
        assert sim.run(order=7).seconds == 100


def test_a_run_that_waits_for_ever_is_an_error_that_says_for_what() -> None:
    with simulated(orders(), replace={"fetch": ORDER}, seconds={"fetch": 10}) as sim:
        sim.after(5, lambda run: run.pause())
        with pytest.raises(AssertionError, match=r"nothing more happens.*it is paused"):
            sim.run(order=7)


def test_the_deadline_of_a_run_is_kept() -> None:
    flow = Workflow("short", timeout=30)
    flow.add_task(lambda: None, name="long", executor="threads")
    with simulated(flow, seconds={"long": 3600}) as sim:
        run = sim.run()
    assert (run.status, run.seconds) == ("failed", 30)


def test_what_cannot_be_stored_fails_here_as_it_would_for_good() -> None:
    with simulated(orders(), replace={"fetch": lambda: object()}) as sim:
        sim.run(order=7).log.assert_failed("fetch", CodecError)


def test_a_step_knows_itself_and_uses_resources() -> None:
    closed = []

    def connect() -> object:
        yield "a line"
        closed.append("closed")

    flow = Workflow("lines", resources={"line": resource(connect)})
    flow.add_task(lambda line: (line, context().step, context().attempt), name="talk")
    with simulated(flow) as sim:
        assert sim.run().result() == ("a line", "talk", 1)
    assert closed == ["closed"]


def test_the_same_rehearsal_gives_the_same_log_every_time() -> None:
    logs = set()
    for _ in range(2):
        with simulated(
            orders(), replace={"fetch": ORDER, "charge": raising(OSError, times=3)}, seconds={"ship": 0.1}
        ) as sim:
            logs.add(str(sim.run(order=7).log))
    assert len(logs) == 1


async def test_it_works_where_a_loop_is_running() -> None:
    with simulated(orders(), replace={"fetch": ORDER}) as sim:
        assert sim.run(order=7).result() == "shipped, paid 7"


def test_the_log_of_a_real_run_answers_the_same_questions() -> None:
    flow = Workflow("real")
    flow.add_task(lambda: 1, name="one")
    run = flow.using(store="memory:").start()
    run.result(timeout=60)
    log = RunLog(run.events())
    log.assert_completed("one", 1)
    log.assert_order("one")


def test_a_step_in_a_transaction_writes_to_a_database_of_the_rehearsal() -> None:
    @task(transaction=True, retries=1)
    def book(room: str, connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO bookings VALUES (?)", (room,))
        if context().attempt == 1:
            raise OSError("after the row was written")
        return len(room)

    flow = Workflow("rooms")
    flow.add_task(book)
    with simulated(flow) as sim:
        sim.connection.execute("CREATE TABLE bookings (room TEXT)")
        assert sim.run(room="red").result() == 3
        assert sim.connection.execute("SELECT * FROM bookings").fetchall() == [("red",)]
    with simulated(flow, replace={"book": 7}) as sim:
        assert sim.run(room="red").result() == 7
    with simulated(flow, replace={"book": lambda connection: connection.total_changes}) as sim:
        assert sim.run(room="red").result() == 0
