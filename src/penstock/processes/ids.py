"""Ids of processes, as UUIDs: unique without asking the system for chance each time, and made when somebody looks."""

from __future__ import annotations

import os
from functools import cache
from hashlib import blake2b
from itertools import count

_numbers = count(1)


def fresh_id() -> str:
    """A new one: this process's own random half, and a number."""
    number = f"{next(_numbers):015x}"
    return f"{_prefix()}{number[:3]}-{number[3:]}"


@cache
def _prefix() -> str:
    half = os.urandom(8).hex()
    return f"{half[:8]}-{half[8:12]}-4{half[13:]}-8"


def derived_id(seed: str) -> str:
    """The same one for the same seed."""
    text = blake2b(seed.encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-8{text[17:20]}-{text[20:]}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_prefix.cache_clear)
