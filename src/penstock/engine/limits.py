"""Who of one engine waits for slots under limits, and who holds them; `model.limits` says who goes next.

What an engine wants is settled key by key against the key's ledger: read it, write what is true here into the engine's part,
give slots to those whose turn it is (also those of other engines, which are called), and swap it for what was read; if somebody
was quicker, once more. Without a store the ledgers are this engine's own, and whichever driver has something to say settles;
with one, a thread of the engine's does. There is no clock here but that of the ledgers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from penstock.engine.asking import Asked, Asker, Line, Slot
from penstock.engine.lanes import Lane
from penstock.engine.ledgers import Ledgers
from penstock.model.ledgers import Ledger, Part, Waiter, bounds_of, grant, next_token
from penstock.model.limits import FREE, Bounds

HEADS = 32
"""How many steps of one engine and key stand in the ledger at most; the others wait behind them."""


class Limits:
    """The slots of one engine. `stir` is called from any thread when there is something to settle; None: who asks settles."""

    def __init__(self, ledgers: Ledgers, stir: Callable[[], None] | None = None) -> None:
        self.ledgers = ledgers
        self._stir = stir
        self._lines: dict[str, Line] = {}
        self._dirty: dict[str, None] = {}
        self._news: deque[Asked | Slot] = deque()
        self._starved: dict[Lane, tuple[int, set[str]]] = {}
        self._settling = threading.RLock()

    # ── from any thread ─────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, asked: Asked) -> None:
        """A step wants a slot."""
        self._news.append(asked)

    def free(self, slot: Slot) -> None:
        """A slot is not needed any more."""
        self._news.append(slot)

    def touch(self, keys: Iterable[str]) -> None:
        """Something was said or given under these keys."""
        self._dirty.update(dict.fromkeys(keys))

    def attend(self, here: Asker) -> None:
        """What a driver that has steps under limits does each turn."""
        if not (self._news or self._dirty or self._starving() or self._is_due()):
            return
        if self._stir is not None:
            self._stir()
            return
        with self._settling:
            self.settle(here)

    def next_at(self) -> float | None:
        """The moment at which a token comes that somebody waits for, by the ledgers' clock."""
        return min(
            (line.next_at for line in list(self._lines.values()) if line.next_at is not None), default=None
        )

    @property
    def settles_here(self) -> bool:
        """Whether drivers settle themselves."""
        return self._stir is None

    @property
    def waits(self) -> bool:
        """Whether anything waits or holds a slot."""
        return bool(self._lines or self._news)

    def knows(self, run: str) -> bool:
        """Whether something of a run waits for a slot, or was given one and has not freed it."""
        news = any(isinstance(new, Asked) and new.waiter.run == run for new in self._news)
        return news or any(line.knows(run) for line in list(self._lines.values()))

    def keys(self) -> list[str]:
        """Under which keys something waits or holds a slot."""
        return list(self._lines)

    # ── of who settles ──────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self, here: Asker | None = None) -> None:
        """Bring the ledgers up to date and hand out what was given. Raises StoreError; then nothing is lost."""
        while True:
            self._take_news()
            if self._starving():
                for _, keys in self._starved.values():
                    self.touch(keys)
                self._starved = {}
            if self._is_due():
                now = self.ledgers.now()
                self.touch(
                    key
                    for key, line in self._lines.items()
                    if line.next_at is not None and line.next_at <= now
                )
            if not self._dirty:
                return
            key = next(iter(self._dirty))
            line = self._lines.get(key)
            if line is not None:
                self._settle_key(key, line, here)
            self._dirty.pop(key, None)

    def lose(self, lost: Callable[[Asked], None]) -> None:
        """The lease of the engine on its slots is gone: whoever held one is told, whoever waits goes on waiting."""
        self._take_news()
        for key, line in self._lines.items():
            for asked in line.take_noticed():  # it was not told of its slot yet
                del line.held[asked.waiter.id]
                line.add(asked)
            for asked in line.held.values():
                lost(asked)
            line.held.clear()
            self._dirty[key] = None

    def clear(self) -> None:
        """Nothing of this engine is under way any more: take its parts out of the ledgers. Raises StoreError."""
        self._take_news()
        for key, line in list(self._lines.items()):
            if line.entered:
                self._lines[key] = line = Line()
                self._settle_ledger(key, line, None)
        self._lines.clear()

    def _take_news(self) -> None:
        while self._news:
            new = self._news.popleft()
            line = self._lines.get(new.key)
            if isinstance(new, Slot):
                if line is not None and line.held.get(new.id) is new.asked:
                    del line.held[new.id]
            else:
                if line is None:
                    line = self._lines[new.key] = Line()
                line.add(new)
            self._dirty[new.key] = None

    def _starving(self) -> bool:
        """Whether a lane that had more waiting than it could start has more free places than it had."""
        for lane, (free, keys) in list(self._starved.items()):
            if lane.free > free:
                return True
            self._starved[lane] = (lane.free, keys)
        return False

    def _is_due(self) -> bool:
        due = self.next_at()
        return due is not None and due <= self.ledgers.now()

    def _settle_key(self, key: str, line: Line, here: Asker | None) -> None:
        """See the module."""
        line.trim()
        said = self.ledgers.said(key)
        if line.entered or (line.bounds if said is None else said).bind:
            given = self._settle_ledger(key, line, said)
        else:
            given = line.take_all()
        guard = self.ledgers.grip()[1] if given else None
        for asked in given:
            slot = Slot(self.free, key, asked, guard)
            if asked.driver is here:
                admit(here, slot)
            else:
                asked.driver.post(admit, asked.driver, slot)
        if not (line.held or line.count or line.entered):
            del self._lines[key]

    def _settle_ledger(self, key: str, line: Line, said: Bounds | None) -> list[Asked]:
        """Settle one key; what was given to steps of this engine."""
        owner = self.ledgers.owner
        ledger, version = self.ledgers.read(key)
        while True:
            now = self.ledgers.now()
            line.notice(ledger.parts.get(owner))
            changed = self._write_part(ledger, line)
            bounds = bounds_of(ledger, said)
            given = grant(ledger, bounds, now)
            if not (changed or given):
                break
            actual = self.ledgers.swap(key, ledger, version)
            if actual is None:
                break
            ledger, version = actual
        line.notice(ledger.parts.get(owner))
        line.entered = owner in ledger.parts
        line.next_at = next_token(ledger, bounds) if line.count else None
        self._note_starved(key, line)
        for other in {other for other, _ in given if other != owner}:
            self.ledgers.call(other, key)
        return line.take_noticed()

    def _write_part(self, ledger: Ledger, line: Line) -> bool:
        """Write what is true here into the ledger; whether that changed it."""
        owner = self.ledgers.owner
        before = ledger.parts.get(owner)
        heads = line.heads(ledger, HEADS)
        if not (line.held or line.count):
            return ledger.parts.pop(owner, None) is not None
        held: list[Waiter] = [asked.waiter for asked in line.held.values()]
        part = Part(self.ledgers.grip()[0], line.bounds or FREE, held, heads, line.behind(heads))
        ledger.parts[owner] = part
        return part != before

    def _note_starved(self, key: str, line: Line) -> None:
        for lane in line.starved():
            free, keys = self._starved.get(lane, (lane.free, set()))
            self._starved[lane] = (min(free, lane.free), {*keys, key})


def admit(driver: Asker, slot: Slot) -> None:
    """On a driver's thread: a step of its has a slot."""
    asked = slot.asked
    if not driver.core.admit(asked.step, slot):
        slot.free()
