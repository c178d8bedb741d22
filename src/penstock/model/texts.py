"""Text made fit to be kept, to be told and to be drawn. Imports nothing: capturing output begins with it."""

from __future__ import annotations


def writable(text: str) -> str:
    r"""The same text; what UTF-8 cannot hold (lone surrogates, as in names of files that are no UTF-8) written as `\udc80`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def is_writable(text: str) -> bool:
    """Whether UTF-8 can hold it."""
    return writable(text) == text


def class_name(kind: type) -> str:
    """A class as failures and messages name it: `sqlite3.Connection`, and `str`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def marked_up(text: str) -> str:
    """Text as SVG and Mermaid have it between their marks and quotes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
