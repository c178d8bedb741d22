"""Steps that lose their worker process, for test_lost_workers.py; a worker finds them by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from penstock.context import context
from penstock.tasks import Workflow


def begin(folder: str) -> int:
    """Note the attempt and its process; how many there were."""
    here = context()
    with (Path(folder) / "attempts").open("a") as file:
        file.write(f"{here.attempt} {os.getpid()}\n")
    return here.attempt


def dies_twice(folder: str) -> str:
    if begin(folder) <= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def dies_always(folder: str) -> str:
    begin(folder)
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def dies_and_fails_in_turn(folder: str) -> str:
    attempt = begin(folder)
    if attempt == 9:
        return "at last"
    if attempt % 4 == 0:
        raise ValueError(f"attempt {attempt}")
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


twice = Workflow("twice", executor="processes")
twice.add_task(dies_twice)

always = Workflow("always", executor="processes")
always.add_task(dies_always)

in_turn = Workflow("in_turn", executor="processes")
in_turn.add_task(dies_and_fails_in_turn, retries=2)
