"""What the parts of the executor suite share: a desk that submits and keeps outcomes, fixtures, flags."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from penstock.context import Context
from penstock.ports import Executor, Job, Outcome
from penstock.testing.executor_suite import steps
from penstock.testing.executor_suite.steps import PATIENCE_SECONDS, context_for, wait_for


class Desk:
    """Submits jobs and keeps what comes back, in the order in which it comes."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.ended: list[tuple[Any, Outcome]] = []
        self._queue: SimpleQueue[tuple[Any, Outcome]] = SimpleQueue()

    def submit(
        self, token: Any, fn: Callable[..., Any], *args: Any, context: Context | None = None, **kw: Any
    ) -> None:
        self.executor.submit(Job(token, fn, args, kw, context or context_for()), self._note)

    def run(
        self, fn: Callable[..., Any], *args: Any, context: Context | None = None, **kwargs: Any
    ) -> Outcome:
        """One job, from start to end."""
        self.submit(object(), fn, *args, context=context, **kwargs)
        return self.next()[1]

    def next(self) -> tuple[Any, Outcome]:
        try:
            return self._queue.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise AssertionError("no job ended") from None

    def wait(self, count: int) -> list[tuple[Any, Outcome]]:
        return [self.next() for _ in range(count)]

    def _note(self, token: Any, outcome: Outcome) -> None:
        self.ended.append((token, outcome))
        self._queue.put((token, outcome))


class ExecutorPart:
    """Flags, fixtures and waits."""

    parallel = True
    """It runs several steps at once, and `submit` returns before they end."""
    asynchronous = False
    """It is tested with coroutine functions."""
    kills = False
    """A stopped step's code runs no more when `stop` has returned True."""
    keeps_exceptions = True
    """Any exception comes back as the live object."""

    def make_executor(self, slots: int) -> Executor:
        """A new executor with so many slots."""
        raise NotImplementedError

    def step(self, name: str) -> Any:
        """One of the suite's steps, in the kind that this executor is tested with."""
        return getattr(steps, f"a{name}" if self.asynchronous else name)

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        executor = self.make_executor(2 if self.parallel else 1)
        yield executor
        executor.close(wait=False)

    @pytest.fixture
    def desk(self, executor: Executor) -> Desk:
        return Desk(executor)

    @pytest.fixture
    def single(self) -> Iterator[Desk]:
        """An executor with one slot."""
        executor = self.make_executor(1)
        yield Desk(executor)
        executor.close(wait=False)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return str(tmp_path)

    def need_parallel(self) -> None:
        if not self.parallel:
            pytest.skip("it runs a step in submit()")

    def began(self, folder: str, name: str) -> None:
        wait_for(Path(folder, f"{name}.began").exists)

    def let_go(self, folder: str, *names: str) -> None:
        for name in names:
            Path(folder, f"{name}.go").touch()


def living() -> set[object]:
    """The threads and child processes of this process."""
    children: set[object] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        children.update(task.read_text().split())
    return children | set(threading.enumerate())
