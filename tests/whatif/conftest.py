from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import penstock
from penstock import Workflow


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[penstock.Engine]:
    with penstock.open(str(tmp_path / "runs.db"), durability="crash") as opened:
        yield opened


@pytest.fixture
def chain() -> Callable[[int], Workflow]:
    return chain_of


def chain_of(steps: int) -> Workflow:
    """`step1` to `stepN`, each after the one before."""
    flow = Workflow(f"chain-{steps}")
    for number in range(1, steps + 1):
        flow.add_task(_nothing, name=f"step{number}", depends_on=() if number == 1 else f"step{number - 1}")
    return flow


def _nothing() -> int:
    return 1
