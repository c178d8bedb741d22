"""Names of runs: short enough to read out, random from the first letter on, so that a short beginning is enough."""

from __future__ import annotations

import base64
import hashlib


def new_id(chance: bytes) -> str:
    """A run's id of 16 letters and digits, from 10 random bytes."""
    return base64.b32encode(chance).decode().lower()


def run_id_for(workflow: str, key: str) -> str:
    """The id of the one run of a workflow under an idempotency key."""
    return new_id(hashlib.sha256(f"{workflow}\0{key}".encode()).digest()[:10])
