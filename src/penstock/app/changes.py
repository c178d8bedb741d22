"""Which steps of a run have another code than when it began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.model.changes import Put
from penstock.ports import Store

CODE: Final = "code"
"""The kind of the documents that hold the parts of a code, by its digest."""


def put_parts(digest: str, parts: Mapping[str, str]) -> Put:
    """What keeps the parts of a code."""
    data = msgspec.json.encode(dict(parts)).decode()
    return Put("documents", f"{CODE}:{digest}", {"kind": CODE, "data": data})


def parts_of(store: Store, digest: str) -> dict[str, str] | None:
    """The parts of a code that was kept."""
    key = f"{CODE}:{digest}"
    rows = store.get("documents", [key])
    return msgspec.json.decode(rows[key]["data"], type=dict[str, str]) if key in rows else None
