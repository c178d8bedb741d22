"""What a step notes of itself while it goes on is in its run's log, in order, before how the step ended."""

from __future__ import annotations

from pathlib import Path

import pytest

import penstock
from penstock import Workflow
from penstock.model import events as e


def notes() -> str:
    here = penstock.context()
    assert here.report is not None
    for number in range(3):
        here.report(here, "note", ("counted", {"number": number}))
    return "done"


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_notes_stand_in_the_log_before_the_steps_end(tmp_path: Path, executor: str) -> None:
    flow = Workflow("noting", executor=executor)
    flow.add_task(notes)
    with penstock.open(tmp_path / "runs.db") as engine:
        run = flow.using(store=engine).start()
        assert run.result(20) == "done"
        log = [event for _, _, event in run.events()]
    told = [(event.topic, event.step, event.data) for event in log if isinstance(event, e.Noted)]
    assert told == [("counted", "notes", {"number": number}) for number in range(3)]
    ended = next(place for place, event in enumerate(log) if isinstance(event, e.StepDone))
    assert all(place < ended for place, event in enumerate(log) if isinstance(event, e.Noted))


def test_a_note_that_cannot_be_stored_is_its_steps_own_error(tmp_path: Path) -> None:
    def wrong() -> None:
        here = penstock.context()
        assert here.report is not None
        here.report(here, "note", ("counted", object()))

    flow = Workflow("noting")
    flow.add_task(wrong)
    with penstock.open(tmp_path / "runs.db") as engine, pytest.raises(penstock.RunFailed, match="CodecError"):
        flow.using(store=engine).run()
