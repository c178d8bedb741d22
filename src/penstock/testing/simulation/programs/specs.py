"""What a random graph of tasks is drawn as."""

from __future__ import annotations

import msgspec

from penstock.model.policies import DEFAULT, Policy
from penstock.tasks.node import Trigger
from penstock.testing.simulation.case import Case


class Spec(msgspec.Struct):
    """One task as it was drawn: what both the real graph and the reference are made of."""

    name: str
    needs: tuple[str, ...]
    salt: int
    size: int | None = None  # a list of so many numbers
    over: str | None = None  # maps over that task's list
    window: int = 4
    collect: bool = False
    inner: Case | None = None
    child: Case | None = None  # a run of its own
    condition: bool = False
    trigger: Trigger = "all_succeeded"
    optional: bool = False
    policy: Policy = DEFAULT
