"""What a signal carries, as the type that whoever waits for it wants. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.errors import InputError
from penstock.model.wording import shown


def payload(signal: str, value: Any, wanted: Any) -> Any:
    """The value as that type, made of plain data where need be. Raises InputError for one that does not fit."""
    if (
        isinstance(wanted, type)
        and isinstance(value, wanted)
        and not (wanted is int and isinstance(value, bool))
    ):
        return value
    try:
        return msgspec.convert(value, wanted)
    except (msgspec.ValidationError, TypeError) as error:
        title = getattr(wanted, "__name__", str(wanted))
        raise InputError(f"signal {signal!r} must be {title}; {shown(value)} is not ({error})") from error
