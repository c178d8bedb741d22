"""Sends signals to runs that another process drives, or drives them.

python -m tests.signals.posted send STORE SENDER FIRST LAST
python -m tests.signals.posted drive STORE SIGNALS
"""

from __future__ import annotations

import json
import sys

import msgspec

import penstock
from penstock.functions import wait_for_signal, workflow
from penstock.model.ids import run_id_for

RUNS = 100
SENT_TWICE = 10
"""Every so many signals are sent twice, as whoever does not hear an answer would."""


class Item(msgspec.Struct):
    sender: int
    number: int


@workflow
async def collects(signals: int) -> list[list[int]]:
    """Begins when it is told to, and takes so many signals."""
    await wait_for_signal("begin")
    items = [await wait_for_signal("item", type=Item) for _ in range(signals)]
    return [[item.sender, item.number] for item in items]


def key_of(number: int) -> str:
    return f"run{number}"


def runs() -> list[str]:
    return [run_id_for("collects", key_of(number)) for number in range(RUNS)]


def send(store: str, sender: int, first: int, last: int) -> None:
    with penstock.open(store, durability="crash") as engine:
        for number in range(first, last):
            for run in runs():
                value, key = {"sender": sender, "number": number}, f"{sender}-{number}"
                engine.signal(run, "item", value, key=key)
                if number % SENT_TWICE == 0:
                    engine.signal(run, "item", value, key=key)


def drive(store: str, signals: int) -> None:
    with penstock.open(store, durability="crash", lease_seconds=0.5) as engine:
        handles = [collects.using(store=engine, key=key_of(number)).start(signals) for number in range(RUNS)]
        print("started", flush=True)
        for handle in handles:
            print(json.dumps(handle.result(60)), flush=True)


if __name__ == "__main__":
    what, store, *numbers = sys.argv[1:]
    {"send": send, "drive": drive}[what](store, *map(int, numbers))
