"""What somebody says who is asked whether a run may go on. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.errors import Rejected
from penstock.model.payload import payload

APPROVAL: Final = "approval"
"""The signal of an approval that has no name of its own."""


class Decision(msgspec.Struct, frozen=True):
    """Who approved what was asked for, and what was said."""

    approved: bool
    by: str = ""
    comment: str = ""


def decided(name: str, value: Any) -> Decision:
    """The decision that was sent; true or false alone is one as well. Raises Rejected, and InputError for what is none."""
    found = Decision(value) if isinstance(value, bool) else payload(name, value, Decision)
    assert isinstance(found, Decision)
    if not found.approved:
        by = f" by {found.by}" if found.by else ""
        raise Rejected(f"{name!r} was rejected{by}{f': {found.comment}' if found.comment else ''}")
    return found


def is_rejection(value: Any) -> bool:
    """Whether what came is a decision against."""
    return value is False or (isinstance(value, dict) and value.get("approved") is False)
