"""The work that every engine is given, and how one process measures one engine at one workload.

    NAME_peer.py WORKLOAD N [VARIANT]

does the workload once, checks what came out, and prints one line of JSON: peer, workload, n, seconds, checked. Between
steps passes a value of 200 bytes, of which the first eight are a number, so that a wrong order or a lost step shows.
Making definitions (compiling a graph, opening a database) is not timed; running them is.

- chain: N steps, each given the value of the one before.
- fan_out: N steps that need nothing of each other, then one that reads all their values.
- one_by_one: N workflows of 3 steps, each started when the last one has ended.
- in_flight: N workflows of 3 steps, all started before the first result is waited for.
- interrupt: a chain of N steps that kills its own process, as -9 does, in the last step's code.
- resume: that chain taken up by a new process, in the same folder; timed from the start of the process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, NoReturn

VALUE_BYTES = 200
DIGITS = 8
SHORT_STEPS = 3
STARTED = "PEER_STARTED_NS"
"""The environment variable that says when this process was started, on the clock that all processes share."""

IMPORTED_NS = time.monotonic_ns()

Work = Callable[[], str | Sequence[str]]


def value_of(number: int) -> str:
    return f"{number:0{DIGITS}}".ljust(VALUE_BYTES, "x")


def number_of(value: str) -> int:
    return int(value[:DIGITS])


class Count:
    """How many steps this process has run; it ends the process in the step at which it was told to."""

    def __init__(self) -> None:
        self.steps = 0
        self.die_at = 0

    def add(self) -> None:
        self.steps += 1
        if self.steps == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)


count = Count()


# ── the bodies of the steps ─────────────────────────────────────────────────────────────────────────────────────────


def advance(value: str) -> str:
    """The body of a step of a chain: the number goes up by one."""
    count.add()
    return f"{int(value[:DIGITS]) + 1:0{DIGITS}}{value[DIGITS:]}"


def item(number: int, value: str) -> str:
    """The body of a parallel step: the value, with this step's number."""
    count.add()
    return f"{number:0{DIGITS}}{value[DIGITS:]}"


def join(values: Iterable[str]) -> str:
    """The body of the step after the parallel ones: their numbers, added up."""
    return value_of(sum(number_of(value) for value in values))


FIRST = value_of(0)


def short_inputs(n: int) -> list[str]:
    """What n workflows of 3 steps are given: every one something else."""
    return [value_of(10 * k) for k in range(n)]


# ── an engine, and measuring it ─────────────────────────────────────────────────────────────────────────────────────


class Peer(ABC):
    """One engine. Each method prepares a workload and gives back what is to be timed, which returns the last values.

    `longest` is the most steps that one of its workflows is given: longer work is done in that many at a time.
    """

    name: ClassVar[str]
    longest: int = sys.maxsize

    def __init__(self, variant: str = "") -> None:
        self.variant = variant

    def running(self) -> AbstractContextManager[None]:
        """Whatever must be open while it works; opening and closing are not timed."""
        return nullcontext()

    @abstractmethod
    def chain(self, n: int) -> Work: ...

    @abstractmethod
    def fan_out(self, n: int) -> Work: ...

    @abstractmethod
    def one_by_one(self, n: int) -> Work: ...

    @abstractmethod
    def in_flight(self, n: int) -> Work: ...

    def interrupt(self, n: int) -> Work:
        """The chain that `resume` takes up, under a name that both know."""
        raise NotImplementedError(f"{self.name} keeps nothing that could be resumed")

    def resume(self, n: int) -> Work:
        raise NotImplementedError(f"{self.name} keeps nothing that could be resumed")


def main(kind: type[Peer]) -> None:
    """The command line of an adapter."""
    workload, n, variant = sys.argv[1], int(sys.argv[2]), "".join(sys.argv[3:4])
    peer = kind(variant)
    with peer.running():
        if workload == "interrupt":
            interrupt(peer, n)
        seconds = resumed(peer, n) if workload == "resume" else measured(peer, workload, n)
        result = {
            "peer": peer.name + (f"-{variant}" if variant else ""),
            "workload": workload,
            "n": n,
            "seconds": round(seconds, 7),
            "checked": True,
        }
        print(json.dumps(result), flush=True)


def measured(peer: Peer, workload: str, n: int) -> float:
    """Seconds for the workload, after one short workflow that nobody times: first calls import and open things."""
    expect(peer.one_by_one(1)(), expected("one_by_one", 1))
    size = min(n, peer.longest) if workload in ("chain", "fan_out") else n
    prepare: Callable[[int], Work] = getattr(peer, workload)
    work = prepare(size)
    count.steps = 0
    times = n // size
    begun = time.perf_counter()
    outputs = [work() for _ in range(times)]
    seconds = time.perf_counter() - begun
    for output in outputs:
        expect(output, expected(workload, size))
    expect(count.steps, times * steps_of(workload, size))
    return seconds / (times * size) * n


def interrupt(peer: Peer, n: int) -> NoReturn:
    work = peer.interrupt(n)
    count.die_at = n
    work()
    raise AssertionError(f"the chain of {n} steps ended; it was to be killed in its last step")


def resumed(peer: Peer, n: int) -> float:
    """Seconds from the start of this process to the result, if only the last step ran."""
    output = peer.resume(n)()
    seconds = (time.monotonic_ns() - int(os.environ.get(STARTED, IMPORTED_NS))) / 1e9
    expect(output, value_of(n))
    expect(count.steps, 1)
    return seconds


def expected(workload: str, n: int) -> str | list[str]:
    match workload:
        case "chain":
            return value_of(n)
        case "fan_out":
            return value_of(n * (n - 1) // 2)
        case _:
            return [value_of(10 * k + SHORT_STEPS) for k in range(n)]


def steps_of(workload: str, n: int) -> int:
    return n if workload in ("chain", "fan_out") else n * SHORT_STEPS


def expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"expected {str(wanted)[:300]}, found {str(found)[:300]}")
