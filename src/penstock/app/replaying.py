"""Recorded runs beside the code at hand: would it have written the same log? Nothing is carried out."""

from __future__ import annotations

from typing import Any

from penstock.engine.recovery import Log, refold
from penstock.errors import Nondeterminism
from penstock.model import events as e
from penstock.model import machine
from penstock.model.dropping import close_play
from penstock.model.failure import Failure
from penstock.model.program import Program
from penstock.model.wording import shown


def divergence(run_id: str, program: Program, log: Log) -> str:
    """Where the program goes another way than the log, both sides told; empty if nowhere."""
    (_, _, started), *_ = log
    assert isinstance(started, e.RunStarted)
    if started.version and started.version != program.version:
        return f"the structure of {program.name!r} was {started.version} then, and is {program.version} now"
    state: machine.Run | None = None
    try:
        state = refold(run_id, program, log)
        return _other_end(state, log[-1][2])
    except Nondeterminism as error:
        return str(error)
    finally:
        if state is not None and state.root is not None:
            close_play(state.root, "it was replayed")


def _other_end(state: machine.Run, last: e.Event) -> str:
    """What the code came to, where the log says that the run came to something else."""
    if type(last) not in e.FINAL:
        return "" if state.final is None else f"the log goes on; the code {_told(state.final)}"
    final = state.final or ("waiting", ", ".join(list(state.open)[:10]))
    recorded: machine.Outcome | tuple[str, Any]
    match last:
        case e.RunDone():
            recorded = ("completed", last.value)
        case e.RunFailed():
            recorded = ("failed", last.error)
        case _:
            return ""
    return "" if _same(final, recorded) else f"the log {_told(recorded)}; the code {_told(final)}"


def _same(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    if one[0] != other[0]:
        return False
    if isinstance(one[1], Failure) and isinstance(other[1], Failure):
        return (one[1].type, one[1].step) == (other[1].type, other[1].step)
    return repr(one[1]) == repr(other[1])


def _told(outcome: tuple[str, Any]) -> str:
    kind, value = outcome
    if kind == "waiting":
        return f"waits for {value or 'nothing'}"
    return f"{'returned' if kind == 'completed' else kind + ' with'} {shown(value)}"
