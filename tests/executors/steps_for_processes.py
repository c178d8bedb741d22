"""Steps for the process executor's own tests."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any


def pid() -> int:
    return os.getpid()


def surroundings() -> dict[str, Any]:
    return {
        "cwd": os.getcwd(),
        "path": sys.path,
        "argv": sys.argv,
        "mark": os.environ.get("PENSTOCK_MARK"),
        "filters": [(action, category) for action, _, category, *_ in warnings.filters],
        "stdin": sys.stdin.read(),
    }


def modules() -> list[str]:
    return sorted(sys.modules)


def warn_late() -> None:
    from tests.executors.late_warnings import Late

    warnings.warn("too late", Late, stacklevel=1)


def a_lock() -> Any:
    return threading.Lock()


def interrupted() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def hold_with_child(folder: str) -> None:
    """Start a program and wait for it."""
    with subprocess.Popen(["sleep", "60"]) as child:
        Path(folder, "child").write_text(str(child.pid))
        Path(folder, "child.began").touch()


def slow_once(folder: str, quick: int) -> None:
    """Quick so many times, then one is slow, then quick again."""
    with Path(folder, "marks").open("a") as file:
        file.write("x")
        if file.tell() <= quick:
            return
    with contextlib.suppress(FileExistsError):
        Path(folder, "slow.began").touch(exist_ok=False)
        while not Path(folder, "slow.go").exists():
            time.sleep(0.002)


def chatty(folder: str) -> None:
    print("first line")
    Path(folder, "printed").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.002)


def doubled(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(fn)
    def twice(value: Any) -> Any:
        return 2 * fn(value)

    return twice


@doubled
def decorated(value: int) -> int:
    return value + 1


undecorated = decorated.__wrapped__  # type: ignore[attr-defined]


class Tool:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def times(self, value: int) -> int:
        return self.factor * value

    def __call__(self, value: int) -> int:
        return self.times(value)
