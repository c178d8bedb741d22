"""Text that came from elsewhere, made fit to be kept. Imports nothing: capturing output begins with it."""

from __future__ import annotations


def writable(text: str) -> str:
    r"""The same text; what UTF-8 cannot hold (lone surrogates, as in names of files that are no UTF-8) written as `\udc80`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def is_writable(text: str) -> bool:
    """Whether UTF-8 can hold it."""
    return writable(text) == text
