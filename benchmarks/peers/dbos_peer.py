"""DBOS on SQLite: steps of a durable function, as its tutorial writes them.

Fan-out is `asyncio.gather` over async steps. Results of recovered runs are polled for every 10 ms instead of every second.
The variant `wal` puts the database file into WAL mode first, which DBOS itself does not do.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from dbos import DBOS, SetWorkflowID
from workloads import FIRST, SHORT_STEPS, Peer, Work, advance, item, join, main, short_inputs

DATABASE = "dbos.sqlite"
RESUMED = "resumed"
POLLING_SECONDS = 0.01


@DBOS.step()
def step(value: str) -> str:
    return advance(value)


@DBOS.step()
async def item_step(number: int, value: str) -> str:
    return item(number, value)


@DBOS.step()
async def join_step(values: list[str]) -> str:
    return join(values)


@DBOS.workflow()
def steps(n: int, value: str) -> str:
    for _ in range(n):
        value = step(value)
    return value


@DBOS.workflow()
async def items(n: int, value: str) -> str:
    return await join_step(await asyncio.gather(*(item_step(number, value) for number in range(n))))


class Dbos(Peer):
    name = "dbos"

    @contextmanager
    def running(self) -> Iterator[None]:
        if self.variant == "wal":
            connection = sqlite3.connect(DATABASE)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.close()
        DBOS(
            config={
                "name": "peer",
                "system_database_url": f"sqlite:///{DATABASE}",
                "log_level": "WARNING",
                "console_log_level": "WARNING",
                "enable_otlp": False,
            }
        )
        DBOS.launch()
        try:
            yield
        finally:
            DBOS.destroy()

    def chain(self, n: int) -> Work:
        return lambda: steps(n, FIRST)

    def fan_out(self, n: int) -> Work:
        return lambda: asyncio.run(items(n, FIRST))

    def one_by_one(self, n: int) -> Work:
        return lambda: [steps(SHORT_STEPS, value) for value in short_inputs(n)]

    def in_flight(self, n: int) -> Work:
        def work() -> list[str]:
            handles = [DBOS.start_workflow(steps, SHORT_STEPS, value) for value in short_inputs(n)]
            return [handle.get_result(polling_interval_sec=POLLING_SECONDS) for handle in handles]

        return work

    def interrupt(self, n: int) -> Work:
        def work() -> str:
            with SetWorkflowID(RESUMED):
                return steps(n, FIRST)

        return work

    def resume(self, n: int) -> Work:
        # launch() has found the unfinished run and recovers it in the background.
        return lambda: DBOS.retrieve_workflow(RESUMED).get_result(polling_interval_sec=POLLING_SECONDS)


if __name__ == "__main__":
    main(Dbos)
