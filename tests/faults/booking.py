"""Drives one run whose steps write rows to its store's own file, each in its own transaction. Killed by its parent."""

from __future__ import annotations

import sqlite3
import sys
import time

import penstock
from penstock import Workflow, task

CHAIN, ITEMS = 12, 24


def book(connection: sqlite3.Connection) -> None:
    me = penstock.context()
    connection.execute("INSERT INTO bookings VALUES (?, ?)", (me.run, me.key))


@task(transaction=True)
def first(connection: sqlite3.Connection) -> int:
    book(connection)
    return 0


@task(transaction=True, retries=2)
def stumble(connection: sqlite3.Connection) -> str:
    book(connection)
    if penstock.context().attempt == 1:
        raise OSError("written, and not done")
    return "done"


@task(transaction=True)
def item(number: int, connection: sqlite3.Connection) -> int:
    book(connection)
    time.sleep(0.001)
    return number


@task(executor="threads")
def aside(number: int) -> int:
    time.sleep(0.001)
    return number


def make() -> Workflow:
    flow = Workflow("bookings")
    flow.add_task(first)
    flow.add_task(stumble)
    flow.add_task(item.map(number=range(ITEMS)))
    flow.add_task(aside.map(number=range(ITEMS)))
    before = "first"
    for number in range(CHAIN):
        flow.add_task(first, name=f"link{number}", depends_on=[before])
        flow.add_task(lambda: None, name=f"plain{number}", depends_on=[before])
        before = f"link{number}"
    return flow


flow = make()

if __name__ == "__main__":
    file, key, durability = sys.argv[1:]
    with penstock.open(file, durability=durability, lease_seconds=0.1) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        run = flow.using(store=engine, key=key).start()
        print(run.result(timeout=60) is not None, flush=True)
