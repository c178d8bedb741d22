"""Workers: runs that were submitted, in their order and within the bounds of their queues, and runs that others left."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.app import Engine
from penstock.app.queues import Queues
from penstock.app.submitting import PLACES_A_PRIORITY
from penstock.app.uptake import takeovers_in
from penstock.app.worker import MOST_TAKEOVERS, Worker
from penstock.catalogue import load
from penstock.engine.recovery import claim_run
from penstock.engine.rows import row_of
from penstock.errors import SettingsError
from penstock.model import events as e
from penstock.model.changes import Change, Ok, Put
from tests.app.worlds import until

LEASE_SECONDS = 30.0
"""Longer than any machine keeps a keeper waiting."""

done: list[int] = []


@task
def note(n: int) -> int:
    done.append(n)
    return n


@task
def twice(note: int) -> int:
    return 2 * note


flow = Workflow("worked")
flow.add_task(note)
flow.add_task(twice, depends_on=["note"])


@pytest.fixture(autouse=True)
def fresh() -> None:
    done.clear()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db", lease_seconds=LEASE_SECONDS) as engine:
        yield engine


Open = Callable[[], Engine]


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Open]:
    """More engines on the same store."""
    engines: list[Engine] = []

    def open_() -> Engine:
        engines.append(penstock.open(tmp_path / "runs.db", lease_seconds=LEASE_SECONDS))
        return engines[-1]

    yield open_
    for each in engines:
        each.close()


def serve(engine: Engine, **how: Any) -> Worker:
    worker = Worker(engine, [flow], **how)
    worker.serve(until_idle=True)
    return worker


def test_a_submitted_run_is_pending_until_a_worker_takes_it(engine: Engine) -> None:
    run = flow.using(store=engine).submit(n=4)
    assert (run.status, done) == ("pending", [])
    assert serve(engine).ended == 1
    assert (run.status, run.result(), done) == ("completed", 8, [4])
    assert [type(event).__name__ for _, _, event in run.events()][:2] == ["RunStarted", "Owned"]


def test_its_code_is_found_where_the_run_recorded_it(engine: Engine) -> None:
    run = flow.using(store=engine).submit(n=4)
    Worker(engine).serve(until_idle=True)
    assert run.result() == 8


@dataclass
class Order:
    amount: int


@task
def amount(order: Order) -> int:
    return order.amount


orders = Workflow("orders")
orders.add_task(amount)


def test_a_worker_that_loads_the_code_knows_its_classes(engine: Engine, another: Open) -> None:
    run = engine.submit(orders, {"order": Order(7)})
    Worker(another()).serve(until_idle=True)
    assert run.result() == 7


def test_code_that_cannot_be_loaded_is_left_to_others(engine: Engine, another: Open, tmp_path: Path) -> None:
    file = tmp_path / "broken_since.py"
    text = "from penstock import Workflow, task\nflow = Workflow('w')\nflow.add_task(task(lambda: 1, name='one'))\n"
    file.write_text(text)
    run = engine.submit(load(str(file)))
    del sys.modules["broken_since"]
    file.write_text("1 / 0")
    worker = Worker(another())
    worker.serve(until_idle=True)
    assert (run.status, worker.ended) == ("pending", 0)
    assert "cannot be loaded" in worker.refused[run.id][1]
    assert "ZeroDivisionError" in worker.refused[run.id][1]


def test_runs_of_a_queue_go_in_order_and_higher_priority_first(engine: Engine) -> None:
    for n, priority in enumerate([0, 0, 5, -5, 1]):
        engine.submit(flow, {"n": n}, priority=priority)
    serve(engine, slots=1)
    assert done == [2, 4, 0, 1, 3]


def test_priority_does_not_let_others_wait_for_ever(engine: Engine) -> None:
    store = engine.durable_store()
    first = engine.submit(flow, {"n": 0})
    late = engine.submit(flow, {"n": 1}, priority=1)
    ranks = {key: row["rank"] for key, row in store.get("runs", [first.id, late.id]).items()}
    assert ranks[late.id] == ranks[first.id] + 1 - PLACES_A_PRIORITY


def test_a_worker_takes_only_from_its_queues(engine: Engine) -> None:
    ours, other = engine.submit(flow, {"n": 1}, queue="a"), engine.submit(flow, {"n": 2}, queue="b")
    serve(engine, queues=["a", "c"])
    assert (ours.status, other.status) == ("completed", "pending")


def test_a_delayed_run_is_taken_when_its_time_has_come(engine: Engine) -> None:
    late = engine.submit(flow, {"n": 2}, delay=3_600)
    run = engine.submit(flow, {"n": 1}, delay=0.15)
    worker = Worker(engine, [flow])
    thread = threading.Thread(target=worker.serve)
    thread.start()
    assert run.result(timeout=60) == 2
    worker.stop()
    thread.join(60)
    (_, submitted, _), (_, owned, _) = run.events()[:2]
    assert owned - submitted >= 0.15
    assert (late.status, done) == ("pending", [1])


def test_the_same_key_is_the_same_run(engine: Engine) -> None:
    ids = {engine.submit(flow, {"n": n}, key="today").id for n in range(3)}
    serve(engine)
    assert (len(ids), done) == (1, [0])


def test_a_pending_run_can_be_cancelled(engine: Engine) -> None:
    run = engine.submit(flow, {"n": 1})
    run.cancel("not wanted")
    assert serve(engine).ended == 0
    assert (run.status, done) == ("cancelled", [])


def test_a_paused_queue_is_left_alone_until_it_is_resumed(engine: Engine) -> None:
    run, queues = engine.submit(flow, {"n": 1}, queue="reports"), Queues(engine)
    queues.pause("reports")
    serve(engine)
    assert (run.status, queues.all()[0].paused, queues.all()[0].waiting) == ("pending", True, 1)
    queues.resume("reports")
    serve(engine)
    assert run.status == "completed"


def test_no_more_runs_of_a_queue_are_under_way_than_it_allows(engine: Engine, another: Open) -> None:
    under_way, most, lock = [0], [0], threading.Lock()
    all_in = threading.Event()

    @task(executor="threads")
    def hold() -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            if under_way[0] == 3:
                all_in.set()
        all_in.wait(60)
        threading.Event().wait(0.005)
        with lock:
            under_way[0] -= 1

    held = Workflow("held")
    held.add_task(hold)
    Queues(engine).bound("narrow", 3)
    runs = [engine.submit(held, queue="narrow") for _ in range(12)]
    workers = [Worker(each, [held]) for each in (engine, another())]
    threads = [threading.Thread(target=worker.serve) for worker in workers]
    for thread in threads:
        thread.start()
    for run in runs:
        run.result(timeout=60)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(60)
    assert most[0] == 3


def test_a_run_without_code_here_is_left_to_workers_that_have_it(engine: Engine, another: Open) -> None:
    @task
    def local() -> int:
        return 5

    unknown = Workflow("local")
    unknown.add_task(local)
    run = engine.submit(unknown)
    first = Worker(engine, [flow])
    first.serve(until_idle=True)
    ((_, why),) = first.refused.values()
    assert "is not where the run recorded it" in why or "holds no workflow" in why
    assert run.status == "pending"
    Worker(another(), [unknown]).serve(until_idle=True)
    assert run.result() == 5


def test_a_run_whose_engine_has_gone_silent_is_taken_over(engine: Engine, another: Open) -> None:
    run = engine.submit(flow, {"n": 3})
    silent = another().durable_store()
    assert claim_run(silent, "an engine elsewhere", 0.2, run.id) == 1
    worker = Worker(engine, [flow])
    thread = threading.Thread(target=worker.serve)
    thread.start()
    assert run.result(timeout=60) == 6
    worker.stop()
    thread.join(60)


def test_a_run_that_ends_its_processes_again_and_again_is_parked(engine: Engine) -> None:
    run = engine.submit(flow, {"n": 3})
    log = [event for _, _, event in run.events()]
    assert takeovers_in([*log, *[e.Owned(n) for n in range(MOST_TAKEOVERS)]]) == MOST_TAKEOVERS
    assert takeovers_in([e.Owned(1), e.StepDone("note", None, 1), e.Owned(2)]) == 1


def test_a_parked_run_is_paused_with_the_reason_and_goes_on_when_it_is_resumed(
    engine: Engine, another: Open
) -> None:
    run = engine.submit(flow, {"n": 3})
    for _ in range(MOST_TAKEOVERS):
        other = another()
        _take_and_vanish(other, run.id)
    serve(engine)
    assert run.status == "paused"
    (reason,) = [event.reason for _, _, event in run.events() if isinstance(event, e.Paused)]
    assert reason == f"parked: {MOST_TAKEOVERS} processes in a row had it and ended with nothing done"
    run.resume()
    assert run.result(timeout=60) == 6


def _take_and_vanish(engine: Engine, run_id: str) -> None:
    """As a process that is killed right after it has recorded that it has the run."""
    store = engine.durable_store()
    epoch = claim_run(store, engine.owner, 0.01, run_id)
    assert epoch is not None
    sequence = len(store.read(run_id))
    row = row_of(sequence + 1, engine.clock.now(), e.Owned(epoch, engine.owner), engine.codec, [])
    give_up = Put("runs", run_id, {"state": "ready", "owner": None, "due": None})
    assert store.commit([Change(run_id, sequence, [row], [give_up])]) == [Ok()]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"queue": ""}, "queue=''"),
        ({"queue": 3}, "queue=3"),
        ({"priority": 101}, "from -100 to 100"),
        ({"priority": True}, "priority=True"),
        ({"delay": -1}, "delay=-1"),
        ({"delay": float("inf")}, "delay=inf"),
        ({"key": ""}, "key=''"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_what_means_nothing_is_refused(engine: Engine, how: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        engine.submit(flow, {"n": 1}, **how)


def test_a_queue_s_bound_must_be_a_number(engine: Engine) -> None:
    with pytest.raises(SettingsError, match="concurrency=0"):
        Queues(engine).bound("narrow", 0)


def test_workers_are_known_while_they_serve(engine: Engine) -> None:
    worker = Worker(engine, [flow], queues=["a"], slots=3)
    thread = threading.Thread(target=worker.serve)
    thread.start()
    until(lambda: bool(Queues(engine).workers()))
    found = Queues(engine).workers()
    worker.stop()
    thread.join(60)
    assert [(each["queues"], each["slots"], each["alive"]) for each in found] == [(["a"], 3, True)]
    assert Queues(engine).workers() == []
