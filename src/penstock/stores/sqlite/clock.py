"""The store's own clocks: wall time for delays, time since boot for leases."""

from __future__ import annotations

import time
from typing import Protocol


class HostClock(Protocol):
    """What the store asks of a host. `boot` names the stretch in which `since_boot` only goes forward."""

    boot: str

    def wall(self) -> float:
        """Seconds since 1970 UTC."""

    def since_boot(self) -> float:
        """Seconds that go forward at one pace, also while the host sleeps and whatever happens to wall time."""


class LinuxClock:
    """See HostClock."""

    wall = staticmethod(time.time)

    def __init__(self) -> None:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            self.boot = file.read().strip()

    def since_boot(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class StoreClock:
    """A host's clocks as one store counts them: `origin` is the wall time that the store gave to this boot's zero."""

    def __init__(self, host: HostClock) -> None:
        self.host = host
        self.wall = host.wall
        self.origin = 0.0

    def fresh_origin(self) -> float:
        return self.host.wall() - self.host.since_boot()

    def lease(self) -> float:
        """The time leases lapse by; reads like wall time, and nearly is."""
        return self.origin + self.host.since_boot()

    def due(self, seconds: float, state: object) -> float:
        """When so many seconds from now will be, on the clock that times rows of this state."""
        return (self.lease() if state == "leased" else self.wall()) + seconds
