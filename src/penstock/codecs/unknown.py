"""A value whose class this process was not told of: kept whole, never run."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec


class Unknown(msgspec.Struct, frozen=True, eq=False):
    """A tagged value left as it stands in the text; it encodes back to that same text.

    `data` is plain JSON, tags included. Equal and hashed by text, so that sets and dict keys of unknown classes work.
    """

    tag: str
    data: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self._text() == other._text()

    def __hash__(self) -> int:
        return hash(self._text())

    def _text(self) -> bytes:
        return msgspec.json.encode([self.tag, self.data])

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"this is Unknown({self.tag!r}), stored as data only, and has no {name!r}: annotate the step's parameter "
            f"or result with the class, or allow the tag (allow={[self.tag]!r})"
        )
