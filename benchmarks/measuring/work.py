"""The work: workflows whose steps do next to nothing, with a value of 200 bytes between them.

A step turns its value by one place, so that the result tells how many steps it went through. An observer counts completions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from penstock import Workflow
from penstock.model.events import RunDone, StepDone

VALUE = "".join(chr(ord("a") + place % 26) for place in range(200))
"""What goes into a workflow and from step to step."""

SHORT_STEPS = 3


def turn(value: str) -> str:
    return value[-1] + value[:-1]


def turned(steps: int) -> str:
    """The value after so many steps."""
    places = steps % len(VALUE)
    return VALUE[len(VALUE) - places :] + VALUE[: len(VALUE) - places]


class Recorded:
    """An observer that counts events by kind: what is measured is measured with somebody listening."""

    def __init__(self) -> None:
        self.count: dict[type, int] = defaultdict(int)

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: Any) -> None:
        self.count[type(event)] += 1

    def expect(self, steps: int, runs: int) -> None:
        """So many steps and runs were completed since the last time; then count anew."""
        found = (self.count[StepDone], self.count[RunDone])
        expect(found, (steps, runs))
        self.count.clear()


def expect(found: object, wanted: object) -> None:
    """Raises AssertionError if a result is not what it ought to be: a wrong answer is worth no time."""
    if found != wanted:
        raise AssertionError(f"expected {str(wanted)[:300]}, found {str(found)[:300]}")


class Shape(NamedTuple):
    """A workflow with what it is given, what must come of it, and how many steps it has."""

    flow: Workflow
    inputs: dict[str, str]
    result: object
    steps: int


# ── workflows ───────────────────────────────────────────────────────────────────────────────────────────────────────


def chain(steps: int, *, suspending: bool = False, executor: str | None = None) -> Workflow:
    """`step1` to `stepN`, each given the value of the one before; the input is `step0`."""
    functions = dict(_suspending_functions(steps) if suspending else _functions(steps, _PLAIN, {}))
    flow = Workflow(f"chain-{steps}", executor=executor)
    for number in range(1, steps + 1):
        name = f"step{number}"
        flow.add_task(functions[name], depends_on=() if number == 1 else f"step{number - 1}")
    flow.check()
    return flow


_PLAIN = "def {name}({upstream}):\n    return {upstream}[-1] + {upstream}[:-1]\n"
_SUSPENDING = (
    "async def {name}({upstream}):\n    await sleep(0)\n    return {upstream}[-1] + {upstream}[:-1]\n"
)


def _suspending_functions(steps: int) -> Iterator[tuple[str, Any]]:
    import asyncio  # a process that is timed from its start imports this module too

    return _functions(steps, _SUSPENDING, {"sleep": asyncio.sleep})


def _functions(steps: int, source: str, known: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """A function a step: values go by name, so each is named after its step, and its parameter after the one before."""
    names: dict[str, Any] = {**known, "__name__": __name__}
    text = [source.format(name=f"step{k}", upstream=f"step{k - 1}") for k in range(1, steps + 1)]
    exec(compile("\n".join(text), f"<chain of {steps}>", "exec"), names)
    return ((f"step{number}", names[f"step{number}"]) for number in range(1, steps + 1))


def fan_out(width: int, *, suspending: bool = False) -> Workflow:
    """`source`, `width` steps that are given its value, and `join`, which is given all of theirs."""
    flow = Workflow(f"fan-out-{width}")
    flow.add_task(source)
    each = _suspending_item() if suspending else item
    names = [f"item{number}" for number in range(width)]
    for name in names:
        flow.add_task(each, name=name, depends_on="source")
    flow.add_task(join, depends_on=names)
    flow.check()
    return flow


def a_chain(steps: int, *, suspending: bool = False) -> Shape:
    return Shape(chain(steps, suspending=suspending), {"step0": VALUE}, turned(steps), steps)


def a_fan_out(width: int, *, suspending: bool = False) -> Shape:
    return Shape(
        fan_out(width, suspending=suspending), {"value": VALUE}, joined(width), steps_of_fan_out(width)
    )


def source(value: str) -> str:
    return turn(value)


def item(source: str) -> str:
    return turn(source)


def _suspending_item() -> Any:
    from asyncio import sleep

    async def item(source: str) -> str:
        await sleep(0)
        return turn(source)

    return item


def join(**items: str) -> list[Any]:
    """How many values came, and those that differ."""
    return [len(items), sorted(set(items.values()))]


def joined(width: int) -> list[Any]:
    """What `join` returns if nothing was lost."""
    return [width, [turned(2)]]


def steps_of_fan_out(width: int) -> int:
    return width + 2
