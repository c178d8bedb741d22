"""How messages show values and names: whole while they are short, cut where nobody would read on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from penstock.model.graph import nearest

LONGEST = 120
MOST = 12


def shown(value: Any) -> str:
    """A value as Python writes it, in at most about 120 characters; one that cannot be written is shown by its type."""
    try:
        text = repr(value)
    except Exception as error:
        return f"<{type(value).__name__}, which cannot be shown: {type(error).__name__}>"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def listed(names: Iterable[str]) -> str:
    """Names with commas between them, the first twelve of many."""
    names = list(names)
    more = len(names) - MOST
    text = ", ".join(islice(names, MOST))
    return f"{text} and {more:,} more" if more > 0 else text


def guess(name: str, known: Iterable[str], otherwise: str = "there are") -> str:
    """What to say of an unknown name: the known one that was probably meant, else which there are."""
    known = list(known)
    close = nearest(name, known)
    return f"did you mean {close!r}?" if close else f"{otherwise} {listed(known) or 'none'}"
