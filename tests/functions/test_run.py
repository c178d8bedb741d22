"""Durable functions as users run them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import RunCancelled, RunFailed, Workflow, task
from penstock.errors import DefinitionError, InputError, StepFailed, StepTimeout, UserError
from penstock.functions import (
    continue_as_new,
    gather,
    now,
    race,
    random,
    sleep,
    sleep_until,
    start,
    step,
    uuid4,
    wait_for_signal,
    workflow,
)

ran: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@dataclass
class Parcel:
    weight: int
    label: str = ""


class Refused(Exception):
    """Needs more than a message."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code} {why}")
        self.code = code


@task
def add(a: int, b: int = 1) -> int:
    ran.append(f"add {a} {b}")
    return a + b


@task
async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


@task
def fails(with_what: str) -> int:
    raise {"value": ValueError("wrong"), "key": KeyError("k"), "refused": Refused(7, "no")}[with_what]


@task(retries=2)
def third_time(counter: str) -> int:
    ran.append(counter)
    if len(ran) < 3:
        raise OSError("busy")
    return len(ran)


def plain(number: int) -> int:
    return number * 10


# ── what a function may do ──────────────────────────────────────────────────────────────────────────────────────────


@workflow
async def total_of(times: int, start_at: int = 0) -> int:
    total = start_at
    for _ in range(times):
        total = await step(add)(total)
    return total


@workflow
def total_blocked(times: int) -> int:
    total = 0
    for _ in range(times):
        total = add(total)
    return total


def test_calls_of_tasks_are_steps() -> None:
    assert total_of.run(3) == 3
    assert list(total_of.latest.steps) == ["add", "add-2", "add-3"]  # type: ignore[union-attr]
    assert total_of.latest.steps["add-2"].result == 2  # type: ignore[union-attr]


def test_a_function_that_is_not_async_waits_at_each_call() -> None:
    assert total_blocked.run(3) == 3
    assert list(total_blocked.latest.steps) == ["add", "add-2", "add-3"]  # type: ignore[union-attr]


def test_inputs_go_by_place_or_by_name_and_defaults_are_recorded() -> None:
    assert total_of.run(1, start_at=5) == 6
    assert total_of.run(times=2) == 2
    run = total_of.start(2)
    assert run.result(60) == 2
    assert run.events()[0][2].input == {"times": 2, "start_at": 0}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "needs input 'times'"),
        ((1, 2, 3), {}, "has 2 inputs; 3 were given"),
        ((1,), {"times": 2}, "input 'times' was given twice"),
        ((), {"tims": 2}, "did you mean 'times'"),
        (("a",), {}, "input 'times' of workflow 'total_of' must be int; 'a' is str"),
    ],
)
def test_wrong_inputs_are_refused_before_anything_starts(args: Any, kwargs: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        total_of.run(*args, **kwargs)


async def test_it_runs_on_the_running_event_loop() -> None:
    assert await total_of.run_async(3) == 3
    assert await total_blocked.run_async(2) == 2
    run = await total_of.start_async(1)
    assert await run.result_async(10) == 1


def test_sync_async_and_plain_functions_are_called_alike() -> None:
    @workflow
    async def mixed() -> list[int]:
        return [await step(add)(1), await double(2), await step(plain)(3), await step(lambda: 4)()]

    assert mixed.run() == [2, 4, 30, 4]
    assert set(mixed.latest.steps) == {"add", "plain", "function", "double"}  # type: ignore[union-attr]


def test_several_calls_go_side_by_side_and_keep_their_order() -> None:
    async def add_twice(number: int) -> int:
        return await step(add)(await step(add)(number))

    @workflow
    async def several() -> list[Any]:
        return await gather(double(1), add_twice(10), add_twice(20), sleep(0), double(2))

    assert several.run() == [2, 12, 22, None, 4]


def test_thousands_of_coroutines_go_side_by_side() -> None:
    async def add_twice(number: int) -> int:
        return await step(add)(await step(add)(number))

    @workflow
    async def wide(width: int) -> int:
        return sum(await gather(*[add_twice(number) for number in range(width)]))

    assert wide.run(3_000) == sum(range(3_000)) + 2 * 3_000


def test_gather_raises_the_first_failure_or_gives_exceptions_as_values() -> None:
    @workflow
    async def first() -> Any:
        try:
            await gather(step(add)(1), step(fails)("value"))
        except ValueError as error:
            return str(error)

    @workflow
    async def every() -> Any:
        one, other = await gather(step(fails)("value"), step(add)(1), return_exceptions=True)
        return [type(one).__name__, other]

    assert first.run() == "wrong"
    assert every.run() == ["ValueError", 2]


def test_a_race_is_won_by_the_first_and_the_others_are_stopped() -> None:
    async def slow() -> int:
        try:
            await sleep(1000)
        finally:
            ran.append("slow cleaned up")
        return 1

    @workflow
    async def racing() -> Any:
        lost = sleep(1000)
        won = await race(lost, slow(), step(add)(1), wait_for_signal("never"))
        try:
            await lost
        except UserError as error:
            return [*won, str(error)]

    assert racing.run() == [2, 2, "'sleep' was stopped: it lost a race"]
    assert ran == ["add 1 1", "slow cleaned up"]


def test_a_list_known_only_at_run_time_is_mapped() -> None:
    @workflow
    async def mapped(count: int) -> Any:
        squares = await step(double).map(number=range(count), window=2)
        pairs = await step(add).map(a=[1, 2], b=[10, 20])
        mixed = await step(fails).map(with_what=["value"], partial="collect")
        return [squares, pairs, mixed[0].type]

    assert mapped.run(4) == [[0, 2, 4, 6], [11, 22], "ValueError"]


def test_a_function_is_a_part_of_another_and_so_is_a_workflow_of_tasks() -> None:
    flow = Workflow("graph")
    flow.add_task(add)

    @workflow
    async def outer() -> list[int]:
        return [await total_of(2), await step(total_blocked)(1), await step(flow)(a=5, b=6)]

    @workflow
    def outer_blocked() -> list[int]:
        return [total_blocked(2), start(total_of, 1).result()]

    assert outer.run() == [2, 1, 11]
    assert [name for name in outer.latest.steps if "/" in name] == [  # type: ignore[union-attr]
        "total_of/add", "total_of/add-2", "total_blocked/add", "graph/add",
    ]  # fmt: skip
    assert outer_blocked.run() == [2, 1]


def test_a_step_is_tried_again_as_its_task_says() -> None:
    @workflow
    async def trying() -> int:
        return await step(third_time)("once")

    assert trying.run() == 3


def test_a_function_that_is_not_async_can_have_several_things_under_way() -> None:
    @workflow
    def several() -> list[Any]:
        both = gather(start(add, 1), start(double, 2))
        won = race(start(sleep, 1000), start(plain, 3))
        signal = start(wait_for_signal, "go", type=int)
        sleep(0)
        return [*both, *won, signal.result()]  # type: ignore[misc]

    run = several.start()
    run.signal("go", 5)
    assert run.result(60) == [2, 4, 1, 30, 5]


def test_a_function_that_is_not_async_can_have_coroutines_under_way() -> None:
    async def add_twice(number: int) -> int:
        return await step(add)(await step(add)(number))

    @workflow
    def several() -> list[Any]:
        return gather(add_twice(1), start(add, 10), add_twice(20))  # type: ignore[return-value]

    assert several.run() == [3, 11, 22]


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_step_raises_its_own_exception_where_it_can_be_made_again() -> None:
    @workflow
    async def catching() -> list[str]:
        caught = []
        for what in ("value", "key", "refused"):
            try:
                await step(fails)(what)
            except (ValueError, KeyError, StepFailed) as error:
                caught.append(f"{type(error).__name__}: {error}")
        return caught

    value, key, refused = catching.run()
    assert value == "ValueError: wrong"
    assert key == "KeyError: 'k'"
    assert "StepFailed: step 'fails-3' failed" in refused
    assert "Refused: 7 no" in refused


def test_what_cannot_be_made_again_is_still_caught_by_its_class() -> None:
    @workflow
    async def catching() -> str:
        try:
            await step(fails)("refused")
        except Refused as error:
            return error.step or ""  # type: ignore[attr-defined]
        return ""

    assert catching.run() == "fails"


def test_an_uncaught_failure_names_its_step_and_is_tried_again_when_the_run_is_resumed() -> None:
    broken = ["yes"]

    def mends() -> int:
        if broken:
            raise OSError("not yet")
        return 1

    @workflow
    async def failing() -> int:
        await step(add)(1)
        return await step(mends)()

    with penstock.open("memory:") as engine:
        run = failing.using(store=engine).start()
        with pytest.raises(RunFailed, match="in step 'mends': OSError: not yet") as caught:
            run.result(60)
        assert caught.value.failed_step == "mends"
        assert isinstance(caught.value.__cause__, OSError)
        broken.clear()
        assert engine.resume(run.id, failing, wait=True).result(60) == 1
        assert ran == ["add 1 1"]


def test_an_exception_of_the_functions_own_fails_the_run_with_its_line() -> None:
    @workflow
    async def failing() -> int:
        try:
            return await step(fails)("value")
        except ValueError as error:
            raise LookupError("nothing found") from error

    run = failing.start()
    with pytest.raises(RunFailed, match="LookupError: nothing found"):
        run.result(60)
    assert run.error is not None
    assert 'raise LookupError("nothing found")' in run.error.traceback
    assert "program.py" not in run.error.traceback
    assert run.events()[-1][2].blamed  # type: ignore[union-attr]  # so that resuming tries `fails` again


def test_a_call_that_nobody_awaits_is_refused() -> None:
    @workflow
    async def forgetful() -> int:
        step(add)(1)  # type: ignore[unused-awaitable]
        return 1

    @workflow
    async def forgetful_of_all() -> int:
        gather(step(add)(1), step(add)(2))  # type: ignore[unused-awaitable]
        return 1

    with pytest.raises(RunFailed, match="step 'add' was called and its result never awaited"):
        forgetful.run()
    with pytest.raises(RunFailed, match="step 'gather' was called and its result never awaited"):
        forgetful_of_all.run()


@pytest.mark.parametrize("on_a_loop", [False, True])
def test_what_needs_an_event_loop_is_refused_by_name(on_a_loop: bool) -> None:
    @workflow(allow=["asyncio.*"])
    async def sleepy() -> None:
        await asyncio.sleep(0.01)

    async def on_loop() -> None:
        await sleepy.run_async()

    with pytest.raises(
        RunFailed, match=r"cannot await asyncio\.sleep.*await penstock\.functions\.sleep\(seconds\)"
    ):
        asyncio.run(on_loop()) if on_a_loop else sleepy.run()  # type: ignore[func-returns-value]


def test_a_run_cannot_be_started_in_a_function_itself() -> None:
    @workflow
    async def nesting() -> Any:
        return total_of.run(1)

    with pytest.raises(RunFailed, match=r"call the workflow as a part of this run, step\(workflow\)"):
        nesting.run()


def test_a_race_of_nobody_is_refused() -> None:
    @workflow
    async def racing() -> Any:
        return await race()

    with pytest.raises(RunFailed, match=r"race\(\) needs something that can win"):
        racing.run()


def test_what_belongs_into_a_function_is_refused_outside() -> None:
    for call in (now, uuid4, random, lambda: sleep(1), lambda: race(1), lambda: step(add)(1)):  # type: ignore[arg-type]
        with pytest.raises(UserError, match="belongs into a durable function"):
            call()  # type: ignore[operator]
    with pytest.raises(UserError, match=r"total_of.run\(...\) runs it"):
        total_of(1)  # type: ignore[unused-awaitable]
    assert add(1) == 2


def test_deep_in_a_step_calls_are_calls() -> None:
    def calls_a_task() -> int:
        return add(1, 2)

    @workflow
    async def outer() -> int:
        return await step(calls_a_task)()

    assert outer.run() == 3
    assert list(outer.latest.steps) == ["calls_a_task"]  # type: ignore[union-attr]


# ── time, signals, chance ───────────────────────────────────────────────────────────────────────────────────────────


def test_signals_are_checked_and_converted() -> None:
    @workflow
    async def waiting() -> Any:
        parcel = await wait_for_signal("parcel", type=Parcel)
        try:
            await wait_for_signal("number", type=int)
        except InputError as error:
            return [parcel.weight, str(error)]

    run = waiting.start()
    run.signal("parcel", {"weight": 3})
    run.signal("number", "three")
    weight, said = run.result(60)
    assert weight == 3
    assert "signal 'number' must be int; 'three' is not" in said


def test_waiting_for_a_signal_has_an_end() -> None:
    @workflow
    async def waiting() -> str:
        try:
            await wait_for_signal("go", timeout=0.01)
        except StepTimeout as error:
            return str(error)
        return ""

    assert waiting.run() == "no signal 'go' within 0.01 s"


def test_time_is_that_of_the_log() -> None:
    @workflow
    async def timing() -> list[Any]:
        first, second = now(), now()
        await sleep_until(first + timedelta(seconds=0.05))
        return [first == second, (now() - first).total_seconds() >= 0.05, now().utcoffset() == timedelta(0)]

    assert timing.run() == [True, True, True]


def test_chance_is_the_runs_own() -> None:
    @workflow
    async def guessing() -> list[Any]:
        return [random().random(), str(uuid4()), str(uuid4())]

    one, other = guessing.run(), guessing.run()
    assert len({*one, *other}) == 6


@pytest.mark.parametrize("seconds", [-1, "3", float("nan")])
def test_a_sleep_without_a_meaning_is_refused(seconds: Any) -> None:
    @workflow
    async def sleeping() -> None:
        await sleep(seconds)

    with pytest.raises(RunFailed, match="give a number of seconds from 0 up"):
        sleeping.run()


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@workflow(on_cancel=lambda reason: ran.append(f"hook: {reason}"))
async def cleaning() -> None:
    try:
        ran.append("waits")
        await wait_for_signal("never")
    except Exception:
        ran.append("wrong")
    finally:
        ran.append("cleans up")
        await step(add)(1)
        ran.append("wrong")


@workflow
def cleaning_blocked() -> None:
    try:
        ran.append("waits")
        wait_for_signal("never")  # type: ignore[unused-awaitable]
    except Exception:
        ran.append("wrong")
    finally:
        ran.append("cleans up")
        add(1)
        ran.append("wrong")


def test_a_cancelled_function_cleans_up_and_starts_nothing() -> None:
    run = cleaning.start()
    _until(lambda: "waits" in ran)
    run.cancel("enough")
    with pytest.raises(RunCancelled):
        run.result(60)
    assert ran == ["waits", "cleans up", "hook: enough"]


def test_a_cancelled_function_on_a_thread_cleans_up_and_starts_nothing() -> None:
    run = cleaning_blocked.start()
    _until(lambda: "waits" in ran)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(60)
    assert ran == ["waits", "cleans up"]


@pytest.mark.parametrize("function", [cleaning, cleaning_blocked])
def test_a_function_that_is_out_of_time_cleans_up(function: Any) -> None:
    with pytest.raises(RunFailed, match="took longer than it was allowed"):
        function.using(timeout=0.05).run()
    assert ran == ["waits", "cleans up"]


@pytest.mark.parametrize("function", [cleaning, cleaning_blocked])
def test_a_run_that_leaves_the_process_does_no_step_on_its_way(function: Any) -> None:
    import gc

    engine = penstock.open("memory:")
    run = function.using(store=engine).start()
    _until(lambda: "waits" in ran)
    engine.close()
    function.latest = None
    del run, engine
    gc.collect()
    _until(lambda: "cleans up" in ran)
    assert ran == ["waits", "cleans up"]


def test_finally_may_take_steps_where_a_function_fails_or_returns() -> None:
    @workflow
    async def closing(what: str) -> int:
        try:
            return await step(fails)(what)
        except KeyError:
            return 1
        finally:
            await step(add)(1)

    assert closing.run("key") == 1
    with pytest.raises(RunFailed, match="in step 'fails'"):
        closing.run("value")
    assert ran == ["add 1 1", "add 1 1"]


def test_at_most_so_many_steps_are_under_way() -> None:
    @workflow(limit=1)
    async def narrow() -> list[int]:
        return await gather(*[double(number) for number in range(5)])

    assert narrow.run() == [0, 2, 4, 6, 8]


# ── going on as a new run ───────────────────────────────────────────────────────────────────────────────────────────


@workflow
async def endless(number: int = 0, left: int = 3) -> int:
    number = await step(add)(number)
    if left:
        continue_as_new(number=number, left=left - 1)
    return number


@workflow
def endless_blocked(left: int = 2) -> int:
    left = add(left, -1)
    if left:
        continue_as_new(left=left)
    return left


def test_a_function_goes_on_as_a_new_run_and_its_caller_is_given_the_last_result() -> None:
    with penstock.open("memory:") as engine:
        assert endless.using(store=engine, tags={"team": "north"}).run() == 4
        rows = engine.rows()
        assert [row["status"] for row in rows] == ["completed"] * 4
        tags = {row["id"]: json.loads(row["tags"]) for row in rows}
        followed = {tag["continues"] for tag in tags.values() if "continues" in tag}
        assert len(followed) == 3
        assert all(tag["team"] == "north" for tag in tags.values())
        (first,) = tags.keys() - {run for run, tag in tags.items() if "continues" in tag}
        (following,) = [run for run, tag in tags.items() if tag.get("continues") == first]
        assert engine.get(first).result() == {"continued_as": following}


async def test_it_goes_on_as_a_new_run_on_a_loop_too() -> None:
    assert await endless.run_async() == 4
    assert endless_blocked.run(3) == 0


def test_a_chain_of_many_runs_takes_no_thread_each() -> None:
    before = threading.active_count()
    assert endless.run(0, 300) == 301
    assert threading.active_count() <= before + 1


def test_only_the_functions_own_body_may_go_on_as_a_new_run() -> None:
    async def inner() -> None:
        continue_as_new(left=0)

    @workflow
    async def outer(left: int = 1) -> None:
        await gather(inner())

    with pytest.raises(RunFailed, match="is for the workflow's own function"):
        outer.run()


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@task
def weigh(parcel: Parcel) -> Parcel:
    return Parcel(parcel.weight + 1, "weighed")


@workflow
async def shipping(parcel: Parcel) -> Parcel:
    await wait_for_signal("go")
    weighed = await step(weigh)(parcel)
    return await step(weigh)(weighed)


def test_values_come_back_as_they_went_in(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store) as engine:
        run = shipping.using(store=engine).start(Parcel(1))
        engine.signal(run.id, "go", None)
        assert run.result(60) == Parcel(3, "weighed")
    with penstock.open(store) as engine:
        engine.learn(shipping)
        assert engine.get("latest").result() == Parcel(3, "weighed")


@task(transaction=True)
def book(what: str, connection: sqlite3.Connection) -> int:
    connection.execute("CREATE TABLE IF NOT EXISTS bookings (what)")
    connection.execute("INSERT INTO bookings VALUES (?)", (what,))
    return 1


def test_tasks_keep_their_powers(tmp_path: Path) -> None:
    @workflow
    async def booking() -> int:
        return await step(book)("a table") + await step(elsewhere)(2)

    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        assert booking.using(store=engine).run() == 21
    with contextlib.closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        assert connection.execute("SELECT what FROM bookings").fetchall() == [("a table",)]


@task(executor="threads", timeout=5)
def elsewhere(number: int) -> int:
    assert threading.current_thread() is not threading.main_thread()
    return number * 10


def test_a_run_is_left_to_a_worker() -> None:
    with penstock.open("memory:") as engine:
        run = total_of.using(store=engine, queue="slow", priority=3).submit(2)
        assert (run.status, engine.rows()[0]["queue"]) == ("pending", "slow")
        assert run.events()[0][2].input == {"times": 2, "start_at": 0}  # type: ignore[union-attr]


def test_a_function_is_a_part_of_a_workflow_of_tasks() -> None:
    flow = Workflow("around")
    flow.add_task(plain, name="times", values={"number": 1})
    flow.add_workflow(total_of, depends_on=["times"])  # type: ignore[arg-type]
    assert flow.run() == 10


def test_a_run_does_not_go_on_before_everything_was_awaited() -> None:
    @workflow
    async def hasty(left: int = 1) -> None:
        step(add)(1)  # type: ignore[unused-awaitable]
        continue_as_new(left=left)

    with pytest.raises(RunFailed, match="never awaited"):
        hasty.run()


def test_definitions_that_cannot_work_are_refused() -> None:
    with pytest.raises(DefinitionError, match=r"takes \*args"):
        workflow(lambda *args: None)
    with pytest.raises(DefinitionError, match="has a yield in it"):

        @workflow
        def yields() -> Any:
            yield 1

    with pytest.raises(DefinitionError, match="is made of a function; 3 is int"):
        workflow(3)  # type: ignore[call-overload]
    with pytest.raises(DefinitionError, match="limit=0 must be"):
        workflow(limit=0)(plain)
    with pytest.raises(DefinitionError, match="cannot name a workflow"):
        workflow(name="a/b")(plain)


def _until(true: Any) -> None:
    """Wait for another thread, five seconds at most."""
    import time

    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.002)
    assert true()
