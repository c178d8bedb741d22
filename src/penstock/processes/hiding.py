"""Keeps sensitive values out of what a process says when it fails."""

from __future__ import annotations

from typing import Any

from penstock.processes.secrets import STARS

SHORTEST = 3
"""Shorter texts are not looked for: they would be found everywhere."""


def hide(process: Any, error: BaseException) -> None:
    """Put stars for sensitive values into the messages of an exception and of those behind it."""
    secrets = secrets_of(process)
    if not secrets:
        return
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        link.args = tuple(_starred(each, secrets) for each in link.args)
        link = link.__cause__ or link.__context__


def secrets_of(process: Any) -> list[str]:
    """The texts of a process's sensitive values, the longest first."""
    found = {
        text
        for those in (process.input, process.output)
        for each in those.values()
        if each.sensitive
        for text in _texts(each.value)
        if len(text) >= SHORTEST
    }
    return sorted(found, key=len, reverse=True)


def starred(text: str, secrets: list[str]) -> str:
    """A text with stars for secrets."""
    for secret in secrets:
        text = text.replace(secret, STARS)
    return text


def _starred(what: Any, secrets: list[str]) -> Any:
    text = what if isinstance(what, str) else repr(what)
    hidden = starred(text, secrets)
    return what if hidden == text else hidden


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value, repr(value)[1:-1]]
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace"), repr(value)[2:-1]]
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for each in value for text in _texts(each)]
    return [] if value is None or isinstance(value, bool) else [repr(value)]
