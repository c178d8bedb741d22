"""Runs the contenders in turn: the first round of all, then the second of all, each measurement a process of its own.

A process gets an empty folder on the disk of the checkout, an environment with nothing of the caller's in it, and a time
limit; whatever it leaves running ends with it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.peers.environments import Unavailable, prepare_folder, python_of
from benchmarks.peers.plan import KEPT, QUIET, ROOT, TIMEOUT_SECONDS, WORKLOADS, Contender, planned
from benchmarks.peers.workloads import STARTED, value_of

COMMITS = 200
LONGEST_TEXT = 300


@dataclass(frozen=True)
class Measurement:
    """One process's answer: seconds for all n, or why there is none."""

    peer: str
    workload: str
    round: int
    n: int
    seconds: float | None = None
    failure: str = ""


class Failed(Exception):
    """A measured process failed; the message is what it said last."""


Report = Callable[[Measurement], None]


def measure_all(
    contenders: Sequence[Contender], workloads: Sequence[str], rounds: int, *, quick: bool, report: Report
) -> Iterator[Measurement]:
    pythons = {contender.name: environment(contender) for contender in contenders}
    for number in range(1, rounds + 1):
        for workload in (each for each in WORKLOADS if each in workloads):
            for contender in contenders:
                amount = planned(contender, workload, quick=quick)
                if amount is None or number > amount.rounds:
                    continue
                found = measure(contender, pythons[contender.name], workload, number, amount.n)
                report(found)
                yield found


def environment(contender: Contender) -> Path | Unavailable:
    try:
        return python_of(contender)
    except Unavailable as error:
        return error


def measure(
    contender: Contender, python: Path | Unavailable, workload: str, number: int, n: int
) -> Measurement:
    if isinstance(python, Unavailable):
        return Measurement(contender.name, workload, number, n, failure=str(python))
    try:
        seconds = seconds_of(contender, python, workload, n)
    except Failed as error:
        return Measurement(contender.name, workload, number, n, failure=str(error))
    return Measurement(contender.name, workload, number, n, seconds)


def seconds_of(contender: Contender, python: Path, workload: str, n: int) -> float:
    with tempfile.TemporaryDirectory(prefix="run-", dir=KEPT, ignore_cleanup_errors=True) as folder:
        if workload == "resume":
            ended = run(contender, python, "interrupt", n, Path(folder))
            if ended.code != -signal.SIGKILL:
                raise Failed(f"the run to be resumed was not killed: {ended.said}")
        ended = run(contender, python, workload, n, Path(folder))
    if ended.code:
        raise Failed(ended.said)
    answer = json.loads(ended.line)
    if not (answer["checked"] and answer["n"] == n and answer["workload"] == workload):
        raise Failed(f"an answer to another question: {answer}")
    return float(answer["seconds"])


@dataclass(frozen=True)
class Ended:
    code: int
    line: str
    said: str


def run(contender: Contender, python: Path, workload: str, n: int, folder: Path) -> Ended:
    """Run an adapter to its end, with all processes it started.

    Its output goes to files: a pipe would stay open as long as anything it left behind.
    """
    out, errors = folder.with_name(folder.name + ".out"), folder.with_name(folder.name + ".err")
    command = [str(python), str(contender.script), workload, str(n), *filter(None, [contender.variant])]
    try:
        with out.open("w") as to_out, errors.open("w") as to_errors:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=surroundings(folder),
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_errors,
                start_new_session=True,
            )
            code = wait(process)
        return Ended(code, last_line(out), last_line(errors))
    finally:
        out.unlink(missing_ok=True)
        errors.unlink(missing_ok=True)


def wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"took longer than {TIMEOUT_SECONDS} s") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def surroundings(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        **QUIET,
        STARTED: str(time.monotonic_ns()),
    }


def last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].replace(f"{ROOT}/", "")[-LONGEST_TEXT:] if lines else ""


def commit_microseconds() -> float:
    """What this disk takes, just now, for a commit that survives a power cut: one row of 200 bytes, SQLite, WAL."""
    prepare_folder()
    with tempfile.TemporaryDirectory(prefix="disk-", dir=KEPT) as folder:
        connection = sqlite3.connect(Path(folder) / "rows.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (body TEXT)")
        times = [commit_seconds(connection) for _ in range(COMMITS)]
        connection.close()
    return median(times) * 1e6


def commit_seconds(connection: sqlite3.Connection) -> float:
    begun = time.perf_counter()
    connection.execute("INSERT INTO rows VALUES (?)", [value_of(0)])
    return time.perf_counter() - begun
