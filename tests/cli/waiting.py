"""Waiting for what another process does, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LIMIT_SECONDS = 180.0
LOOK_SECONDS = 0.005


def until(true: Callable[[], bool], what: str) -> None:
    """Return when it is true; fail, naming it, when it takes too long."""
    given_up = time.monotonic() + LIMIT_SECONDS
    while not true():
        assert time.monotonic() < given_up, f"waited {LIMIT_SECONDS:g} s for: {what}"
        time.sleep(LOOK_SECONDS)


def ran(folder: Path) -> list[str]:
    """The steps that the gated workflow ran, in order."""
    file = folder / "ran"
    return file.read_text().split() if file.exists() else []


def until_in(folder: Path, step: str) -> None:
    """Return when that step of the gated workflow runs."""
    until(lambda: ran(folder)[-1:] == [step], f"{step} runs")


def open_gates(folder: Path, *names: str) -> None:
    """Let steps of the gated workflow end."""
    for name in names:
        (folder / name).touch()
