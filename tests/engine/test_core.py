"""The core: batches whose effects ride on their rows, slots, limits, pausing, and answers that come too late."""

from __future__ import annotations

import pytest

from penstock.model import events as e
from penstock.model.policies import Policy, RetryPolicy
from penstock.model.program import End, Map, Stop
from tests.engine.stage import Stage, kinds, named
from tests.unit.scripted import Script, do, nothing, oops

TWO = Script([do("a"), do("b")], {"a": [], "b": lambda value: End(value)})

# ── batches ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_batch_holds_the_start_of_the_run_and_of_its_first_steps() -> None:
    stage = Stage()
    stage.begin(TWO)
    batch = stage.seal()
    assert kinds(batch) == ["run_started", "step_started a", "step_started b"]
    assert [named(step) for step in batch.starts] == ["a", "b"]


def test_a_completion_and_what_it_allows_share_a_batch() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a"), {"a": do("b")}))
    stage.starts()
    stage.done(run, "a", 1)
    batch = stage.seal()
    assert (kinds(batch), [named(s) for s in batch.starts]) == (["step_done a", "step_started b"], ["b"])


def test_when_nothing_happened_there_is_no_batch() -> None:
    stage = Stage()
    stage.begin(TWO)
    stage.seal()
    assert stage.core.seal(stage.now) is None
    assert not stage.core.pending


def test_batches_are_numbered() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    first = stage.seal()
    stage.done(run, "a")
    assert (first.number, stage.seal().number) == (1, 2)


def test_sequences_have_no_holes_and_times_never_go_back() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    stage.now = 50.0
    stage.done(run, "a")
    stage.done(run, "b")
    stage.seal()
    assert [sequence for _, sequence, _, _ in stage.log] == [1, 2, 3, 4, 5, 6]
    assert {at for _, _, at, _ in stage.log} == {100.0}


def test_a_run_is_over_in_the_batch_that_says_so() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    stage.done(run, "a")
    assert stage.seal().over == []
    stage.done(run, "b", 5)
    batch = stage.seal()
    assert (kinds(batch), batch.over) == (["step_done b", "run_done"], [run])
    assert stage.core.runs == {}
    assert stage.core.idle


def test_rows_of_several_runs_share_a_batch() -> None:
    stage = Stage()
    stage.begin(TWO, "r")
    stage.begin(TWO, "s")
    assert {run.id for run, *_ in stage.seal().rows} == {"r", "s"}


def test_a_result_that_cannot_be_stored_fails_the_run() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a"), {"a": lambda value: End(value)}))
    stage.starts()
    stage.unstorable = object()
    stage.core.ended(stage.step(run, "a"), stage.unstorable, "x", stage.now)
    assert kinds(stage.seal()) == ["step_done a", "noted", "run_failed"]
    assert run.status == "failed"
    assert run.final[0] == "failed"


# ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_stopped_since_its_batch_was_sealed_does_not_begin() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    (step, _) = stage.seal().starts
    stage.core.cancel(run, stage.now)
    assert not stage.core.begin(step, stage.now)
    assert not step.live
    assert "step_cancelled a" in kinds(stage.seal())


def test_a_step_of_a_run_that_was_lost_does_not_begin() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    (step, _) = stage.seal().starts
    stage.core.refused(run)
    assert not stage.core.begin(step, stage.now)


def test_a_step_asked_for_and_stopped_in_one_breath_never_starts() -> None:
    stage = Stage()
    stage.begin(Script([do("a"), do("b"), Stop("a")]))
    assert stage.starts() == ["b"]


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_taken_once() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    step = stage.step(run, "a")
    assert stage.core.ended(step, 1, "1", stage.now)
    assert not stage.core.ended(step, 2, "2", stage.now)
    assert not stage.core.failed(step, oops(), stage.now)
    assert not stage.core.stopped(step, stage.now)


def test_the_failure_of_a_step_that_was_to_stop_is_its_cancellation() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    stage.core.cancel(run, stage.now)
    stage.fail(run, "a")
    assert "step_cancelled a" in kinds(stage.seal())


def test_what_was_done_before_it_could_be_stopped_is_recorded_as_done() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    stage.core.cancel(run, stage.now)
    stage.done(run, "a", 1)
    assert "step_done a" in kinds(stage.seal())


# ── slots ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lane_starts_as_many_steps_as_it_has_slots_first_in_first_out() -> None:
    stage = Stage(slots=2)
    run = stage.begin(Script([do(key) for key in "abcd"]))
    assert stage.starts() == ["a", "b"]
    stage.done(run, "b")
    assert stage.starts() == ["c"]
    stage.fail(run, "a", oops())
    assert stage.starts() == []


def test_slots_are_shared_by_runs_in_the_order_in_which_they_came() -> None:
    stage = Stage(slots=1)
    first = stage.begin(TWO, "r")
    stage.begin(TWO, "s")
    assert stage.starts() == ["a"]
    stage.done(first, "a")
    assert stage.starts() == ["b"]
    stage.done(first, "b")
    assert [step.run.id for step in stage.seal().starts] == ["s"]


def test_each_lane_has_its_own_slots() -> None:
    stage = Stage(slots=1)
    gpu = Policy(executor="gpu")
    stage.begin(Script([do("a"), do("b"), do("c", gpu), do("d", gpu)]))
    assert stage.starts() == ["a", "c"]


def test_a_window_of_items_is_filled_as_they_end() -> None:
    stage = Stage(slots=2)
    run = stage.begin(Script(Map("m", nothing, [1, 2, 3], "x")))
    assert stage.starts() == ["m[0]", "m[1]"]
    stage.done(run, "m", item=0)
    assert stage.starts() == ["m[2]"]


# ── next: what may run before anything else is durable ──────────────────────────────────────────────────────────────


def test_a_step_runs_at_once_only_if_all_it_needs_is_durable() -> None:
    stage = Stage()
    stage.begin(TWO)
    main = stage.lanes["main"]
    assert stage.core.next(main, stage.now, durable=0) is None
    step = stage.core.next(main, stage.now, durable=1)
    assert step is not None
    assert (step.id, step.live, stage.core.pending) == ("a", True, True)


def test_a_pure_step_needs_nothing_to_be_durable() -> None:
    stage = Stage()
    stage.begin(Script(do("a", Policy(pure=True))))
    assert stage.core.next(stage.lanes["main"], stage.now, durable=0) is not None


def test_a_lane_without_a_free_slot_gives_nothing() -> None:
    stage = Stage(slots=1)
    stage.begin(TWO)
    stage.seal()
    assert stage.core.next(stage.lanes["main"], stage.now) is None


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def five(limit: int) -> Script:
    return Script([do(key) for key in "abcde"], limit=limit)


def test_a_run_has_at_most_its_limit_of_steps_in_flight() -> None:
    stage = Stage()
    run = stage.begin(five(2))
    assert stage.starts() == ["a", "b"]
    stage.done(run, "a")
    assert stage.starts() == ["c"]


def test_what_a_limit_holds_back_goes_on_in_the_order_in_which_it_came() -> None:
    stage = Stage()
    run = stage.begin(five(1))
    order = []
    for _ in range(5):
        order += stage.starts()
        stage.done(run, order[-1])
    assert order == list("abcde")


def test_a_retry_gives_its_place_to_who_waits() -> None:
    stage = Stage()
    retry = Policy(retry=RetryPolicy(attempts=2, delay=5.0))
    run = stage.begin(Script([do("a", retry), do("b")], limit=1))
    assert stage.starts() == ["a"]
    stage.fail(run, "a")
    assert stage.starts() == ["b"]
    stage.wait(5.0)
    assert stage.starts() == []
    stage.done(run, "b")
    assert stage.starts() == ["a"]


def test_a_step_that_is_stopped_while_a_limit_holds_it_back_costs_nobody_a_place() -> None:
    stage = Stage()
    script = Script([do("a"), do("b"), do("c")], {"a": Stop("b")}, limit=1)
    run = stage.begin(script)
    assert stage.starts() == ["a"]
    stage.done(run, "a")
    assert stage.starts() == ["c"]


def test_items_dropped_while_a_limit_holds_them_back_cost_nobody_a_place() -> None:
    stage = Stage()
    script = Script([do("a"), Map("m", nothing, [1, 2, 3], "x"), do("z")], {"a": Stop("m")}, limit=1)
    run = stage.begin(script)
    stage.starts()
    stage.done(run, "a")
    assert stage.starts() == ["z"]


def test_limits_are_each_run_s_own() -> None:
    stage = Stage()
    stage.begin(five(1), "r")
    stage.begin(five(2), "s")
    assert [step.run.id for step in stage.seal().starts] == ["r", "s", "s"]


# ── pause and resume ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_paused_run_lets_running_steps_end_and_starts_none() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a"), {"a": do("b"), "b": End()}))
    stage.starts()
    assert stage.core.pause(run, stage.now, "lunch")
    stage.done(run, "a")
    assert kinds(stage.seal()) == ["paused", "step_done a", "noted"]
    assert stage.starts() == []
    assert stage.core.resume(run, stage.now)
    assert stage.starts() == ["b"]


def test_a_pause_says_when_all_is_quiet() -> None:
    stage = Stage()
    run = stage.begin(Script([do("a"), do("b")], {"a": [], "b": do("c")}))
    stage.starts()
    stage.core.pause(run, stage.now)
    stage.done(run, "a")
    assert "noted" not in kinds(stage.seal())
    stage.done(run, "b")
    assert stage.seal().rows[-1][3] == e.Noted("quiet")


def test_what_comes_after_the_end_is_dropped() -> None:
    stage = Stage()
    run = stage.begin(Script(End()))
    stage.seal()
    stage.core.signal(run, "late", 1, stage.now)
    stage.core.note(run, "late", stage.now)
    assert stage.core.seal(stage.now) is None


def test_a_run_in_which_nothing_runs_is_quiet_at_once_and_again_after_each_pause() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", Policy(retry=RetryPolicy(attempts=2, delay=9.0)))))
    stage.starts()
    stage.fail(run, "a")
    for _ in range(2):
        stage.core.pause(run, stage.now)
        stage.core.signal(run, "x", 1, stage.now)
        assert [k for k in kinds(stage.seal()) if k == "noted"] == ["noted"]
        stage.core.resume(run, stage.now)


def test_what_a_pause_held_back_goes_on_in_order_and_after_the_resume_is_durable() -> None:
    stage = Stage()
    run = stage.begin(Script([do("a"), do("b")]))
    stage.core.pause(run, stage.now)
    assert stage.starts() == []
    stage.core.resume(run, stage.now)
    batch = stage.seal()
    assert [named(step) for step in batch.starts] == ["a", "b"]
    assert all(step.needs == batch.number for step in batch.starts)


def test_a_retry_whose_time_comes_in_a_pause_stays_for_the_resume() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", Policy(retry=RetryPolicy(attempts=2, delay=5.0)))))
    stage.starts()
    stage.fail(run, "a")
    stage.core.pause(run, stage.now)
    stage.wait(6.0)
    assert stage.starts() == []
    stage.core.resume(run, stage.now)
    assert stage.starts() == ["a"]


@pytest.mark.parametrize("status", ["paused", "over"])
def test_only_a_running_run_can_be_paused(status: str) -> None:
    stage = Stage()
    run = stage.begin(Script(End()) if status == "over" else TWO)
    stage.core.pause(run, stage.now)
    assert not stage.core.pause(run, stage.now)


def test_only_a_paused_run_can_be_resumed() -> None:
    stage = Stage()
    assert not stage.core.resume(stage.begin(TWO), stage.now)
