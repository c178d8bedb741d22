"""Text that UTF-8 cannot hold, as in a file's name that is none: it reaches every place where a run keeps text."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import penstock
from penstock import Workflow, task
from penstock.errors import RunFailed, SettingsError

STRANGE = "caf\udce9.txt"
"""What Python makes of a Latin-1 name."""


@task
def tell() -> int:
    print("reading", STRANGE)
    penstock.context().log.info("read %s", STRANGE)
    return 1


@task
def quiet() -> int:
    return 1


@task
def fail() -> None:
    raise ValueError(f"cannot read {STRANGE}")


def of(*tasks: object) -> Workflow:
    flow = Workflow("strange")
    for each in tasks:
        flow.add_task(each)  # type: ignore[arg-type]
    return flow


def test_what_a_step_prints_and_logs_is_kept_as_far_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        logging.getLogger("penstock.step"), "propagate", False
    )  # what pytest shows of it is UTF-8
    with penstock.open(tmp_path / "s.db", capture_echo=False) as engine:
        run = engine.run(of(tell))
        assert run.result() == 1
        kept = [line[-1] for line in engine.durable_store().read_logs(run.id)]
    assert [line.endswith(r"caf\udce9.txt") for line in kept] == [True, True]


def test_a_failure_is_recorded_with_its_message(tmp_path: Path) -> None:
    with (
        penstock.open(tmp_path / "s.db") as engine,
        pytest.raises(RunFailed, match=r"cannot read caf\\udce9\.txt"),
    ):
        engine.run(of(fail)).result()


@pytest.mark.parametrize("how", [{"key": STRANGE}, {"tags": {"file": STRANGE}}, {"tags": {STRANGE: "file"}}])
def test_keys_and_tags_of_such_text_are_refused(how: dict[str, object], tmp_path: Path) -> None:
    with penstock.open(tmp_path / "s.db") as engine, pytest.raises(SettingsError, match="caf"):
        engine.run(of(tell), **how)


def test_a_signal_of_such_a_name_is_refused_and_a_reason_is_kept(tmp_path: Path) -> None:
    with penstock.open(tmp_path / "s.db") as engine:
        run = engine.run(of(quiet))
        with pytest.raises(SettingsError, match="must be text"):
            run.signal(STRANGE)
        with pytest.raises(SettingsError, match="must be text"):
            run.signal("go", key=STRANGE)
