"""The driver on the caller's own thread: stores that fail under it, steps that must not run, threads that come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.app import Engine
from penstock.errors import RunCancelled, RunFailed, StoreFull, StoreUnavailable
from penstock.model import events as e
from penstock.model.program import Do, End, Map, Plan, Wait
from penstock.stores.memory import MemoryStore
from penstock.tasks import Workflow, task
from tests.app.worlds import until
from tests.engine.test_journal import Moody

SOON = 60.0


@pytest.fixture
def store() -> Iterator[Moody]:
    made = Moody()
    yield made
    made.close()


@pytest.fixture
def engine(store: Moody) -> Iterator[Engine]:
    made = Engine(store, "memory:")
    yield made
    made.close()


def chain(*fns: Any, name: str = "chain") -> Workflow:
    """Functions one after the other, named s0, s1 …"""
    flow = Workflow(name)
    for n, fn in enumerate(fns):
        flow.add_task(fn, name=f"s{n}", depends_on=[f"s{n - 1}"] if n else [])
    return flow


def kinds(run: Any) -> list[str]:
    return [e.KIND_OF[type(event)] for _, _, event in run.events()]


# ── stores ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_store_that_is_away_for_a_while_holds_the_run_up_and_no_more(store: Moody, engine: Engine) -> None:
    store.moods = [None, StoreUnavailable("busy"), StoreUnavailable("busy"), "lost reply"]
    run = engine.run(chain(lambda: 1, lambda: 2), {})
    assert run.result() == 2
    assert kinds(run).count("step_done") == 2


def test_a_full_store_reaches_the_caller_and_the_run_can_be_resumed_at_once(
    store: Moody, engine: Engine
) -> None:
    ran: list[int] = []

    def fill() -> None:
        ran.append(0)
        if ran.count(0) == 1:
            store.moods = [StoreFull("no room")] * 2

    flow = chain(lambda: ran.append(9), fill, lambda: ran.append(2))
    run = engine.start(flow, {})
    with pytest.raises(StoreFull, match="no room"):
        run.result(SOON)
    store.moods = []
    again = resumed(engine, run.id, flow)
    assert again.wait(SOON) == "completed"
    assert ran.count(2) == 1


def resumed(engine: Engine, run_id: str, flow: Any) -> Any:
    """As soon as the lease that could not be given back is."""
    from penstock.errors import CommandRefused

    end = time.monotonic() + SOON
    while True:
        try:
            return engine.resume(run_id, flow)
        except CommandRefused:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_run_whose_rows_are_refused_tells_its_caller(store: Moody, engine: Engine) -> None:
    from penstock.errors import LeaseLost
    from penstock.model.changes import Change, Row

    def rob() -> None:
        (run_id,) = [held.state.id for held in engine.holdings.all()]
        last = store.read(run_id)[-1].sequence
        store.commit(
            [
                Change(
                    run=run_id,
                    expect=last,
                    events=[Row(last + 1, 1e12, "noted", None, None, '{"topic":"x"}')],
                )
            ]
        )

    with pytest.raises(LeaseLost, match="another engine owns the run now"):
        engine.run(chain(rob, lambda: 1), {}).result()


def test_a_value_that_cannot_be_stored_fails_its_step_wherever_that_ran(engine: Engine) -> None:
    for executor in (None, "threads"):
        flow = Workflow("w", executor=executor)
        flow.add_task(object, name="x") if executor is None else flow.add_task(lambda: object(), name="x")
        with pytest.raises(RunFailed, match=r"CodecError"):
            engine.run(flow, {}).result()


# ── steps that must not run ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["durable", "ephemeral"])
def test_a_step_that_waits_its_turn_when_the_run_is_cancelled_never_runs(kind: str, store: Moody) -> None:
    ran: list[str] = []
    made = Engine(store if kind == "durable" else None, kind)

    def cancel() -> None:
        (held,) = made.holdings.all()
        made.command(held.state.id, "cancel", "by itself")
        time.sleep(0.01)

    flow = Workflow("two")
    flow.add_task(cancel)
    flow.add_task(lambda: ran.append("second"), name="second")
    with made, pytest.raises(RunCancelled, match="by itself"):
        made.run(flow, {}).result()
    assert ran == []


class Asking(Plan):
    """A program whose steps nobody could check beforehand."""

    name = "asking"

    def __init__(self, ask: Any) -> None:
        self.ask = ask

    def as_program(self) -> Asking:
        return self

    def play(self, input: Any) -> Any:
        return self

    def begin(self, at: float) -> list[Any]:
        return [self.ask]

    def done(self, key: str, value: Any, at: float) -> list[Any]:
        return [End(value)]

    def failed(self, key: str, error: Any, at: float) -> list[Any]:
        return [End(error.message)]


def test_a_step_whose_executor_does_not_exist_fails_and_says_so(engine: Engine) -> None:
    from penstock.model.policies import Policy

    asking = Asking(Do("x", lambda: 1, policy=Policy(executor="gpu")))
    assert "there is no executor 'gpu'" in engine.run(asking).result()


def test_items_may_be_rows_of_arguments(engine: Engine) -> None:
    asking = Asking(
        Map("m", lambda x, y, z: x + y + z, [{"x": 1, "y": 2}, {"x": 3, "y": 4}], None, {"z": 100})
    )
    assert engine.run(asking).result() == [103, 107]


# ── threads ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_keyboard_interrupt_leaves_the_run_to_be_resumed(engine: Engine) -> None:
    calls: list[int] = []

    def interrupted() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return len(calls)

    flow = chain(lambda: 1, interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.run(flow, {})
    (run,) = engine.list()
    assert run.status == "running"
    assert engine.resume(run.id, flow, wait=True).result() == 2


def test_steps_in_threads_are_told_when_their_engine_closes(store: Moody) -> None:
    begun, told = threading.Event(), threading.Event()

    def loop() -> None:
        import penstock

        begun.set()
        end = time.monotonic() + SOON
        while time.monotonic() < end and not penstock.context().cancelled:
            time.sleep(0.002)
        told.set()

    made = Engine(store, "memory:")
    flow = Workflow("w", executor="threads")
    flow.add_task(loop)
    made.start(flow, {})
    assert begun.wait(SOON)
    made.close()
    assert told.wait(SOON)


class Slow(MemoryStore):
    """Takes its time to write that a run is nobody's, and knows whether it was closed meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.closing, self.late = threading.Event(), False

    def commit(self, changes: Any) -> Any:
        if any(
            put.columns and put.columns.get("state") == "ready" for change in changes for put in change.puts
        ):
            self.late = self.closing.wait(0.2)
        return super().commit(changes)

    def close(self) -> None:
        self.closing.set()


def test_who_closes_an_engine_waits_until_its_threads_gave_their_leases_back() -> None:
    store = Slow()
    made = Engine(store, "memory:")
    run = made.start(Asking(Wait("answer", "go")))
    until(lambda: bool(store.read(run.id)))
    made.close()
    assert not store.late
    assert store.get("runs", [run.id])[run.id]["state"] == "ready"
    MemoryStore.close(store)


def test_ten_thousand_steps_go_through_few_commits(store: Moody, engine: Engine) -> None:
    flow = Workflow("wide")
    flow.add_task(task(name="each")(lambda x: x).map(x=list(range(2_000)), window=2_000))
    assert engine.run(flow, {}).result() == list(range(2_000))
    assert len(store.sizes) < 1_000


def test_what_a_step_prints_is_kept_with_it(store: Moody) -> None:
    with Engine(store, "memory:") as made:
        run = made.run(chain(lambda: print("hello")), {})
        lines = made.durable_store().read_logs(run.id)
    assert [(line[1], line[-1]) for line in lines] == [("s0", "hello")]


def test_watchers_hear_how_far_a_step_is(engine: Engine) -> None:
    import penstock

    heard: list[Any] = []
    engine.watchers.append(lambda run, step, item, kind, payload: heard.append((step, kind, payload)))
    engine.run(chain(lambda: penstock.context().progress(1, 2, "half")), {})
    assert ("s0", "progress", {"i": 1, "n": 2, "message": "half"}) in heard


def test_observers_are_told_every_event_in_order(store: Moody) -> None:
    from tests.engine.test_journal import Notes

    notes = Notes()
    with Engine(store, "memory:", observers=[notes]) as made:
        made.run(chain(lambda: 1, lambda: 2), {})
    assert [sequence for _, sequence in notes.told] == list(range(1, 7))


def test_signals_arrive_through_the_inbox_each_once(engine: Engine) -> None:
    from penstock.model.program import Wait

    class Twice(Asking):
        def done(self, key: str, value: Any, at: float) -> list[Any]:
            return [Wait("end", "end")] if key == "w" else [End(value)]

    run = engine.start(Twice(Wait("w", "go")))
    for _ in range(3):
        run.signal("go", {"n": 1}, key="k")
    run.signal("end", 2)
    assert run.result(SOON) == 2
    assert kinds(run).count("signalled") == 2
