"""A worker process as its executor sees it: the process, the link to it, and the jobs it was sent."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL, Signals
from time import monotonic
from typing import Any

from penstock.errors import WorkerLost
from penstock.executors.processes.inherited_filters import pack_filters
from penstock.executors.processes.link import JOB, QUIET_JOB, link_pair, take_back
from penstock.executors.processes.main_script import describe_main
from penstock.ports import Job, Outcome

AHEAD = 16  # jobs sent to one worker at once, if its jobs are short
SHORT_SECONDS = 0.001  # what short means

_BOOT = """\
import sys, marshal
path, *boot = marshal.load(sys.stdin.buffer)
sys.path[:] = path
from penstock.executors.processes.child import main
main(*boot)
"""


class Ticket:
    """A job on its way; `void` says that nobody wants its answer."""

    __slots__ = ("ended", "frame", "job", "number", "void", "worker")

    def __init__(self, number: int, job: Job, ended: Callable[[Any, Outcome], None], frame: bytes) -> None:
        self.number = number
        self.job = job
        self.ended = ended
        self.frame = frame
        self.worker: Hired | None = None
        self.void = False

    def drop(self) -> None:
        """Nobody wants its answer any more."""
        self.void = True
        if self.job.context is not None:
            self.job.context.cancel()


class Hired:
    """One worker process; making one raises OSError if it cannot be started.

    `flying` are the jobs it was sent, oldest first: it runs that one and has not seen the rest.
    `pace` is how long its jobs take, in seconds, the latest counting most; it is unknown, so infinite, at first.
    """

    def __init__(self) -> None:
        self.link, self._theirs = link_pair()
        self.flying: dict[int, Ticket] = {}
        self.ready = False
        self.pace = float("inf")
        self.heard = monotonic()
        try:
            self._process = _spawn(self._theirs.fileno())
        except BaseException:
            self._close()
            raise
        self.pid = self._process.pid
        self.death = os.pidfd_open(self.pid)

    def can_take(self) -> int:
        """How many more jobs it should be sent now."""
        if not self.ready:
            return 0
        return (AHEAD if self.pace < SHORT_SECONDS else 1) - len(self.flying)

    def send(self, ticket: Ticket, echo: bool) -> bool:
        """Send a job; False if there is no room for it just now."""
        try:
            self.link.send(JOB if echo else QUIET_JOB, ticket.number, ticket.frame)
        except BlockingIOError:
            return False
        if not self.flying:
            self.heard = monotonic()
        ticket.worker = self
        self.flying[ticket.number] = ticket
        return True

    def answered(self, number: int, seconds: float) -> Ticket | None:
        """A job has ended."""
        self.heard = monotonic()
        self.pace = seconds if self.pace == float("inf") else (self.pace + seconds) / 2
        return self.flying.pop(number, None)

    def recall(self) -> list[Ticket]:
        """Take back the jobs that it has not begun, oldest first."""
        return [self.flying.pop(number) for number in take_back(self._theirs)]

    def kill(self) -> None:
        """End it now, with all that its step has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, SIGKILL)

    def bury(self) -> str:
        """Collect what is left of the dead process; how it ended."""
        code = self._process.wait()
        self._close()
        os.close(self.death)
        return f"was killed by {Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _close(self) -> None:
        self.link.close()
        self._theirs.close()


def loss(ticket: Ticket, how: str) -> WorkerLost:
    """What is said of a job whose worker died."""
    context = ticket.job.context
    what = "a step" if context is None else f"step {context.key}"
    hint = "; often that means that memory ran out" if "SIGKILL" in how else ""
    return WorkerLost(f"the worker process {how} while it ran {what}{hint}")


def _spawn(link: int) -> subprocess.Popen[bytes]:
    """Start a worker in a process group of its own: Ctrl-C does not reach it, and it is killed with what it started."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-c", _BOOT]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[link], process_group=0)
    assert process.stdin is not None
    with (
        suppress(BrokenPipeError),
        process.stdin as stdin,
    ):  # a worker that dies at once is buried like any other
        stdin.write(_heritage(link))
    return process


def _heritage(link: int) -> bytes:
    """What a worker takes over from this process: path, link, parent, main script, arguments, warning filters."""
    path = [os.path.abspath(entry) for entry in sys.path]
    return marshal.dumps((path, link, os.getpid(), describe_main(), list(sys.argv), pack_filters()))
