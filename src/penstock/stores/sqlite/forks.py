"""What happens to stores that are open when a process forks.

SQLite's connections must not be used, nor even closed, by a child: its locks belong to the parent. So the child's copies of the
stores say that they are closed, give up their descriptors on the lock's file and the log, and keep the connections unclosed.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class _Abandonable(Protocol):
    def _abandon(self) -> list[object]: ...


_open: weakref.WeakSet[_Abandonable] = weakref.WeakSet()
_unclosed: list[object] = []


def guard(store: _Abandonable) -> None:
    """From now on `store` refuses to work in forked children."""
    _open.add(store)


def _in_the_child() -> None:
    for store in list(_open):
        _unclosed.extend(store._abandon())
    _open.clear()


os.register_at_fork(after_in_child=_in_the_child)
