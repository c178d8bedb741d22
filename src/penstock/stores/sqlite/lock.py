"""The writers' lock: a flock on a file beside the store, taken before SQLite's own.

SQLite alone keeps writers apart, but its busy handler is unfair: one of four healthy writers may wait for seconds. A wait here
is a series of short naps, so that it can end with the name of the process that holds the lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import Final

from penstock.errors import StoreUnavailable
from penstock.stores.sqlite import faults

_FIRST_NAP: Final = 0.000_05
_LONGEST_NAP: Final = 0.000_2
_PATIENT_NAP: Final = 0.02
"""Naps double up to the longest during the first second; later, with somebody stopped or very slow, they are longer."""


class SideLock:
    """One descriptor on the lock's file. Not for several threads at once: the writer has a lock of its own for them."""

    def __init__(self, store: str, patience: float) -> None:
        self.path = f"{store}-lock"
        self._store = store
        self._patience = patience
        self._fd = self._open()

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise faults.of_system(error, self._store) from error

    def take(self) -> None:
        """Hold the lock, or raise StoreUnavailable with the holder's name after `patience` seconds."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait()
        except OSError as error:
            raise faults.of_system(error, self._store) from error

    def take_now(self) -> bool:
        """Hold the lock if nobody else does."""
        try:
            return self._taken()
        except OSError as error:
            raise faults.of_system(error, self._store) from error

    def leave(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _wait(self) -> None:
        started = time.monotonic()
        nap = _FIRST_NAP
        while not self._taken():
            waited = time.monotonic() - started
            if waited > self._patience:
                raise StoreUnavailable(self._reproach(waited))
            time.sleep(nap)
            nap = min(nap * 2, _LONGEST_NAP if waited < 1 else _PATIENT_NAP)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _reproach(self, waited: float) -> str:
        holder = self.holder()
        who = f"process {holder} ({deed(holder)})" if holder else "another process"
        return (
            f"{self._store} could not be written for {waited:.0f} s: {who} holds its lock. "
            f"It was stopped, or hangs, inside a write: continue it (kill -CONT) or end it"
        )

    def holder(self) -> int | None:
        """The process that holds the lock, as far as the system says."""
        about = os.fstat(self._fd)
        place = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
        for line in _lines("/proc/locks"):
            words = line.split()
            if words[1] == "FLOCK" and words[5] == place:
                return int(words[4]) if int(words[4]) > 0 else None
        return None

    def prove(self) -> None:
        """Raise StoreUnlockable where a second descriptor gets a lock that the first one holds."""
        if not self.take_now():
            return  # somebody has it, and that is proof
        other = self._open()
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            raise faults.unlockable(self._store, "two descriptors hold one lock at once")
        finally:
            os.close(other)
            self.leave()

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def deed(process: int) -> str:
    """What a process is and whether it is stopped."""
    command = " ".join(_lines(f"/proc/{process}/cmdline")).replace("\0", " ").strip()
    state = [
        line.split(None, 1)[1] for line in _lines(f"/proc/{process}/status") if line.startswith("State:")
    ]
    return ", ".join([command[:80] or "unknown command", *(text.strip() for text in state)])


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def refuse_network(path: str) -> None:
    """Raise StoreUnlockable where the file system is one of those on which locks or shared memory do not hold."""
    kind = _kind_of_mount(os.path.realpath(path))
    if kind in _NETWORK or kind.startswith("fuse."):
        raise faults.unlockable(path, f"a {kind} file system; SqliteStore(..., network=True) insists")


_NETWORK: Final = frozenset(
    "9p afs beegfs ceph cifs coda fuse gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 prl_fs smb3 smbfs vboxsf "
    "virtiofs vmhgfs".split()
)


def _kind_of_mount(path: str) -> str:
    """The kind of file system a path lies on, by the longest mount point above it; "" where the system does not say."""
    best = kind = ""
    for line in _lines("/proc/self/mounts"):
        _, point, fs, *_ = line.split(" ")
        point = point.replace("\\040", " ").rstrip("/")
        if len(point) >= len(best) and (path == point or path.startswith(point + "/")):
            best, kind = point, fs
    return kind
