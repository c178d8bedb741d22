"""How quickly the runs of a queue may begin, in all workers together: a bucket of tokens for each queue that has a rate.

1. A run that begins for the first time costs a token; one that is taken over does not. Tokens come evenly.
2. Tokens are drawn before runs are claimed, and what was not used goes back. Who dies in between has begun nothing with them,
   so there are never more beginnings than tokens.
3. A worker draws nothing while something that it has drawn for has not begun: what its driver is busy with bunches nothing up.

`bucket:GATE` is the document; the rule of the bucket is that of limits (`model.ledgers`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.app.ledgers import following, opened
from penstock.model.changes import Change, Columns, Refused
from penstock.model.ledgers import Ledger, draw, next_token, put_back, refill
from penstock.model.limits import Bounds
from penstock.ports import Store

KIND: Final = "bucket"
SOON_SECONDS: Final = 0.001


def bucket_id(gate: str) -> str:
    """The document that holds the bucket of a queue's gate."""
    return f"{KIND}:{gate}"


def seconds_to_token(store: Store, gate: str, bounds: Bounds) -> float:
    """How long until a run behind that gate may begin; 0 if one may."""
    ledger, _ = opened(store.get("documents", [bucket_id(gate)]).get(bucket_id(gate)))
    now = store.now()
    refill(ledger, bounds, now)
    at = next_token(ledger, bounds)
    return 0.0 if at is None else max(0.0, at - now)


class Pace:
    """One worker's tokens. All but `begun` is called on the worker's own thread; what reaches the store raises StoreError.

    `tokens` are those in hand, by gate. `seconds` is how long until the first one comes that a run waits for; None: none does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bounds: Mapping[str, Bounds] = {}
        self._beginning: dict[str, str] = {}  # run -> gate: it has its token, and is on its way to its driver
        self._held_up = False  # something would have been drawn, had all begun
        self.tokens: dict[str, int] = {}
        self.seconds: float | None = None

    def draw(self, rates: Mapping[str, Bounds], most: int, waits: Callable[[str], bool]) -> None:
        """Draw tokens for at most so many runs behind each gate that has a rate and behind which something waits."""
        self._bounds, self.tokens, self.seconds = rates, dict.fromkeys(rates, 0), None
        self._held_up = True  # who begins while this looks rings for nothing rather than not at all
        busy = set(self._beginning.copy().values())
        self._held_up = not busy.isdisjoint(rates)
        for gate, bounds in rates.items():
            if gate not in busy and waits(gate):
                self.tokens[gate] = self._take(gate, bounds, most)
                if not self.tokens[gate]:
                    seconds = max(seconds_to_token(self._store, gate, bounds), SOON_SECONDS)
                    self.seconds = seconds if self.seconds is None else min(seconds, self.seconds)

    @property
    def waits(self) -> bool:
        """Whether a run may have waited for a token, or for others to begin, at the last draw."""
        return self._held_up or self.seconds is not None

    def spend(self, run: str, gate: str) -> None:
        """A run behind a gate that has a rate was claimed, and is on its way to begin."""
        self.tokens[gate] -= 1
        self._beginning[run] = gate

    def spare(self, run: str) -> None:
        """It was not to begin after all."""
        if run in self._beginning:
            self.tokens[self._beginning.pop(run)] += 1

    def begun(self, run: str) -> bool:
        """From any thread: it has begun. Whether a draw has waited for that."""
        return self._beginning.pop(run, None) is not None and self._held_up

    def settle(self) -> None:
        """Give back what was not spent."""
        for gate, tokens in self.tokens.items():
            if tokens > 0:
                self._return(gate, self._bounds[gate], tokens)
        self.tokens = {}

    def _take(self, gate: str, bounds: Bounds, most: int) -> int:
        return self._change(gate, lambda ledger, now: draw(ledger, bounds, most, now))

    def _return(self, gate: str, bounds: Bounds, tokens: int) -> None:
        self._change(gate, lambda ledger, now: put_back(ledger, bounds, tokens, now))

    def _change(self, gate: str, change: Callable[[Ledger, float], int]) -> int:
        """Change a bucket as it is in the store by so many tokens; how many. Nothing is written where it is none."""
        name = bucket_id(gate)
        row: Columns | None = self._store.get("documents", [name]).get(name)
        while True:
            ledger, version = opened(row)
            now = self._store.now()
            tokens = change(ledger, now)
            if not tokens:
                return 0
            put, seen = following(KIND, name, ledger, version, now)
            (verdict,) = self._store.commit([Change(guards=[seen], puts=[put])])
            if not isinstance(verdict, Refused):
                return tokens
            row = verdict.actual
