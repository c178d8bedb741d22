"""What this process has open. Other tests' leavings may be closed at any moment, so only what is new counts."""

from __future__ import annotations

import os
from contextlib import suppress


def open_now() -> set[tuple[int, int, int]]:
    """Each descriptor, with the device and the number of the file that it is open on."""
    found = set()
    for number in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):  # the listing's own, or one that was closed since
            file = os.fstat(number)
            found.add((number, file.st_dev, file.st_ino))
    return found
