"""`NAME=VALUE`, as options take it that may be repeated. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.errors import SettingsError


def pairs_in(flag: str, texts: Iterable[str]) -> dict[str, str]:
    """Values by name; of a name that is said twice the later one. Raises SettingsError."""
    return dict(_pair(flag, text) for text in texts)


def _pair(flag: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SettingsError(f"{flag} {text!r} lacks its {'value' if name else 'name'}: it must be NAME=VALUE")
    return name, value
