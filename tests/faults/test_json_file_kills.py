"""A run in a JSON file whose process is killed again and again: what was recorded as done is never run again."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from penstock.stores.json_file import JsonFileStore

LIFE = """
import sys, time
from penstock import Workflow, open, task

@task
def numbers() -> list[int]:
    return list(range(120))

left = [25]  # so many this process begins; in the next one it waits to be killed

@task
def double(number: int) -> int:
    if not left[0]:
        time.sleep(600)
    left[0] -= 1
    print(number, flush=True)
    time.sleep(0.004)  # longer than what shares a commit
    return 2 * number

@task
def total(double: list[int]) -> int:
    return sum(double)

flow = Workflow("doubles")
flow.add_task(numbers)
flow.add_task(double.map(number="numbers"))
flow.add_task(total, depends_on=["double"])
with open(sys.argv[1], lease_seconds=0.2) as engine:
    print("result", engine.run(flow, {}, key="one").result(), flush=True)
"""


def test_a_run_that_is_killed_every_few_steps_comes_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    begun: Counter[str] = Counter()
    lives, said = 0, ""
    while not said.startswith("result"):
        lives += 1
        done = _done(path)
        process = subprocess.Popen(
            [sys.executable, "-c", LIFE, f"json:///{path}"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        read = [process.stdout.readline() for _ in range(25)]
        process.kill()
        read += process.communicate()[0].splitlines(keepends=True)
        for said in filter(None, read):
            if said[0].isdigit() and said.endswith("\n"):
                assert said.strip() not in done
                begun[said.strip()] += 1
        assert lives < 20
    assert said == f"result {2 * sum(range(120))}\n"
    assert lives > 4
    assert len(begun) == 120
    assert _done(path) == Counter({str(number): 1 for number in range(120)})


def _done(path: Path) -> Counter[str]:
    """How often each item is recorded as done."""
    store = JsonFileStore(path)
    try:
        assert store.check() == []
        rows = [row for _, row in store.follow(limit=100_000)[0]]
        return Counter(str(row.item) for row in rows if (row.kind, row.step) == ("step_done", "double"))
    finally:
        store.close()
