"""Names of runs: short enough to read out, random from the first letter on, so that a short beginning is enough."""

from __future__ import annotations

import hashlib


def new_id(chance: bytes) -> str:
    """A run's id: 16 hexadecimal digits from 8 random bytes."""
    return chance.hex()


def run_id_for(workflow: str, key: str) -> str:
    """The id of the one run of a workflow under an idempotency key."""
    return new_id(hashlib.sha256(f"{workflow}\0{key}".encode()).digest()[:8])
