"""Flows in memory: order, merging, error strategies, pause, resume and cancel, long chains and cycles."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import UserError
from penstock.routines import ErrorHandler, ErrorStrategy, Flow, JobState, Routine


class Note(Routine):
    """Writes down what it is given, and passes it on."""

    def __init__(self, seen: list[Any], name: str = "", times: int = 1) -> None:
        super().__init__()
        self.seen, self.name, self.times = seen, name, times
        self.define_slot("input", handler=self.take)
        self.define_event("output", ["value"])

    def take(self, value: Any = None) -> None:
        self.seen.append((self.name, value))
        for number in range(self.times):
            self.emit("output", value=f"{value}{number}" if self.times > 1 else value)


class Failing(Routine):
    """Fails so many times."""

    def __init__(self, failures: int, error: type[Exception] = ValueError) -> None:
        super().__init__()
        self.left, self.error, self.calls = failures, error, 0
        self.define_slot("input", handler=self.take)
        self.define_event("output")

    def take(self, value: Any = None) -> None:
        self.calls += 1
        self.emit("output", value="from a call that may fail")
        if self.left:
            self.left -= 1
            raise self.error("as it was told")


def chain(*routines: Routine) -> Flow:
    flow = Flow("chain")
    ids = [flow.add_routine(each, f"r{number}") for number, each in enumerate(routines)]
    for before, after in pairwise(ids):
        flow.connect(before, "output", after, "input")
    return flow


def test_messages_are_delivered_depth_first_in_connection_order() -> None:
    seen: list[Any] = []
    flow = Flow("tree")
    for name, times in (("root", 2), ("left", 1), ("right", 1), ("leaf", 1)):
        flow.add_routine(Note(seen, name, times), name)
    flow.connect("root", "output", "left", "input")
    flow.connect("root", "output", "right", "input")
    flow.connect("left", "output", "leaf", "input")
    job = flow.execute("root", {"value": "x"})
    assert seen == [
        ("root", "x"), ("left", "x0"), ("leaf", "x0"), ("right", "x0"), ("left", "x1"), ("leaf", "x1"), ("right", "x1"),
    ]  # fmt: skip
    assert [each.routine_id for each in job.execution_history if each.event_name == "output"] == [
        "root", "root", "left", "leaf", "right", "left", "leaf", "right",
    ]  # fmt: skip


def test_children_run_after_the_handler_that_emitted_has_returned() -> None:
    order: list[str] = []

    class Asks(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=self.ask)
            self.define_event("output")

        def ask(self) -> None:
            self.emit("output")
            order.append("returned")

    asks, hears = Asks(), Routine()
    hears.define_slot("input", handler=lambda: order.append("heard"))
    chain(asks, hears).execute("r0")
    assert order == ["returned", "heard"]


def test_mappings_rename_and_two_of_them_both_hold() -> None:
    seen: list[Any] = []
    source, target = Note([]), Routine()
    target.define_slot("input", handler=lambda **data: seen.append(data))
    flow = chain(source)
    flow.add_routine(target, "target")
    flow.connect("r0", "output", "target", "input", param_mapping={"value": "a"})
    flow.connect("r0", "output", "target", "input", param_mapping={"value": "b"})
    flow.connect("r0", "output", "target", "input", param_mapping={"value": "b"})
    flow.execute("r0", {"value": 1})
    assert seen == [{"a": 1}, {"b": 1}]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("override", [{"value": 1}, {"value": 2}]),
        ("append", [{"value": [1]}, {"value": [1, 2]}]),
        (lambda old, new: {"value": old.get("value", 0) + new["value"]}, [{"value": 1}, {"value": 3}]),
    ],
)
def test_a_slot_merges_what_comes(strategy: Any, expected: list[Any]) -> None:
    seen: list[Any] = []
    target = Routine()
    target.define_slot("input", handler=lambda **data: seen.append(data), merge_strategy=strategy)

    class Two(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_event("output")

        def __call__(self, **params: Any) -> None:
            self.emit("output", value=1)
            self.emit("output", value=2)

    flow = chain(Two(), target)
    for _ in range(2):  # what was merged belongs to the job
        seen.clear()
        assert flow.execute("r0").status == "completed"
        assert seen == expected


def test_a_slot_that_merges_and_passes_on_keeps_what_came() -> None:
    seen: list[Any] = []

    class Gathers(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=self.gather, merge_strategy="append")
            self.define_event("output")

        def gather(self, value: list[Any]) -> None:
            self.emit("output", value=list(value))

    chain(Note([], times=3), Gathers(), Note(seen)).execute("r0", {"value": "x"})
    assert [value for _, value in seen] == [["x0"], ["x0", "x1"], ["x0", "x1", "x2"]]


def test_an_unknown_merge_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="'newest' must be 'override', 'append' or a function"):
        Routine().define_slot("input", merge_strategy="newest")  # type: ignore[arg-type]


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize(
    ("strategy", "status", "word"),
    [
        (ErrorStrategy.STOP, "failed", "failed"),
        (ErrorStrategy.CONTINUE, "completed", "error_continued"),
        (ErrorStrategy.SKIP, "completed", "skipped"),
    ],
)
def test_a_strategy_holds_for_every_activation(
    where: int, strategy: ErrorStrategy, status: str, word: str
) -> None:
    failing, after = Failing(1), Note([])
    routines: list[Routine] = [Note([], times=2), failing, after] if where else [failing, after]
    flow = chain(*routines)
    failing.set_error_handler(ErrorHandler(strategy))
    job = flow.execute("r0", {"value": "x"})
    assert job.status == status
    states = [each.event_name for each in job.get_execution_history(f"r{where}")]
    assert word in states
    if strategy is ErrorStrategy.STOP:
        assert job.error is not None
        assert (job.error.type, job.routine_states[f"r{where}"]["status"]) == ("ValueError", "failed")
    assert failing.calls == (2 if where and status == "completed" else 1)
    assert len(after.seen) == (
        1 if where and status == "completed" else 0
    )  # of the activation that did not fail


def test_a_flows_handler_holds_where_the_routine_has_none() -> None:
    first, second = Failing(1), Failing(1)
    flow = Flow("both")
    source = Note([])
    for name, each in (("source", source), ("first", first), ("second", second)):
        flow.add_routine(each, name)
    flow.connect("source", "output", "first", "input")
    flow.connect("source", "output", "second", "input")
    flow.set_error_handler(ErrorHandler(ErrorStrategy.CONTINUE))
    assert flow.execute("source").status == "completed"
    second.left = 1
    second.set_error_handler(ErrorHandler(ErrorStrategy.STOP))
    assert flow.execute("source").status == "failed"


def test_without_any_handler_a_failure_stops_the_job() -> None:
    job = chain(Failing(1)).execute("r0")
    assert (job.status, job.routine_states["r0"]["status"]) == ("failed", "failed")


@pytest.mark.parametrize(("failures", "calls", "status"), [(2, 3, "completed"), (9, 4, "failed")])
def test_retry_makes_one_and_max_retries_attempts_of_each_activation(
    failures: int, calls: int, status: str
) -> None:
    failing, after = Failing(failures), Note([])
    failing.set_error_handler(ErrorHandler(ErrorStrategy.RETRY, max_retries=3, retry_delay=0.001))
    flow = chain(failing, after)
    assert flow.execute("r0").status == status
    assert failing.calls == calls
    assert len(after.seen) == (status == "completed")  # what failed attempts emitted is dropped
    failing.left, failing.calls = failures, 0
    flow.execute("r0")
    assert failing.calls == calls  # counted anew


def test_only_retryable_exceptions_are_tried_again() -> None:
    failing = Failing(1, KeyError)
    failing.set_error_handler(
        ErrorHandler(ErrorStrategy.RETRY, retry_delay=0.001, retryable_exceptions=(OSError, LookupError))
    )
    assert chain(failing).execute("r0").status == "completed"
    failing.left, failing.error = 1, ValueError
    assert chain(failing).execute("r0").status == "failed"


def test_a_critical_routine_fails_the_job_whatever_its_strategy() -> None:
    failing = Failing(1)
    failing.set_error_handler(ErrorHandler(ErrorStrategy.CONTINUE, is_critical=True))
    assert chain(failing).execute("r0").status == "failed"
    failing.left = 1
    failing.set_as_optional()
    assert chain(failing).execute("r0").status == "completed"
    failing.left = 1
    failing.set_as_critical(max_retries=1, retry_delay=0.001)
    assert chain(failing).execute("r0").status == "completed"


def test_a_failed_job_is_resumed_where_it_failed() -> None:
    seen: list[Any] = []
    failing = Failing(1)
    flow = chain(Note(seen), failing, Note(seen))
    job = flow.execute("r0", {"value": 1})
    assert job.status == "failed"
    assert flow.resume(job).status == "completed"
    assert (len(seen), failing.calls) == (2, 2)


# ── pause, resume, cancel ───────────────────────────────────────────────────────────────────────────────────────────


class Pausing(Note):
    """Asks something of its own flow, from its handler."""

    def __init__(self, seen: list[Any], asks: str) -> None:
        super().__init__(seen, "pausing")
        self.asks = asks

    def take(self, value: Any = None) -> None:
        super().take(value)
        assert self.flow is not None
        getattr(self.flow, self.asks)("it is time")


def test_a_pause_from_a_handler_acts_before_the_next_activation() -> None:
    seen: list[Any] = []
    flow = chain(Note(seen, "first"), Pausing(seen, "pause"), Note(seen, "last"))
    job = flow.execute("r0", {"value": 1})
    assert (job.status, [name for name, _ in seen]) == ("paused", ["first", "pausing"])
    assert job.pause_points[0]["reason"] == "it is time"
    assert flow.resume(job) is job
    assert (job.status, [name for name, _ in seen]) == ("completed", ["first", "pausing", "last"])


def test_a_cancel_from_a_handler_acts_before_the_next_activation() -> None:
    seen: list[Any] = []
    flow = chain(Note(seen, "first"), Pausing(seen, "cancel"), Note(seen, "last"))
    job = flow.execute("r0")
    assert (job.status, len(seen)) == ("cancelled", 2)
    assert flow.resume(job).status == "cancelled"
    assert len(seen) == 2


def test_an_endless_cycle_is_paused_resumed_and_cancelled_from_another_thread() -> None:
    seen: list[Any] = []
    flow = chain(Note(seen), Note([]))
    flow.connect("r1", "output", "r0", "input")
    for what, status in (("pause", "paused"), ("cancel", "cancelled")):
        begun = len(seen)
        run = flow.execute if what == "pause" else flow.resume
        thread = threading.Thread(target=run, args=(("r0", {"value": 1}) if what == "pause" else ()))
        thread.start()
        while len(seen) < begun + 50:
            pass
        getattr(flow, what)()
        assert flow.wait_for_completion(10)
        thread.join(60)
        assert flow.job_state is not None
        assert flow.job_state.status == status
        assert len(flow.job_state.execution_history) <= flow.history


def test_after_completion_only_the_job_in_hand_changes() -> None:
    seen: list[Any] = []
    flow = chain(Note(seen))
    job = flow.execute("r0")
    assert flow.resume(job).status == "completed"
    flow.pause("late")
    assert job.status == "paused"
    assert flow.resume(job).status == "completed"
    flow.cancel("later")
    assert job.status == "cancelled"
    assert len(seen) == 1


def test_a_paused_job_is_kept_as_json_with_what_waits_and_what_was_merged(tmp_path: Path) -> None:
    def build(seen: list[Any]) -> tuple[Flow, Routine]:
        flow = chain(Note(seen, "first", times=3), Pausing(seen, "pause"))
        last = Routine()
        last.define_slot("input", handler=lambda **data: seen.append(data), merge_strategy="append")
        flow.add_routine(last, "last")
        flow.connect("r0", "output", "last", "input")
        return flow, last

    seen: list[Any] = []
    flow, last = build(seen)
    last.set_stat("known", {"deep": (1, 2)})
    job = flow.execute("r0", {"value": "x"})
    again: list[Any] = []
    while job.status == "paused":
        job.save(tmp_path / "job.json")
        flow, last = build(again)
        job = flow.resume(JobState.load(tmp_path / "job.json"))
        assert last.stats() == {"known": {"deep": (1, 2)}}
    assert job.status == "completed"
    assert [each for each in seen + again if isinstance(each, dict)] == [
        {"value": ["x0"]}, {"value": ["x0", "x1"]}, {"value": ["x0", "x1", "x2"]},
    ]  # fmt: skip
    assert len(job.pause_points) == 3


# ── sizes, threads ──────────────────────────────────────────────────────────────────────────────────────────────────


class Count(Routine):
    """Sends itself a number until it is none."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.down)
        self.define_event("output", ["left"])

    def down(self, left: int) -> None:
        if left:
            self.emit("output", left=left - 1)


def test_a_hundred_thousand_hops_need_no_recursion_and_keep_a_bounded_history() -> None:
    flow = chain(Count())
    flow.connect("r0", "output", "r0", "input")
    job = flow.execute("r0", {"left": 100_000})
    assert (job.status, job.routine_states["r0"]["activations"]) == ("completed", 100_001)
    assert len(job.execution_history) == 1_000


def test_a_concurrent_flow_runs_so_many_at_once_and_returns_when_all_are_done() -> None:
    together = threading.Barrier(3)
    done: list[int] = []

    class Meeting(Routine):
        def __init__(self) -> None:
            super().__init__()
            self.define_slot("input", handler=self.meet)

        def meet(self, value: Any) -> None:
            together.wait(60)
            done.append(value)

    flow = Flow("wide", execution_strategy="concurrent", max_workers=3)
    flow.add_routine(Note([], times=6), "source")
    flow.add_routine(Meeting(), "meeting")
    flow.connect("source", "output", "meeting", "input")
    job = flow.execute("source", {"value": "m"})
    assert (job.status, len(done)) == ("completed", 6)


def test_several_jobs_of_one_flow_at_once_do_not_meet() -> None:
    seen: list[Any] = []
    flow = chain(*(Note(seen, str(number)) for number in range(20)))
    jobs: list[JobState] = []
    threads = [
        threading.Thread(target=lambda n=n: jobs.append(flow.execute("r0", {"value": n}))) for n in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert [each.status for each in jobs] == ["completed"] * 4
    for number in range(4):
        assert [int(name) for name, value in seen if value == number] == list(range(20))


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_strategies_ids_and_entries_that_are_none_are_refused() -> None:
    with pytest.raises(
        ValueError, match="no execution strategy 'parallel'; there are 'sequential', 'concurrent'"
    ):
        Flow("any", execution_strategy="parallel")
    flow = chain(Note([]))
    with pytest.raises(ValueError, match="no routine 'r1'"):
        flow.execute("r1")
    with pytest.raises(ValueError, match="has no slot 'inptu'; did you mean 'input'"):
        flow.connect("r0", "output", "r0", "inptu")
    with pytest.raises(ValueError, match="has a routine 'r0' already"):
        flow.add_routine(Note([]), "r0")
    two = Routine()
    for name in ("a", "b"):
        two.define_slot(name)
    flow.add_routine(two, "two")
    with pytest.raises(ValueError, match="cannot begin at 'two', whose slots are 'a', 'b': name one"):
        flow.execute("two")
    assert flow.execute("two", entry_slot="b").status == "completed"


def test_emitting_outside_of_a_job_is_refused_with_the_remedy() -> None:
    note = Note([])
    chain(note)
    with pytest.raises(UserError, match=r"outside an activation: begin a job with flow\.execute"):
        note.emit("output", value=1)


def test_routines_connected_without_a_flow_hear_each_other_at_once() -> None:
    seen: list[Any] = []
    first, second = Note(seen, "first"), Note(seen, "second")
    first.event("output").connect(second.slot("input"), {"value": "value"})
    first.emit("output", value=1)
    first.slot("input").receive({"value": 2})
    assert seen == [("second", 1), ("first", 2), ("second", 2)]
    broken = Failing(1, KeyError)
    second.event("output").connect(broken.slot("input"))
    with pytest.raises(KeyError, match="as it was told"):
        second.emit("output", value=3)


def test_slots_and_events_know_each_other_until_they_are_disconnected() -> None:
    event, slot = Note([]).event("output"), Note([]).slot("input")
    made = event.connect(slot)
    assert (event.connect(slot), slot.connect(event)) == (made, made)
    assert (event.connected_slots, slot.connected_events) == ([slot], [event])
    slot.disconnect(event)
    assert (event.connected_slots, slot.connected_events) == ([], [])


def test_one_routine_in_two_flows_is_connected_in_each_on_its_own() -> None:
    seen: list[Any] = []
    source, one, other = Note([]), Note(seen, "one"), Note(seen, "other")
    first, second = chain(source, one), chain(source, other)
    first.execute("r0", {"value": 1})
    assert seen == [("one", 1)]
    second.execute("r0", {"value": 2})
    assert seen == [("one", 1), ("other", 2)]
    assert (len(first.connections), len(second.connections)) == (1, 1)
