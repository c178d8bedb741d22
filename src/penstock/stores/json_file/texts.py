"""JSON as the file and its journal hold it: one line a fact, bytes as what they can be read as."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

text_of: Final = json.JSONEncoder(ensure_ascii=False).encode
"""One line of JSON."""


def encoded(text: str) -> bytes:
    """JSON text as bytes; what UTF-8 cannot hold (lone surrogates) is escaped as JSON does it."""
    return text.encode("utf-8", "backslashreplace")


def plain(value: Any) -> Any:
    """What a column holds, as JSON has it: bytes become an object, everything else is itself."""
    if not isinstance(value, bytes):
        return value
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def column(value: Any) -> Any:
    """What `plain` was made of. Raises KeyError or ValueError for an object that is no bytes."""
    if not isinstance(value, dict):
        return value
    if "text" in value:
        return str(value["text"]).encode()
    return base64.b64decode(value["base64"], validate=True)
