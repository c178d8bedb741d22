"""A workflow inside runs of several processes: they keep its limit together, and the slots of the dead are free."""

from __future__ import annotations

from penstock.app import Engine
from penstock.app.causes import Cause
from penstock.app.inquiring import why
from penstock.model import events as e
from tests.faults.lives import wait_until
from tests.limits import nested
from tests.limits.crew import Attempt, Crew, most_at_once

STEPS = ["narrow/begin", "narrow/stay"]


def spans(engine: Engine, tenant: str = "") -> list[Attempt]:
    """From the first step to the last of the workflow inside each run that has begun it."""
    found = []
    for row in engine.durable_store().find("runs"):
        if tenant in row["tags"]:
            log = engine.get(row["id"]).events()
            starts = [at for _, at, event in log if isinstance(event, e.StepStarted)]
            ends = [at for _, at, event in log if isinstance(event, e.StepDone) and event.step == STEPS[-1]]
            if starts:
                found.append(Attempt(starts[0], ends[0] if ends else float("inf"), row["id"]))
    return found


def test_it_is_under_way_no_more_often_than_its_limit_says(crew: Crew, engine: Engine) -> None:
    processes = [crew.begin(nested.__name__, tenant, 6, 0.02) for tenant in ("one", "other")]
    for process in processes:
        crew.go(process)
    assert [process.wait(60) for process in processes] == [0, 0]
    found = spans(engine)
    assert len(found) == 12
    assert most_at_once(found) == nested.AT_MOST
    assert not engine.durable_store().find("documents", {"kind": "ledger"})
    assert not engine.durable_store().find("queued")


def test_the_slots_of_a_killed_process_go_to_those_who_wait_and_why_says_for_whom(
    crew: Crew, engine: Engine
) -> None:
    holder, waiter = (
        crew.begin(nested.__name__, "killed", 2, 600.0),
        crew.begin(nested.__name__, "waiting", 1, 0.0),
    )
    crew.go(holder)
    wait_until(lambda: len(spans(engine, "killed")) == nested.AT_MOST, "it holds all slots")
    crew.go(waiter)
    waiting = wait_until(lambda: run_of(engine, "waiting"), "another has begun")
    (cause,) = wait_until(lambda: held_up(engine, waiting), "it waits for a slot")
    assert cause.step == "narrow"
    assert cause.text.startswith("narrow is ready; limit nested (2 at once) is reached by narrow of ")
    causes = why(engine, waiting, "narrow/begin", nested.flow)
    assert [each.step for each in causes if each.kind == "limit"] == ["narrow/begin"]
    assert spans(engine, "waiting") == []
    holder.kill()
    assert waiter.wait(60) == 0
    assert len(spans(engine, "waiting")) == 1
    assert all(each.ended == float("inf") for each in spans(engine, "killed"))


def test_a_run_of_a_killed_process_that_is_taken_up_waits_for_its_slot(crew: Crew, engine: Engine) -> None:
    holder, other = (
        crew.begin(nested.__name__, "killed", 1, 600.0),
        crew.begin(nested.__name__, "other", 2, 600.0),
    )
    crew.go(holder)
    wait_until(lambda: len(spans(engine, "killed")) == 1, "it holds a slot")
    crew.go(other)
    wait_until(lambda: len(spans(engine, "other")) == 1, "another holds the other")
    holder.kill()
    wait_until(lambda: len(spans(engine, "other")) == nested.AT_MOST, "the slot is another's")
    again = engine.resume(run_of(engine, "killed"), nested.flow)
    wait_until(lambda: held_up(engine, again.id), "it waits for a slot")
    assert sum(isinstance(event, e.StepStarted) for _, _, event in again.events()) == len(STEPS)
    other.kill()
    wait_until(
        lambda: sum(isinstance(event, e.StepStarted) for _, _, event in again.events()) == 3,
        "it has it again",
    )


def run_of(engine: Engine, tenant: str) -> str:
    return next((row["id"] for row in engine.durable_store().find("runs") if tenant in row["tags"]), "")


def held_up(engine: Engine, run: str) -> list[Cause]:
    """What of a run waits under a limit, as far as its code is not needed to know that."""
    return [each for each in why(engine, run) if each.kind == "limit"]
