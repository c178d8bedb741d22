"""How long until there is something to see: `import penstock`, a first durable workflow, `penstock --help`?

Each is a process of its own, in turn with one of bare Python.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measuring.children import PYTHON, command_of, wall_seconds
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Rounds, Scale, in_turn

IMPORT = Budget("import", "`import penstock`, above bare Python", "ms", must=60.0, aim=25.0)
HELLO = Budget("hello_world", "a durable hello world, wall", "ms", must=200.0, aim=130.0)
HELP = Budget("help", "`penstock --help`, above bare Python", "ms", must=150.0, aim=80.0)
BUDGETS = (IMPORT, HELLO, HELP)

HELLO_WORLD = """
from penstock import Workflow, task

@task
def greet(name: str) -> str:
    return f"Hello, {name}!"

flow = Workflow("hello")
flow.add_task(greet)
print(flow.run(name="world"))
"""


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    script = folder / "hello.py"
    script.write_text(HELLO_WORLD, encoding="utf-8")

    def bare() -> float:
        return wall_seconds([PYTHON, "-c", "pass"], folder)

    def hello() -> float:
        shutil.rmtree(folder / ".penstock", ignore_errors=True)
        (folder / ".penstock").mkdir()
        return wall_seconds([PYTHON, str(script)], folder)

    found = in_turn(scale, bare, lambda: wall_seconds([PYTHON, "-c", "import penstock"], folder))
    yield above_bare(IMPORT, found)
    found = in_turn(scale, bare, hello)
    walls = [1e3 * seconds for seconds in found.work]
    yield figure(HELLO, median(walls), min(walls), rounds=found.number, note=of_which(found))
    found = in_turn(scale, bare, lambda: wall_seconds([command_of("penstock"), "--help"], folder))
    yield above_bare(HELP, found)


def above_bare(budget: Budget, found: Rounds) -> Figure:
    pairs = list(zip(found.work, found.bare, strict=True))
    work, bare = min(pairs, key=sum)
    above = median(1e3 * (work - bare) for work, bare in pairs)
    return figure(budget, above, 1e3 * (work - bare), rounds=found.number, note=of_which(found))


def of_which(found: Rounds) -> str:
    return f"bare Python took {found.bare_microseconds / 1e3:.3g} ms"
