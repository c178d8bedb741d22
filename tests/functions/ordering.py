"""A script with durable functions that is killed where the test says, and gone on with.

    python ordering.py STORE SIDE FUNCTION [RUN]

Each step appends its name to the file SIDE; the one that DIES_AT names kills the process.
"""

from __future__ import annotations

import os
import signal
import sys

import penstock
from penstock import task
from penstock.functions import gather, now, random, sleep, start, step, uuid4, workflow


class OutOfStock(Exception):
    pass


def begin(name: str) -> None:
    with open(sys.argv[2], "a", encoding="utf-8") as side:
        side.write(f"{name}\n")
    if os.environ.get("DIES_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)


@task
def reserve(item: str) -> str:
    begin(f"reserve {item}")
    if item == "lamp":
        raise OutOfStock(item)
    return item.upper()


@task
async def charge(amount: int, token: str) -> str:
    begin(f"charge {amount}")
    return f"{amount} {token}"


@workflow
async def order(items: list[str]) -> list[str]:
    """Asks chance, time and exceptions which way to go: a replay must go the same."""
    found = await gather(*[step(reserve)(item) for item in items[:2]])
    for item in items[2:]:
        try:
            found.append(await step(reserve)(item))
        except OutOfStock as error:
            found.append(f"no {error}")
    token, began = str(uuid4()), now()
    await sleep(0.01)
    amount = random().randrange(100, 1000) + (now() > began)
    charged = await charge(amount, token)
    assert charged == f"{amount} {token}"
    await step(begin)("end")
    return found


@workflow
def order_blocked(items: list[str]) -> list[str]:
    """The same on a thread of its own."""
    found = gather(*[start(reserve, item) for item in items[:2]])
    for item in items[2:]:
        try:
            found.append(reserve(item))  # type: ignore[attr-defined]
        except OutOfStock as error:
            found.append(f"no {error}")  # type: ignore[attr-defined]
    amount = random().randrange(100, 1000)
    sleep(0.01)  # type: ignore[unused-awaitable]
    assert start(charge, amount, str(uuid4())).result().startswith(str(amount))
    step(begin)("end")  # type: ignore[unused-awaitable]
    return found  # type: ignore[return-value]


if __name__ == "__main__":
    store, _, name, *run = sys.argv[1:]
    with penstock.open(f"sqlite:///{store}") as engine:
        function = {"order": order, "order_blocked": order_blocked}[name].using(store=engine)
        print(function.resume(run[0]) if run else function.run(["chair", "table", "lamp", "desk"]))
