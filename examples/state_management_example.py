"""A job that pauses itself, is written to a file, and is finished by another process, with the state of its routines.

python examples/state_management_example.py [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from penstock.routines import Flow, JobState, Routine

BATCHES, PAUSE_AFTER = 6, 3


class Loader(Routine):
    """Loads batches one after another; after some it asks for a pause."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("next", handler=self.load)
        self.define_event("loaded", ["rows"])
        self.define_event("more", ["batch"])

    def load(self, batch: int = 1) -> None:
        self.increment_stat("batches")
        self.emit("loaded", rows=[batch * 10 + row for row in range(4)])
        if batch < BATCHES:
            self.emit("more", batch=batch + 1)
        if batch == PAUSE_AFTER:
            flow.pause(reason="half of it is loaded", checkpoint={"batch": batch})


class Total(Routine):
    """Adds up all rows that came; its slot keeps them together."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.add_serializable_fields(["total"])
        self.define_slot("rows", handler=self.add, merge_strategy=together)

    def add(self, rows: list[int]) -> None:
        self.total = sum(rows)
        self.set_stat("rows", len(rows))


def together(old: dict[str, list[int]], new: dict[str, list[int]]) -> dict[str, list[int]]:
    return {"rows": [*old.get("rows", []), *new["rows"]]}


flow = Flow("state")
loader, total = Loader(), Total()
flow.add_routine(loader, "loader")
flow.add_routine(total, "total")
flow.connect("loader", "loaded", "total", "rows")
flow.connect("loader", "more", "loader", "next")


def told(job: JobState) -> str:
    return f"{job.status}: {loader.stats()['batches']} batches, {total.get_stat('rows')} rows, total {total.total}"


def first(file: Path) -> None:
    """Begin the job, and keep it where it pauses."""
    job = flow.execute("loader")
    job.save(file)
    (pause,) = job.pause_points
    print(f"paused because {pause['reason']}, at {pause['checkpoint']}")
    print(told(job))


def second(file: Path) -> None:
    """Finish it."""
    job = flow.resume(JobState.load(file))
    print(told(job))
    told_of = flow.execution_tracker.get_flow_performance()
    print(f"this process ran {told_of['total_executions']} activations, {told_of['failed']} of them failed")


if __name__ == "__main__":
    if sys.argv[2:] == ["go-on"]:
        second(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(sys.argv[1] if len(sys.argv) > 1 else folder) / "job.json"
            first(kept)
            sys.stdout.flush()
            subprocess.run([sys.executable, __file__, str(kept), "go-on"], check=True)
