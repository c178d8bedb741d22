"""A run whose program ended well, with a value that cannot be stored, fails as any other: it is undone, and its hook runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import CommandRefused, RunFailed
from penstock.functions import step, workflow
from penstock.model import events as e
from penstock.model.program import Do, End, Fail, Plan
from penstock.model.undoing import UNSTORABLE
from tests.saga import ten

told: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    told.clear()


class Opaque:
    """What no store knows how to write."""


def number(n: int) -> int:
    told.append(f"do {n}")
    return n


def take_back(n: int) -> None:
    told.append(f"undo {n}")


@workflow
async def opaque() -> Opaque:
    for n in range(3):
        await step(number, undo=take_back)(n)
    return Opaque()


class Hooked(Plan):
    """One step, then an end that cannot be stored, with a hook for each way to end."""

    name, version = "hooked", "1"

    def __init__(self) -> None:
        self.hooks = {kind: Do(f"@on_{kind}", _tell) for kind in ("completed", "failed", "cancelled")}

    def as_program(self) -> Hooked:
        return self

    def play(self, input: Any) -> Hooked:
        return self

    def begin(self, at: float) -> list[Any]:
        return [Do("number", number, (1,))]

    def done(self, key: str, value: Any, at: float) -> list[Any]:
        return [End(Opaque())]

    def failed(self, key: str, error: Any, at: float) -> list[Any]:
        return [Fail(error)]


def _tell(value: Any) -> None:
    told.append("a value" if isinstance(value, Opaque) else value.type)


def topics(run: penstock.Run[Any]) -> list[str]:
    return [event.topic for _, _, event in run.events() if isinstance(event, e.Noted)]


def test_it_is_undone_the_last_first_and_says_what_its_value_was(durable: penstock.Engine) -> None:
    run = durable.run(opaque)
    assert run.status == "failed"
    assert told == ["do 0", "do 1", "do 2", "undo 2", "undo 1", "undo 0"]
    with pytest.raises(RunFailed, match="Opaque cannot be stored: make Opaque a dataclass"):
        run.result()
    last = run.events()[-1][2]
    assert isinstance(last, e.RunFailed)
    assert last.undone
    with pytest.raises(CommandRefused, match="what it had done was undone: start a new run"):
        durable.resume(run.id, opaque)


def test_its_hook_for_failures_runs_though_the_one_for_success_has(durable: penstock.Engine) -> None:
    program = Hooked()
    assert durable.run(program).status == "failed"
    assert told == ["do 1", "a value", "penstock.errors.CodecError"]


def test_it_can_be_resumed_where_nothing_was_undone(durable: penstock.Engine) -> None:
    @workflow
    async def plain() -> Opaque:
        await step(number)(1)
        return Opaque()

    run = durable.run(plain)
    assert run.status == "failed"
    assert durable.resume(run.id, plain, wait=True).status == "failed"
    assert topics(run).count(UNSTORABLE) == 2
    durable.codec.register(Opaque, encode=lambda _: "opaque", decode=lambda _: Opaque())
    again = durable.resume(run.id, plain, wait=True)
    assert again.status == "completed"
    assert isinstance(durable.get(run.id).result(), Opaque)
    assert told == ["do 1"]


def test_where_nothing_is_kept_any_value_will_do() -> None:
    with penstock.open("ephemeral") as engine:
        assert isinstance(engine.run(opaque).result(), Opaque)


@pytest.mark.parametrize("dies_at", [10, 5, 2, 1])
def test_killed_while_it_is_undone_it_goes_on_with_undoing(
    dies_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, effects = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "effects"
    script = [sys.executable, ten.__file__, store, str(effects), "0", str(dies_at), "unstorable"]
    assert subprocess.run(script, check=False).returncode == -signal.SIGKILL
    monkeypatch.setattr(ten, "effects", effects)
    with penstock.open(store) as engine:
        run = engine.resume(engine.get("latest").id, ten.ALL["unstorable"], wait=True)
        assert run.status == "failed"
        assert topics(run).count(UNSTORABLE) == 1
        done = [event.step for _, _, event in run.events() if isinstance(event, e.StepDone)]
    assert done[ten.STEPS :] == [f"undo:{name}" for name in reversed(done[: ten.STEPS])]
    undone = [line for line in effects.read_text().splitlines() if line.startswith("undo")]
    twice = [f"undo {dies_at}"] if dies_at % 2 else []  # its effect was there before it was killed
    wanted = [f"undo {n}" for n in range(ten.STEPS, 0, -1)]
    assert list(dict.fromkeys(undone)) == wanted
    assert sorted(undone) == sorted(wanted + twice)
