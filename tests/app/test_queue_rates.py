"""How quickly the runs of a queue begin, whoever takes them."""

from __future__ import annotations

import threading
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.app import Engine, Run
from penstock.app.claiming import Rule, choose
from penstock.app.inquiring import why
from penstock.app.pacing import Pace, seconds_to_token
from penstock.app.queues import Queues, gate_of
from penstock.app.worker import Worker
from penstock.engine.recovery import claim_run
from penstock.engine.rows import row_of
from penstock.errors import SettingsError
from penstock.model import events as e
from penstock.model.changes import Change, Ok, Put
from penstock.model.ledgers import Ledger, draw, next_token, put_back
from penstock.model.limits import Bounds
from penstock.ports import Candidate
from penstock.stores.memory import MemoryStore

SOON = 20.0
GATE = gate_of("paced")


@task
def note(n: int) -> int:
    return n


flow = Workflow("paced")
flow.add_task(note)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db", lease_seconds=5.0, durability="crash") as engine:
        yield engine


@contextmanager
def serving(engine: Engine, *definitions: Any, **how: Any) -> Iterator[Worker]:
    worker = Worker(engine, definitions or [flow], **how)
    thread = threading.Thread(target=worker.serve)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(SOON)


def submit(engine: Engine, count: int, **how: Any) -> list[Run[Any]]:
    return [engine.submit(flow, {"n": n}, queue="paced", **how) for n in range(count)]


def begun_at(run: Run[Any]) -> float:
    return next(at for _, at, event in run.events() if isinstance(event, e.Owned))


# ── the bucket ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bucket_gives_its_burst_and_then_one_token_after_another() -> None:
    bucket, bounds = Ledger(), Bounds(rate=10.0, burst=3)
    assert draw(bucket, bounds, 5, 100.0) == 3
    assert draw(bucket, bounds, 5, 100.05) == 0
    assert next_token(bucket, bounds) == pytest.approx(100.1)
    assert draw(bucket, bounds, 5, 100.25) == 2
    assert draw(bucket, bounds, 5, 900.0) == 3


def test_tokens_that_were_not_used_go_back_and_never_make_more_than_the_burst() -> None:
    bucket, bounds = Ledger(), Bounds(rate=1.0, burst=4)
    assert draw(bucket, bounds, 3, 10.0) == 3
    put_back(bucket, bounds, 2, 10.0)
    assert draw(bucket, bounds, 9, 10.0) == 3
    put_back(bucket, bounds, 3, 13.0)
    assert draw(bucket, bounds, 9, 13.0) == 4


def test_workers_share_a_bucket_and_what_one_gives_back_another_draws() -> None:
    store = MemoryStore(clock=lambda: 50.0)
    one, other = Pace(store), Pace(store)
    rates = {GATE: Bounds(rate=0.5, burst=3)}
    one.draw(rates, 2, lambda gate: True)
    other.draw(rates, 2, lambda gate: True)
    assert (one.tokens, other.tokens) == ({GATE: 2}, {GATE: 1})
    one.spend("run", GATE)
    one.settle()
    other.settle()
    other.draw(rates, 9, lambda gate: True)
    assert other.tokens == {GATE: 2}
    assert seconds_to_token(store, GATE, rates[GATE]) == pytest.approx(2.0)


def test_nothing_is_drawn_for_a_queue_in_which_nothing_waits() -> None:
    store = MemoryStore()
    pace = Pace(store)
    pace.draw({GATE: Bounds(rate=1.0)}, 5, lambda gate: False)
    assert (pace.tokens, pace.seconds, store.find("documents")) == ({GATE: 0}, None, [])


def test_nothing_is_drawn_while_a_run_that_has_its_token_has_not_begun() -> None:
    pace = Pace(MemoryStore())
    rates = {GATE: Bounds(rate=1.0, burst=5)}
    pace.draw(rates, 1, lambda gate: True)
    pace.spend("run", GATE)
    pace.settle()
    pace.draw(rates, 1, lambda gate: True)
    assert (pace.tokens, pace.begun("run")) == ({GATE: 0}, True)
    pace.draw(rates, 1, lambda gate: True)
    assert (pace.tokens, pace.begun("run")) == ({GATE: 1}, False)


# ── the claim ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_start_needs_a_token_and_a_run_that_has_begun_needs_none() -> None:
    fresh = [Candidate(f"fresh {n}", GATE, 0) for n in range(3)]
    begun = Candidate("begun", GATE, 4, begun=True)
    chosen, closed = choose(Rule((), {}, {GATE: 1}), [*fresh, begun], {}, frozenset())
    assert (chosen, closed) == (["fresh 0", "begun"], {GATE})


def test_concurrency_holds_beside_the_rate() -> None:
    fresh = [Candidate(f"fresh {n}", GATE, 0) for n in range(5)]
    chosen, _ = choose(Rule((), {GATE: 3}, {GATE: 9}), fresh, {GATE: 1}, frozenset())
    assert chosen == ["fresh 0", "fresh 1"]


# ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_runs_begin_evenly_and_higher_priority_first(engine: Engine) -> None:
    Queues(engine).pace("paced", "20/s")
    runs = [*submit(engine, 3), *submit(engine, 3, priority=5)]
    Worker(engine, [flow]).serve(until_idle=True)
    assert {run.status for run in runs} == {"completed"}, "it is not idle while a run waits for its token"
    moments = [begun_at(run) for run in [*runs[3:], *runs[:3]]]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] >= 4 / 20 * 0.95, (
        "the first may be late, by no more than until the second"
    )


def test_steps_that_keep_the_driver_busy_let_no_runs_pile_up(tmp_path: Path) -> None:
    @task
    def busy() -> None:
        threading.Event().wait(0.05)

    slow = Workflow("slow")
    slow.add_task(busy)
    with penstock.open(tmp_path / "runs.db", executor="inline", durability="crash") as engine:
        Queues(engine).pace("paced", "200/s")
        runs = [engine.submit(slow, queue="paced") for _ in range(15)]
        with serving(engine, slow):
            for run in runs:
                run.result(SOON)
        began = sorted(map(begun_at, runs))
    together = max(bisect(began, at + 0.002) - place for place, at in enumerate(began))
    assert together <= 2, "one late, and one for which there is a token since"


def test_a_rate_that_is_changed_wakes_who_waits_for_a_token(engine: Engine) -> None:
    queues = Queues(engine)
    queues.pace("paced", "1/d")
    first, *others = submit(engine, 4)
    with serving(engine):
        assert first.result(SOON) == 0
        assert [run.status for run in others] == ["pending"] * 3
        queues.pace("paced", "100/s")
        assert others[0].result(SOON) == 1
        queues.pace("paced", None)
        assert [run.result(SOON) for run in others] == [1, 2, 3]


def test_a_run_that_is_taken_over_costs_no_token(engine: Engine) -> None:
    Queues(engine).pace("paced", "1/d")
    first, second = submit(engine, 2)
    store = engine.durable_store()
    epoch = claim_run(store, "an engine elsewhere", 0.0, first.id)
    assert epoch is not None
    owned = row_of(2, engine.clock.now(), e.Owned(epoch, "an engine elsewhere"), engine.codec, [])
    running = Put("runs", first.id, {"status": "running"})
    assert store.commit([Change(first.id, 1, [owned], [running])]) == [Ok()]
    with serving(engine):
        assert (first.result(SOON), second.result(SOON)) == (0, 1)


def test_a_token_for_a_run_that_could_not_be_taken_goes_to_another(engine: Engine) -> None:
    @task
    def local() -> int:
        return 5

    unknown = Workflow("local")
    unknown.add_task(local)
    Queues(engine).pace("paced", "1/d")
    lost = engine.submit(unknown, queue="paced")
    (known,) = submit(engine, 1)
    with serving(engine) as worker:
        assert known.result(SOON) == 0
        assert (lost.status, list(worker.refused)) == ("pending", [lost.id])


def test_what_a_queue_holds_back_lets_others_pass_however_much_it_is(engine: Engine) -> None:
    Queues(engine).pace("paced", "1/d")
    waiting = submit(engine, 400)
    other = engine.submit(flow, {"n": 7}, queue="other")
    with serving(engine):
        assert other.result(SOON) == 7
    assert sum(run.status == "completed" for run in waiting) <= 1


def test_why_says_when_the_next_may_begin(engine: Engine) -> None:
    Queues(engine).pace("paced", "2/m")
    first, second = submit(engine, 2)
    with serving(engine):
        first.result(SOON)
    (cause,) = [each for each in why(engine, second.id) if each.kind == "queue_rate"]
    assert cause.text.startswith("queue rate: the next may begin in ")
    assert cause.text.endswith(" s (2/m in queue paced)")
    assert cause.until is not None
    assert 0 < cause.until - engine.clock.now() <= 30


@pytest.mark.parametrize(
    ("rate", "burst", "said"),
    [
        ("soon", 1, "queue 'paced': rate='soon' must be a number for s, m, h or d, such as '10/s'"),
        ("0/s", 1, "rate='0/s'"),
        (10, 1, "rate=10 must be"),
        ("10/s", 0, "burst=0"),
    ],
)
def test_a_rate_that_means_nothing_is_refused(engine: Engine, rate: Any, burst: int, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Queues(engine).pace("paced", rate, burst)
    assert Queues(engine).said() == {}


def test_what_is_said_of_a_queue_stands_beside_what_was_said_before(engine: Engine) -> None:
    queues = Queues(engine)
    queues.bound("paced", 3)
    queues.pace("paced", "10/s", 4)
    queues.bound("paced", 2)
    assert queues.said()[GATE] == (2, "10/s", 4)
    queues.pace("paced", None)
    assert queues.said()[GATE] == (2, None, 1)
