"""A flow for processes that are killed: fans out, fans in, retries; each handling leaves a line in a file beside the store."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from penstock.routines import ErrorHandler, ErrorStrategy, Flow, Routine

LINES = Path(os.environ.get("LINES_FILE", os.devnull))
ITEMS = int(os.environ.get("ITEMS", "12"))


def line(*words: object) -> None:
    with LINES.open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


class Source(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.begin)
        self.define_event("item", ["number"])

    def begin(self, count: int = ITEMS) -> None:
        line("begin")
        for number in range(count):
            self.increment_stat("emitted")
            self.emit("item", number=number)


class Work(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.largest = -1
        self.add_serializable_fields(["largest"])
        self.set_config(factor=2)
        self.define_slot("input", handler=self.work)
        self.define_event("done", ["value"])
        self.set_error_handler(ErrorHandler(ErrorStrategy.RETRY, max_retries=2, retry_delay=0.001))

    def work(self, number: int) -> None:
        if number % 4 == 3 and not (failed := LINES.with_name(f"failed-{number}")).exists():
            failed.touch()
            raise OSError("not the first time")
        time.sleep(0.004)
        line("work", number)
        self._stats["worked"] = self._stats.get("worked", 0) + 1
        self.largest = max(self.largest, number)
        self.emit("done", value=number * self.get_config("factor"))


class Join(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.join, merge_strategy="append")
        self.define_event("all", ["values"])

    def join(self, value: list[Any]) -> None:
        self._stats["latest"] = {"values": list(value)}
        if len(value) == ITEMS:
            line("all", *sorted(value))
            self.emit("all", values=sorted(value))


flow = Flow("fan", execution_strategy=os.environ.get("STRATEGY", "sequential"), max_workers=3)
source, work, join = Source(), Work(), Join()
for name, routine in (("source", source), ("work", work), ("join", join)):
    flow.add_routine(routine, name)
flow.connect("source", "item", "work", "input")
flow.connect("work", "done", "join", "input")

if __name__ == "__main__":
    store = sys.argv[1]
    if len(sys.argv) == 2:
        job = flow.execute("source", store=store)
    else:
        job = flow.resume("latest", store=store)
    print(job.status, job.outputs)
    print(source.stats(), work.stats(), work.largest, len(join.stats()["latest"]["values"]))
