"""The core: how runs are cancelled, time out, are lost, and are taken up again."""

from __future__ import annotations

from penstock.model.policies import Policy, RetryPolicy
from penstock.model.program import Do, End, Map, Sleep, Stop, Wait
from tests.engine.stage import Stage, kinds, named
from tests.unit.scripted import Script, do, nothing, oops

TWO = Script([do("a"), do("b")], {"a": [], "b": lambda value: End(value)})

# ── cancel ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancel_stops_what_runs_and_ends_when_that_has_stopped() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    assert stage.core.cancel(run, stage.now, "enough")
    batch = stage.seal()
    assert (kinds(batch), [named(s) for s in batch.stops]) == (["cancel_asked"], ["a", "b"])
    for step in batch.stops:
        stage.core.stopped(step, stage.now)
    assert kinds(stage.seal())[-1] == "run_cancelled"


def test_a_paused_run_can_be_cancelled() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.core.pause(run, stage.now)
    stage.core.cancel(run, stage.now)
    assert run.status == "cancelled"


def test_a_run_is_cancelled_once() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    assert stage.core.cancel(run, stage.now)
    assert not stage.core.cancel(run, stage.now)


def test_a_run_that_is_over_cannot_be_cancelled() -> None:
    stage = Stage()
    assert not stage.core.cancel(stage.begin(Script(End())), stage.now)


def test_a_pause_does_not_hold_up_the_hook_of_a_cancel() -> None:
    stage = Stage()
    run = stage.begin(Script(Wait("a", "go"), hooks={"cancelled": Do("@on_cancel", nothing)}))
    stage.core.pause(run, stage.now)
    assert stage.core.cancel(run, stage.now)
    assert stage.starts() == ["@on_cancel"]
    stage.done(run, "@on_cancel")
    assert run.status == "cancelled"


def test_a_hook_is_cancelled_with_its_run() -> None:
    stage = Stage()
    run = stage.begin(Script(End(1), hooks={"completed": Do("@on_success", nothing)}))
    assert stage.starts() == ["@on_success"]
    stage.core.cancel(run, stage.now)
    assert [named(s) for s in stage.seal().stops] == ["@on_success"]


# ── timers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def policy(attempts: int = 2, delay: float = 0.0, timeout: float | None = None) -> Policy:
    return Policy(retry=RetryPolicy(attempts=attempts, delay=delay), timeout=timeout)


def test_the_next_timer_says_when_to_come_back() -> None:
    stage = Stage()
    assert stage.core.timers.due_in(stage.now) is None
    stage.begin(Script([Sleep("long", 60.0), Sleep("short", 5.0)]))
    assert stage.core.timers.due_in(stage.now) == 5.0


def test_a_sleep_that_has_passed_is_recorded() -> None:
    stage = Stage()
    stage.begin(Script(Sleep("s", 5.0), {"s": End()}))
    stage.wait(4.0)
    assert "step_done s" not in kinds(stage.seal())
    stage.wait(1.0)
    assert kinds(stage.seal()) == ["step_done s", "run_done"]


def test_a_wait_fails_when_its_time_has_passed() -> None:
    stage = Stage()
    run = stage.begin(Script(Wait("w", "go", 5.0)))
    stage.wait(5.0)
    error = run.final[1] if run.final else None
    assert (error.cause, error.message) == ("timeout", "no signal 'go' within 5.0 s")


def test_a_timer_of_a_wait_that_got_its_signal_says_nothing() -> None:
    stage = Stage()
    run = stage.begin(Script(Wait("w", "go", 5.0), {"w": do("a")}))
    stage.core.signal(run, "go", 1, stage.now)
    stage.wait(9.0)
    assert run.status == "running"


def test_a_signal_with_a_key_is_taken_once() -> None:
    stage = Stage()
    run = stage.begin(Script([Wait("w", "go"), Wait("v", "go")]))
    for _ in range(3):
        stage.core.signal(run, "go", 1, stage.now, key="k")
    assert kinds(stage.seal()).count("signalled") == 1
    assert list(run.open) == ["v"]


def test_a_retry_starts_when_its_time_has_come() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", policy(delay=5.0))))
    stage.starts()
    stage.fail(run, "a")
    assert stage.starts() == []
    stage.wait(4.9)
    assert stage.starts() == []
    stage.wait(0.1)
    assert stage.starts() == ["a"]
    assert run.open["a"].attempt == 2


def test_a_retry_without_a_wait_starts_in_the_batch_of_its_failure() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", policy())))
    stage.starts()
    stage.fail(run, "a")
    assert kinds(stage.seal()) == ["step_failed a", "step_started a"]


def test_retries_come_to_an_end() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", policy(attempts=3))))
    for _ in range(3):
        assert stage.starts() == ["a"]
        stage.fail(run, "a")
    assert run.status == "failed"


def test_what_nobody_wants_any_more_is_not_tried_again() -> None:
    stage = Stage()
    run = stage.begin(Script([do("a"), do("b", policy(attempts=9))]))
    stage.starts()
    stage.fail(run, "a")
    stage.fail(run, "b")
    assert run.status == "failed"


# ── attempts that take too long ─────────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_takes_too_long_fails_with_cause_timeout_and_is_stopped() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", policy(attempts=1, timeout=3.0))))
    stage.starts()
    stage.wait(3.0)
    assert [named(step) for step in stage.seal().stops] == ["a"]
    error = run.final[1] if run.final else None
    assert (error.cause, error.message, error.bases) == (
        "timeout",
        "a took longer than 3.0 s",
        ("TimeoutError",),
    )


def test_its_slot_is_free_at_once_and_its_answer_says_nothing() -> None:
    stage = Stage(slots=1)
    run = stage.begin(Script([do("a", policy(attempts=1, timeout=3.0)), do("b")], failed={"a": []}))
    stage.starts()
    step = stage.step(run, "a")
    stage.wait(3.0)
    assert stage.starts() == ["b"]
    assert not stage.core.ended(step, 1, "1", stage.now)


def test_an_attempt_that_ended_in_time_has_no_timeout() -> None:
    stage = Stage()
    run = stage.begin(Script([do("a", policy(timeout=3.0)), do("b")]))
    stage.starts()
    stage.done(run, "a")
    stage.wait(9.0)
    assert run.finished["a"].status == "completed"


def test_the_timeout_of_one_attempt_does_not_end_the_next() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a", policy(timeout=3.0))))
    stage.starts()
    stage.wait(2.0)
    stage.fail(run, "a")
    assert stage.starts() == ["a"]
    stage.wait(2.0)
    assert run.open["a"].status == "running"
    stage.wait(1.0)
    assert run.status == "failed"


def test_time_begins_when_the_attempt_does_not_when_it_was_asked_for() -> None:
    stage = Stage(slots=1)
    run = stage.begin(Script([do("a"), do("b", policy(timeout=3.0))]))
    stage.starts()
    stage.wait(60.0)
    stage.done(run, "a")
    assert stage.starts() == ["b"]
    stage.wait(2.0)
    assert run.open["b"].status == "running"


# ── deadlines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_reaches_its_deadline_stops_what_runs_and_fails() -> None:
    stage = Stage()
    run = stage.begin(Script([do("a", policy(attempts=9)), do("b")]), deadline=110.0)
    stage.starts()
    stage.wait(10.0)
    batch = stage.seal()
    assert kinds(batch) == ["noted", "step_failed a", "step_failed b", "run_failed"]
    assert len(batch.stops) == 2
    assert run.final is not None
    assert run.final[1].cause == "timeout"


def test_a_deadline_after_the_end_says_nothing() -> None:
    stage = Stage()
    run = stage.begin(Script(End(1)), deadline=110.0)
    stage.wait(60.0)
    assert run.status == "completed"


def test_a_cancelled_run_that_reaches_its_deadline_is_cancelled() -> None:
    stage = Stage()
    run = stage.begin(TWO, deadline=110.0)
    stage.starts()
    stage.core.cancel(run, stage.now)
    stage.wait(10.0)
    stage.seal()
    assert run.status == "cancelled"


# ── runs that are lost or taken up ──────────────────────────────────────────────────────────────────────────────────


def test_a_refused_run_is_forgotten_its_slots_are_free_and_its_steps_are_stopped() -> None:
    stage = Stage(slots=2)
    run = stage.begin(TWO)
    stage.starts()
    stage.core.refused(run)
    assert run.gone
    assert stage.core.runs == {}
    assert stage.core.idle
    assert len(stage.seal().stops) == 2


def test_timers_of_a_refused_run_say_nothing() -> None:
    stage = Stage()
    run = stage.begin(Script(Sleep("s", 5.0)), deadline=105.0)
    stage.seal()
    stage.core.refused(run)
    stage.wait(9.0)
    assert stage.core.seal(stage.now) is None


def test_an_adopted_run_is_owned_and_counts_what_ran_as_lost() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    again = stage.adopted(run, TWO)
    assert kinds(stage.seal()) == [
        "owned",
        "step_failed a",
        "step_failed b",
        "step_started a",
        "step_started b",
    ]
    assert (again.open["a"].attempt, again.open["a"].failures) == (2, 0)


def test_an_adopted_run_does_not_run_again_what_was_done() -> None:
    stage = Stage()
    run = stage.begin(Script(do("a"), {"a": do("b")}))
    stage.starts()
    stage.done(run, "a")
    stage.seal()
    stage.adopted(run, Script(do("a"), {"a": do("b")}))
    assert stage.starts() == ["b"]


def test_what_was_ready_goes_before_what_was_lost() -> None:
    stage = Stage(slots=1)
    run = stage.begin(TWO)
    assert stage.starts() == ["a"]
    stage.adopted(run, TWO)
    assert stage.starts() == ["b"]


def test_timers_and_retries_go_on_with_the_time_they_had() -> None:
    script = Script([Sleep("s", 60.0), do("a", policy(delay=30.0)), Wait("w", "go", 90.0)])
    stage = Stage()
    run = stage.begin(script)
    stage.starts()
    stage.fail(run, "a")
    stage.seal()
    stage.now = 120.0
    stage.adopted(run, script)
    assert stage.core.timers.due_in(stage.now) == 10.0
    stage.wait(10.0)
    assert stage.starts() == ["a"]
    assert stage.core.timers.due_in(stage.now) == 30.0


def test_what_was_lost_and_unwanted_is_cancelled() -> None:
    script = Script([do("a"), do("b")], {"a": [Stop("b"), do("c")]})
    stage = Stage()
    run = stage.begin(script)
    stage.starts()
    stage.done(run, "a")
    stage.seal()
    stage.adopted(run, script)
    assert "step_cancelled b" in kinds(stage.seal())


def test_items_that_ran_are_lost_one_by_one() -> None:
    script = Script(Map("m", nothing, [1, 2, 3], "x", window=2))
    stage = Stage()
    run = stage.begin(script)
    stage.starts()
    stage.done(run, "m", item=0)
    assert stage.starts() == ["m[2]"]
    stage.adopted(run, script)
    assert stage.starts() == ["m[1]", "m[2]"]


def test_an_adopted_run_keeps_its_deadline() -> None:
    stage = Stage()
    run = stage.begin(TWO, deadline=150.0)
    stage.starts()
    again = stage.adopted(run, TWO)
    stage.wait(50.0)
    assert again.status == "failed"


def test_a_cancel_asked_before_the_engine_died_is_carried_out() -> None:
    stage = Stage()
    run = stage.begin(TWO)
    stage.starts()
    stage.core.cancel(run, stage.now)
    stage.seal()
    stage.adopted(run, TWO)
    assert kinds(stage.seal())[-1] == "run_cancelled"


def test_a_reopened_run_has_its_whole_time_again() -> None:
    script = Script(do("a"), {"a": End()}, timeout=60.0)
    stage = Stage()
    run = stage.begin(script, deadline=160.0)
    stage.starts()
    stage.fail(run, "a", oops())
    stage.seal()
    stage.now = 1_000.0
    again = stage.adopted(run, script, reopen=[3])
    assert again.deadline == 1_060.0
    assert kinds(stage.seal()) == ["owned", "run_reopened", "step_started a"]
    stage.done(again, "a")
    assert again.status == "completed"
