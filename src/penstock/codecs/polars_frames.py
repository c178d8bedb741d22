"""polars frames and series, as Arrow IPC bytes that polars writes and reads itself."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

from penstock.codecs.rules import Rule


def rule_of(kind: type) -> Rule | None:
    """The rule of a class that polars defines, or None."""
    pl: Any = import_module("polars")
    if kind is pl.DataFrame:
        return RULES["polars.DataFrame"]
    return RULES["polars.Series"] if kind is pl.Series else None


def _frame_bytes(frame: Any) -> bytes:
    out = io.BytesIO()
    frame.write_ipc(out, compression="uncompressed")
    return out.getvalue()


def _frame(data: bytes) -> Any:
    return import_module("polars").read_ipc(io.BytesIO(data))


RULES = {
    "polars.DataFrame": Rule("polars.DataFrame", bytes, _frame_bytes, _frame),
    "polars.Series": Rule(
        "polars.Series", bytes, lambda s: _frame_bytes(s.to_frame()), lambda data: _frame(data).to_series()
    ),
}
