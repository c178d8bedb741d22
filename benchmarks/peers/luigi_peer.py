"""Luigi: tasks whose outputs are files, with its local scheduler and one worker.

A task is done if its file exists, which is also how it resumes. Luigi writes a file whole (to another name, then
renamed) and never asks the disk to keep it: what it has done survives a crash, not a power cut.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import luigi
from workloads import (
    FIRST,
    SHORT_STEPS,
    Peer,
    Work,
    advance,
    item,
    join,
    main,
    number_of,
    short_inputs,
    value_of,
)

RESUMED = "resumed"


class Kept(luigi.Task):
    """A task with a file of its own, in a folder for each run."""

    run_name = luigi.Parameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"outputs/{self.run_name}/{self.task_id}")

    def keep(self, value: str) -> None:
        with self.output().open("w") as file:
            file.write(value)


class Step(Kept):
    """The step of that number, counted from 1, of a chain that begins with the number `first`."""

    number = luigi.IntParameter()
    first = luigi.IntParameter(default=0)

    def requires(self) -> Step | list[Step]:
        return Step(self.run_name, self.number - 1, self.first) if self.number > 1 else []

    def run(self) -> None:
        self.keep(advance(read(self.input()) if self.number > 1 else value_of(self.first)))


class Item(Kept):
    number = luigi.IntParameter()

    def run(self) -> None:
        self.keep(item(self.number, FIRST))


class Join(Kept):
    n = luigi.IntParameter()

    def requires(self) -> list[Item]:
        return [Item(self.run_name, number) for number in range(self.n)]

    def run(self) -> None:
        self.keep(join(read(target) for target in self.input()))


def read(target: luigi.LocalTarget) -> str:
    with target.open() as file:
        text: str = file.read()
    return text


class Luigi(Peer):
    name = "luigi"

    def chain(self, n: int) -> Work:
        return lambda: build([Step("chain", n)])[0]

    def fan_out(self, n: int) -> Work:
        return lambda: build([Join("fan_out", n)])[0]

    def one_by_one(self, n: int) -> Work:
        # n is part of the name: the short run before the timed ones must not have done their work.
        return lambda: [build([each])[0] for each in short(f"one_by_one{n}", n)]

    def in_flight(self, n: int) -> Work:
        return lambda: build(short("in_flight", n))

    def interrupt(self, n: int) -> Work:
        return lambda: build([Step(RESUMED, n)])[0]

    def resume(self, n: int) -> Work:
        return self.interrupt(n)


def short(name: str, n: int) -> list[Kept]:
    return [Step(f"{name}/{k}", SHORT_STEPS, number_of(value)) for k, value in enumerate(short_inputs(n))]


def build(tasks: list[Kept]) -> list[str]:
    if not luigi.build(tasks, local_scheduler=True, log_level="WARNING"):
        raise AssertionError("Luigi reports that a task failed")
    return [read(task.output()) for task in tasks]


if __name__ == "__main__":
    main(Luigi)
