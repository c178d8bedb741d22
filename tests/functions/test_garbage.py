"""Functions that nobody waits for any more, and the garbage collector."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import gc
from contextvars import ContextVar
from penstock.functions import step, workflow

async def forever(number: int) -> int:
    return number

@workflow
async def function(number: int) -> int:
    try:
        return await step(forever)(number)
    finally:
        ended.append(number)

ended = []
names = [ContextVar(f"name{number}") for number in range(200)]
program = function.as_program()
for number in range(500):
    gc.disable()
    play = program.play(function.bound((number,), {}))
    play.begin(0.0)
    play.itself = play  # a cycle, so that only the collector ends it
    put = names[number % 200].set
    del play
    gc.set_threshold(gc.get_count()[0] + number % 8)  # the collector comes in the middle of what follows
    gc.enable()
    put(number)
gc.collect()
print(len(ended))
"""


def test_a_function_that_the_collector_ends_disturbs_no_context() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONMALLOC": "debug"},  # what is read after it was freed is seen
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "500\n"), done.stderr
