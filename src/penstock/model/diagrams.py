"""The page of states in the documentation: Mermaid pictures drawn from the tables in `states`.

`python -m penstock.model.diagrams > docs/states.md` writes it; a test says when it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.model.events import KIND_OF
from penstock.model.states import ATTEMPT, FINISHED, RUN, RUN_STATUSES, SETTLED, STEP, WHILE


def run_diagram() -> str:
    """A run's states."""
    return _diagram({(*key, ""): after for key, after in RUN.items()}, ["pending"], FINISHED - {"failed"})


def step_diagram() -> str:
    """A step's states. A skipped step is in no other state before."""
    return _diagram(STEP, ["ready", "waiting", "skipped"], SETTLED)


def attempt_diagram() -> str:
    """An attempt's states."""
    return _diagram(ATTEMPT, ["running"], {after for after in ATTEMPT.values() if after != "running"})


def page() -> str:
    """The whole page."""
    return _PAGE.format(
        run=run_diagram(), step=step_diagram(), attempt=attempt_diagram(), events="\n".join(_event_rows())
    )


def _diagram(table: Mapping[Any, str], first: Iterable[str], last: Iterable[str]) -> str:
    lines = ["stateDiagram-v2", *(f"    [*] --> {status}" for status in first)]
    for (before, event, detail), after in table.items():
        label = f"{KIND_OF[event]} ({detail})" if detail else KIND_OF[event]
        lines.append(f"    {before} --> {after}: {label}")
    lines += [f"    {status} --> [*]" for status in sorted(last)]
    return "\n".join(lines)


def _event_rows() -> Iterable[str]:
    yield f"| event | {' | '.join(RUN_STATUSES)} |"
    yield f"|---|{'---|' * len(RUN_STATUSES)}"
    for event, kind in KIND_OF.items():
        if event in WHILE:
            cells = ["yes" if status in WHILE[event] else "" for status in RUN_STATUSES]
        else:
            cells = [f"→ {RUN[status, event]}" if (status, event) in RUN else "" for status in RUN_STATUSES]
        yield f"| `{kind}` | {' | '.join(cells)} |"


_PAGE = """\
# States

Runs, steps and attempts move as these pictures show and in no other way: they are drawn from the tables in
`penstock.model.states`, and the engine is tested against the same tables, state by event. An event that a state does not
allow is refused. Words on arrows are kinds of events as they stand in a run's log.

## Run

```mermaid
{run}
```

Completed and cancelled are final. A failed run may be reopened: what brought it down is tried again.

## Step

```mermaid
{step}
```

A step is ready as soon as its program asks for it, a timer or a wait for a signal is waiting. A failure is *final*, or there
will be a *retry*. A signal completes a waiting step without an event of the step's own.

## Attempt

```mermaid
{attempt}
```

An attempt is *lost* when the engine or the worker that ran it is no more; it does not count against the step's retries.

## Which event may come when

{events}
"""

if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
