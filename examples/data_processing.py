"""A pipeline in stages: lines of a log are parsed, sorted out, and summed up by hour; one slot gathers what two stages send.

python examples/data_processing.py
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from penstock.routines import Flow, Routine, routine

HOURS, BROKEN_EVERY = 6, 40


def lines_of_a_day() -> Iterator[str]:
    """A log as a small server might write it: every fortieth line is broken."""
    for number in range(480):
        hour = number * HOURS // 480
        status = 500 if number % 23 == 0 else 200
        if number % BROKEN_EVERY == BROKEN_EVERY - 1:
            yield f"{hour:02}:?? --"
        else:
            yield f"{hour:02}:{number % 60:02} {status} {120 + number * 37 % 900}"


class Read(Routine):
    """Emits lines in bunches, so that no message is large."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("begin", handler=self.read)
        self.define_event("lines", ["lines"])

    def read(self, size: int = 60) -> None:
        lines = list(lines_of_a_day())
        for first in range(0, len(lines), size):
            self.emit("lines", lines=lines[first : first + size])


class Parse(Routine):
    """Turns lines into records; what is none goes its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("lines", handler=self.parse)
        self.define_event("records", ["records"])
        self.define_event("broken", ["lines"])

    def parse(self, lines: list[str]) -> None:
        records, broken = [], []
        for line in lines:
            parts = line.split()
            if len(parts) == 3 and parts[1].isdigit():
                records.append([int(parts[0][:2]), int(parts[1]), int(parts[2])])
            else:
                broken.append(line)
        self.increment_stat("parsed", len(records))
        self.emit("records", records=records)
        if broken:
            self.emit("broken", lines=broken)


@routine
def slow_ones(records: list[list[int]]) -> list[list[int]]:
    """Requests that took more than 900 ms."""
    return [record for record in records if record[2] > 900]


class Report(Routine):
    """Adds up what comes, from two stages under names of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("part", handler=self.add)
        self.sums: dict[str, dict[str, int]] = {}
        self.broken = 0
        self.add_serializable_fields(["sums", "broken"])

    def add(self, slow: list[list[int]] | None = None, broken: list[str] | None = None) -> None:
        self.broken += len(broken or ())
        totals: dict[str, dict[str, int]] = defaultdict(lambda: {"slow": 0, "failed": 0}, self.sums)
        for hour, status, _ in slow or ():
            totals[f"{hour:02}"]["slow"] += 1
            totals[f"{hour:02}"]["failed"] += status >= 500
        self.sums = dict(totals)


flow = Flow("data-processing")
report = Report()
for name, each in (("read", Read()), ("parse", Parse()), ("slow", slow_ones), ("report", report)):
    flow.add_routine(each, name)
flow.connect("read", "lines", "parse", "lines")
flow.connect("parse", "records", "slow", "input")
flow.connect("slow", "output", "report", "part", param_mapping={"result": "slow"})
flow.connect("parse", "broken", "report", "part", param_mapping={"lines": "broken"})

if __name__ == "__main__":
    for problem in flow.validate():
        print(problem)
    job = flow.execute("read")
    print(job.status)
    for hour, sums in sorted(report.sums.items()):
        print(f"{hour}:00  {sums['slow']:2} slow, {sums['failed']} of them failed")
    print(f"{report.broken} lines could not be read")
    told = flow.execution_tracker.get_routine_performance("parse")
    assert told is not None
    print(f"parse ran {told['total_executions']} times, {1000 * told['p95']:.2f} ms at most in 19 of 20")
