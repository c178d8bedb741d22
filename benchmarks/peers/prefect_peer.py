"""Prefect on its own temporary server (a process on loopback, SQLite), results persisted to files.

What is fast of what its documentation offers: async flows and tasks (a sync flow waits up to a second for its heartbeat
thread when it ends), the server's background services and client-side API logging off. Workflows in flight together are
sync flows in threads, because async ones on SQLite wait much longer for each other. Task runs reach the server after the
fact; what makes a step durable is its result file, which is how a chain resumes: the flow is called again and finds them.
The migrated, empty database is made once and copied: migrating it takes seconds that no workload should pay for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from workloads import FIRST, SHORT_STEPS, Peer, Work, advance, item, join, main, short_inputs

HOME = Path.cwd() / "prefect"
MIGRATED = Path(sys.prefix) / "migrated.db"
UPGRADE_SECONDS = 120
SERVICES = (
    "CANCELLATION_CLEANUP EVENT_PERSISTER FOREMAN LATE_RUNS PAUSE_EXPIRATIONS REPOSSESSOR SCHEDULER TRIGGERS"
)

# Prefect reads its settings when it is imported.
os.environ |= {
    "PREFECT_HOME": str(HOME),
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",  # stopped while it writes, the server would print what it lost
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    **{f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in SERVICES.split()},
}


def prepare_home() -> None:
    HOME.mkdir(exist_ok=True)
    if (HOME / "prefect.db").exists():
        return
    if MIGRATED.exists():
        shutil.copy(MIGRATED, HOME / "prefect.db")
        return
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    subprocess.run(upgrade, check=True, capture_output=True, timeout=UPGRADE_SECONDS)
    shutil.copy(HOME / "prefect.db", MIGRATED)


prepare_home()

from prefect import flow, task  # noqa: E402 - after its settings
from prefect.cache_policies import FLOW_PARAMETERS, INPUTS, TASK_SOURCE  # noqa: E402 - after its settings

# A run is known by the parameters it was called with; its tasks by theirs.
KEPT = INPUTS + TASK_SOURCE + FLOW_PARAMETERS
RESUMED = "resumed"


@task(cache_policy=KEPT)
async def step(value: str) -> str:
    return advance(value)


@task(cache_policy=KEPT)
async def item_step(number: int, value: str) -> str:
    return item(number, value)


@task(cache_policy=KEPT)
async def join_step(values: list[str]) -> str:
    return join(values)


@task(cache_policy=KEPT)
def sync_step(value: str) -> str:
    return advance(value)


@flow
async def steps(name: str, n: int, value: str) -> str:
    for _ in range(n):
        value = await step(value)
    return value


@flow
async def items(name: str, n: int, value: str) -> str:
    return await join_step(await asyncio.gather(*(item_step(number, value) for number in range(n))))


@flow
def sync_steps(name: str, n: int, value: str) -> str:
    for _ in range(n):
        value = sync_step(value)
    return value


class Prefect(Peer):
    name = "prefect"

    def __init__(self, variant: str = "") -> None:
        super().__init__(variant)
        self._names = count(1)

    def chain(self, n: int) -> Work:
        return lambda: asyncio.run(steps(self._name(), n, FIRST))

    def fan_out(self, n: int) -> Work:
        return lambda: asyncio.run(items(self._name(), n, FIRST))

    def one_by_one(self, n: int) -> Work:
        async def work() -> list[str]:
            return [await steps(self._name(), SHORT_STEPS, value) for value in short_inputs(n)]

        return lambda: asyncio.run(work())

    def in_flight(self, n: int) -> Work:
        def work() -> list[str]:
            with ThreadPoolExecutor(n) as threads:
                return list(threads.map(self._sync_run, short_inputs(n)))

        return work

    def interrupt(self, n: int) -> Work:
        return lambda: asyncio.run(steps(RESUMED, n, FIRST))

    def resume(self, n: int) -> Work:
        return self.interrupt(n)

    def _sync_run(self, value: str) -> str:
        return sync_steps(self._name(), SHORT_STEPS, value)

    def _name(self) -> str:
        return str(next(self._names))


if __name__ == "__main__":
    main(Prefect)
