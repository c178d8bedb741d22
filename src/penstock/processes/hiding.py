"""Keeps sensitive values out of what a process says: when it fails, and in what is kept of what it prints and logs."""

from __future__ import annotations

from typing import Any

from penstock.context import current
from penstock.context.capture import Lines
from penstock.processes.secrets import STARS

SHORTEST = 3
"""Shorter texts are not looked for: they would be found everywhere."""


class StarredLines(Lines):
    """What an attempt wrote, with stars for the sensitive values of its process."""

    __slots__ = ("process",)

    def __init__(self, process: Any) -> None:
        super().__init__()
        self.process = process

    def append(self, line: tuple[float, str, str]) -> None:
        at, stream, text = line
        super().append((at, stream, starred(text, secrets_of(self.process))))


def watch(process: Any) -> None:
    """Put stars into what is kept of the running step's output, if its process has anything to hide."""
    here = current()
    if here is not None and here.lines is None and (process.input.hides or process.output.hides):
        here.lines = StarredLines(process)


def hide(process: Any, error: BaseException) -> None:
    """Put stars for sensitive values into the messages of an exception and of those behind it."""
    if not (process.input.hides or process.output.hides):
        return
    secrets = secrets_of(process)
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
        return [value, repr(value)[1:-1], *value.splitlines()]
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace"), repr(value)[2:-1]]
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for each in value for text in _texts(each)]
    return [] if value is None or isinstance(value, bool) else [repr(value)]
