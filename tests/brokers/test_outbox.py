"""The buffer: a machine of Hypothesis plays it against a plain list."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.brokers.stomp.outbox import EVERY, EVERY_BYTES, WINDOW, Outbox

ROOM, ROOM_BYTES = 6, 40


class Playing(RuleBasedStateMachine):
    """What was sent is at any time in one place: waiting, on its way, arrived, or lost and counted."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(ROOM, ROOM_BYTES)
        self.waiting: list[tuple[int, int, bool]] = []  # number, size, promised; likewise:
        self.flying: list[tuple[int, int, bool]] = []
        self.singly = False
        self.arrived = 0
        self.lost = 0

    @rule(size=st.integers(1, 20), promised=st.booleans())
    def put(self, size: int, promised: bool) -> None:
        firm = [each for each in [*self.waiting, *self.flying] if each[2]]
        fits = len(firm) < ROOM and sum(each[1] for each in firm) + size <= ROOM_BYTES
        taken = self.outbox.put(b"x" * size, promised)
        if not fits:
            assert taken is (None if promised else False)
            self.lost += not promised
            return
        assert taken is True
        while self.kept >= ROOM or self.kept_bytes + size > ROOM_BYTES:
            self.waiting.remove(next(each for each in self.waiting if not each[2]))
            self.lost += 1
        self.waiting.append((self.outbox.last, size, promised))

    @property
    def kept(self) -> int:
        return len(self.waiting) + sum(promised for _, _, promised in self.flying)

    @property
    def kept_bytes(self) -> int:
        return sum(size for _, size, promised in [*self.waiting, *[f for f in self.flying if f[2]]])

    @rule()
    def take(self) -> None:
        taken = self.outbox.take()
        if not self.waiting or (self.singly and self.flying):
            assert taken is None
            return
        assert taken is not None
        first = self.waiting.pop(0)
        entry, ask = taken
        assert (entry.number, len(entry.frame), entry.promised) == first
        assert ask or not (entry.promised or self.singly)
        assert ask or self.waiting, "the last of a row asks for a receipt"
        self.flying.append(first)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.flying))[0]
        self.outbox.confirm(number)
        self.singly = False
        left = [each for each in self.flying if each[0] > number or (each[2] and each[0] != number)]
        self.arrived += len(self.flying) - len(left)
        self.flying = left

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        each = data.draw(st.sampled_from(self.flying))
        self.outbox.refuse(each[0])
        self.flying.remove(each)
        self.lost += 1

    @rule()
    def lose(self) -> None:
        self.outbox.lose()
        self.singly = self.singly or any(each[2] for each in self.flying)
        self.lost += sum(not each[2] for each in self.flying)
        self.waiting = [each for each in self.flying if each[2]] + self.waiting
        self.flying = []

    @rule(number=st.integers(0, 100))
    def know_nothing_of(self, number: int) -> None:
        if number not in [each[0] for each in self.flying]:
            self.outbox.confirm(number)
            self.outbox.refuse(number)

    @invariant()
    def figures_agree(self) -> None:
        assert self.outbox.waiting == len(self.waiting) + len(self.flying)
        assert self.outbox.confirmed == self.arrived
        assert self.outbox.lost == self.lost
        assert self.outbox.flying == bool(self.flying)
        alone = self.singly and self.flying and self.flying[0][2]
        assert self.outbox.alone == (self.flying[0][0] if alone else 0)
        assert (self.outbox._kept, self.outbox._bytes) == (self.kept, self.kept_bytes)
        for number in range(self.outbox.last + 1):
            pending = [each for each in [*self.waiting, *self.flying] if each[0] <= number]
            assert self.outbox.settled(number) == (not pending)


Playing.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOutbox = Playing.TestCase


@pytest.mark.parametrize(("count", "size", "first"), [(3 * EVERY, 1, EVERY), (30, EVERY_BYTES // 10 + 1, 10)])
def test_now_and_then_a_receipt_is_asked_for(count: int, size: int, first: int) -> None:
    outbox = Outbox(1_000, 10_000_000)
    for _ in range(count):
        outbox.put(b"x" * size, False)
    asked = [number for number in range(1, count + 1) if (taken := outbox.take()) is not None and taken[1]]
    assert asked == [first, 2 * first, 3 * first]


def test_only_so_many_are_on_their_way() -> None:
    outbox = Outbox(2 * WINDOW, 10_000_000)
    for _ in range(WINDOW + 1):
        outbox.put(b"x", False)
    assert sum(outbox.take() is not None for _ in range(WINDOW + 1)) == WINDOW
    outbox.confirm(EVERY)
    assert outbox.take() is not None
