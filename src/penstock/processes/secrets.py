"""Sensitive values as others meet them: nothing of them is to be seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

STARS: Final = "***"
"""What stands for a sensitive value wherever one would be shown."""


@dataclass(frozen=True, repr=False)
class Sealed:
    """A sensitive value as it is recorded: nonce and ciphertext, in base64."""

    text: str

    def __repr__(self) -> str:
        return STARS


class Hidden:
    """A sensitive value in a run that keeps nothing. It never leaves the process: no codec knows the class."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return STARS
