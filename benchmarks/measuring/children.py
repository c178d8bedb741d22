"""Processes that a benchmark starts: each with a time limit, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable


class Failed(Exception):
    """A process failed or took too long; the message ends with what it said last."""


def command_of(name: str) -> str:
    """An installed command of this environment."""
    return str(Path(PYTHON).with_name(name))


def environment(**more: str) -> dict[str, str]:
    """Where `benchmarks` can be imported, and no store is named by anybody but us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


class Child:
    """A Python process that is told words and answers lines, through pipes."""

    def __init__(self, arguments: Sequence[str], cwd: Path, *, quiet: bool = False) -> None:
        self.process = subprocess.Popen(
            [PYTHON, *arguments],
            cwd=cwd,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            start_new_session=True,
        )

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """The next line it prints; empty if it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """End it with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


@contextmanager
def child(arguments: Sequence[str], cwd: Path, *, quiet: bool = False) -> Iterator[Child]:
    """A process that does not outlive the block."""
    process = Child(arguments, cwd, quiet=quiet)
    try:
        yield process
    finally:
        process.end()


def told_together(arguments: Sequence[Sequence[str]], cwd: Path) -> tuple[float, list[str]]:
    """Processes that say `ready`, begin when all are told to, and answer once: seconds until the last, and the answers."""
    with ExitStack() as stack:
        children = [stack.enter_context(child(each, cwd)) for each in arguments]
        for each in children:
            if each.answer() != "ready":
                raise Failed(f"{each.process.args!r} did not begin")
        begun = time.perf_counter()
        for each in children:
            each.tell("go")
        answers = [each.answer() for each in children]
        return time.perf_counter() - begun, answers


def said(arguments: Sequence[str], cwd: Path, *, seconds: float, code: int = 0) -> str:
    """What a Python process printed. Raises Failed if it ends otherwise than with `code`, or not in time."""
    with child(arguments, cwd) as running:
        process = running.process
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(arguments)} took longer than {seconds:g} s") from None
        if process.returncode != code:
            raise Failed(f"{' '.join(arguments)} ended with {process.returncode}: {out[-500:]}")
        return out


def wall_seconds(command: Sequence[str], cwd: Path, *, seconds: float = 30.0, **more: str) -> float:
    """How long a command takes from its start to its end. Raises Failed if it fails."""
    begun = time.perf_counter()
    ended = subprocess.run(
        command,
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    spent = time.perf_counter() - begun
    if ended.returncode:
        raise Failed(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr[-500:]}")
    return spent
