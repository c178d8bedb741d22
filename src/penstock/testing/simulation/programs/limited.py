"""Groups whose steps are under limits that all runs and engines of a simulation share."""

from __future__ import annotations

from random import Random

import msgspec

from penstock.model.limits import Limit
from penstock.model.policies import Policy
from penstock.testing.simulation.programs.groups import GroupsCase, draw_groups

LIMITS = (
    Limit("one", at_most=1),
    Limit("two", at_most=2),
    Limit("two", at_most=2, priority=7),
    Limit("fair", at_most=2, fair_by="name"),
    Limit("slow", at_most=3, rate="5/s"),
)


class LimitedCase(GroupsCase):
    """See Case. What comes of it is what would without limits."""

    style = "limited"


def draw_limited(chance: Random) -> LimitedCase:
    """Groups; most of their steps are under one of a few limits."""
    plain = draw_groups(chance)
    policies: dict[str, Policy] = {}
    for name, policy in plain.policies.items():
        limit = LIMITS[int(chance.random() * len(LIMITS))] if chance.random() < 0.8 else None
        policies[name] = msgspec.structs.replace(policy, limit=limit)
    return LimitedCase(plain.groups, policies, plain.fates)
