"""What waits to be sent, and what was sent and is not confirmed: the rules, without threads or sockets. Pure.

- Order is the order of sending. Promised messages stay until they are confirmed by name; a connection that is lost has them
  sent again, before anything newer.
- Others are forgotten when they were written; they are doubtful until the server has confirmed something later.
- After a loss messages go one by one until one is confirmed: so it is known which one a server cannot bear.
- Where there is no room the oldest that are not promised, and were not written yet, give way.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

EVERY = 100
"""After so many frames in a row a receipt is asked for, though none was promised, or"""
EVERY_BYTES = 64 * 1024
"""after so many bytes, so that a slow server can be told from one that hangs;"""
WINDOW = 1_000
"""and no more than so many messages are ever unconfirmed."""


class Entry(NamedTuple):
    """A message by its number, from 1, and its frame."""

    number: int
    frame: bytes
    promised: bool


class Outbox:
    """At most so many messages, and bytes of them."""

    def __init__(self, messages: int, bytes: int) -> None:
        self._most = messages
        self._most_bytes = bytes
        self._plain: deque[Entry] = deque()  # waiting, by number; likewise:
        self._promised: deque[Entry] = deque()
        self._flying: dict[int, Entry | None] = {}  # written, not confirmed; None where nothing was promised
        self._kept = 0  # messages that take up room, and their bytes; likewise of those that can give way:
        self._bytes = self._plain_bytes = 0
        self._unasked = self._unasked_bytes = 0  # frames since a receipt was asked for
        self._singly = False
        self.last = 0  # number of the newest message
        self.confirmed = self.dropped = self.doubtful = self.refused = 0

    @property
    def waiting(self) -> int:
        """Messages of which nobody knows yet that they arrived."""
        return len(self._plain) + len(self._promised) + len(self._flying)

    @property
    def lost(self) -> int:
        """Messages that will not arrive, or perhaps not."""
        return self.dropped + self.doubtful + self.refused

    @property
    def flying(self) -> bool:
        """Whether something was written and not confirmed."""
        return bool(self._flying)

    @property
    def alone(self) -> int:
        """The number of the promised message that was the only one on its way, 0 if it was not the only one."""
        number, entry = next(iter(self._flying.items()), (0, None))
        return number if self._singly and entry is not None else 0

    def put(self, frame: bytes, promised: bool) -> bool | None:
        """Take a message. False: no room, and it is counted as dropped; None: no room for one that is promised."""
        size = len(frame)
        if not self._can_fit(size):
            self.dropped += not promised
            return None if promised else False
        while self._kept >= self._most or self._bytes + size > self._most_bytes:
            self._forget(self._plain.popleft())
            self.dropped += 1
        self.last += 1
        entry = Entry(self.last, frame, promised)
        (self._promised if promised else self._plain).append(entry)
        self._kept += 1
        self._bytes += size
        self._plain_bytes += 0 if promised else size
        return True

    def _can_fit(self, size: int) -> bool:
        kept = self._kept - len(self._plain)
        return kept < self._most and self._bytes - self._plain_bytes + size <= self._most_bytes

    def take(self) -> tuple[Entry, bool] | None:
        """The next to be written, and whether to ask for a receipt; None if nothing waits or too much is unconfirmed."""
        if len(self._flying) >= (1 if self._singly else WINDOW) or not (self._plain or self._promised):
            return None
        entry = self._earlier().popleft()
        self._flying[entry.number] = entry if entry.promised else None
        if not entry.promised:
            self._forget(entry)
        return entry, self._asks(entry)

    def _asks(self, entry: Entry) -> bool:
        self._unasked += 1
        self._unasked_bytes += len(entry.frame)
        many = self._unasked >= EVERY or self._unasked_bytes >= EVERY_BYTES
        if not (entry.promised or many or self._singly) and (self._plain or self._promised):
            return False
        self._unasked = self._unasked_bytes = 0
        return True

    def _earlier(self) -> deque[Entry]:
        if not self._plain or not self._promised:
            return self._plain or self._promised
        return min(self._plain, self._promised, key=lambda waiting: waiting[0].number)

    def _forget(self, entry: Entry) -> None:
        self._kept -= 1
        self._bytes -= len(entry.frame)
        self._plain_bytes -= 0 if entry.promised else len(entry.frame)

    def confirm(self, number: int) -> None:
        """The server has this message, and all before it that were not promised."""
        if number not in self._flying:
            return
        self._singly = False
        for other in self._until(number):
            entry = self._flying[other]
            if entry is None or other == number:
                self._land(other)
                self.confirmed += 1

    def refuse(self, number: int) -> None:
        """The server will never take this message."""
        if number in self._flying:
            self._land(number)
            self.refused += 1

    def lose(self) -> None:
        """The connection is lost: what was promised waits again; what else was on its way may have arrived or not."""
        promised = [entry for entry in self._flying.values() if entry is not None]
        self.doubtful += len(self._flying) - len(promised)
        self._flying.clear()
        self._singly = self._singly or bool(promised)
        self._promised.extendleft(reversed(promised))
        self._unasked = self._unasked_bytes = 0

    def settled(self, number: int) -> bool:
        """Whether nothing up to this number waits or flies."""
        if next(iter(self._flying), number + 1) <= number:
            return False
        return all(waiting[0].number > number for waiting in (self._plain, self._promised) if waiting)

    def _until(self, number: int) -> list[int]:
        found = []
        for other in self._flying:
            if other > number:
                break
            found.append(other)
        return found

    def _land(self, number: int) -> None:
        entry = self._flying.pop(number)
        if entry is not None:
            self._forget(entry)
