"""Names of engines, and whether the process behind one is known to be gone.

A name holds the machine's boot, the process's number and when it began. A process on this machine that is not there any more
need not be waited for; of any other the lease decides. Being wrong costs nothing but a takeover: appends are fenced.
"""

from __future__ import annotations

import os
from functools import cache


def new_owner() -> str:
    """A name for an engine of this process."""
    return f"{_place()}.{os.getpid()}.{_began(os.getpid()) or 0}.{os.urandom(3).hex()}"


def is_gone(owner: str | None) -> bool:
    """Whether the process of that engine is certainly gone: it was on this machine and is not there."""
    place, _, rest = (owner or "").partition(".")
    pid, _, rest = rest.partition(".")
    began = rest.partition(".")[0]
    if not place or place != _place() or not pid.isdigit():
        return False
    now = _began(int(pid))
    return now is None or str(now) != began


@cache
def _place() -> str:
    """Which boot of which machine this is, as its processes are numbered here; empty where that cannot be told."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().replace("-", "")[:8]
        return f"{boot}{os.stat('/proc/self/ns/pid').st_ino:x}"
    except OSError:
        return ""


def _began(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None if there is no such process, or it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
