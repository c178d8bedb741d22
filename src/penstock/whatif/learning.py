"""Learns what attempts of steps are like from the logs of past runs. Pure.

An attempt is drawn whole: its duration, its outcome and its output are those of one recorded attempt. Rules:

- The second attempt is drawn from recorded second attempts where there are any, for what failed once may fail again.
- A step that was recorded three times is drawn from its own attempts, else from those of all steps of its kind (`kind_of`).
- Where duration goes with the size of the input (rank correlation), the attempt is drawn from those of about that size.
- Attempts that were lost with their process, or cancelled, say nothing. One that timed out lasts until it times out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock.model.failure import Failure
from penstock.whatif.drawing import Asked, Drawn, fresh, kind_of

ENOUGH: Final = 3
"""So many recorded attempts make a step known by itself."""
LEAST_FOR_A_TREND: Final = 8
CORRELATED: Final = 0.5
"""Spearman's rank correlation of duration and size from which on the size matters."""
NEIGHBOURS: Final = 5
"""Of so many recorded inputs of about the same size, or a fifth of all if that is more, one is drawn."""


class Sample(NamedTuple):
    """One recorded attempt; `size` is that of its encoded input, None where nobody knows it."""

    seconds: float
    attempt: int = 1
    value: Any = None
    failure: Failure | None = None
    size: int | None = None


class Pool:
    """The recorded attempts of a step, or of a kind of steps. See Source."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self._all = _Group(samples)
        self._by_attempt = {
            number: _Group([each for each in samples if each.attempt == number])
            for number in sorted({each.attempt for each in samples})
        }

    @property
    def by_size(self) -> bool:
        """Whether the size of the input matters."""
        return any(group.sizes for group in self._by_attempt.values())

    def draw(self, asked: Asked) -> Drawn:
        """See Source."""
        group = self._by_attempt.get(asked.attempt, self._all)
        sample = group.one(asked.chance(0), asked.size)
        endless = sample.failure is not None and sample.failure.cause == "timeout"
        return Drawn(sample.seconds, fresh(sample.value), sample.failure, endless)


class _Group:
    """Attempts of one number; `sizes` of their inputs, in order, where these matter."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.sizes: list[int] = []
        known = [(each.size, each.seconds) for each in samples if each.size is not None]
        if len(known) == len(samples) >= LEAST_FOR_A_TREND and abs(correlation(known)) >= CORRELATED:
            self.samples = sorted(samples, key=_size)
            self.sizes = [_size(each) for each in self.samples]

    def one(self, chance: float, size: Any) -> Sample:
        samples = self.samples
        asked = size() if self.sizes else None
        if asked is not None:
            samples = self._near(asked)
        return samples[int(chance * len(samples))]

    def _near(self, size: int) -> Sequence[Sample]:
        """Those whose inputs are nearest in size."""
        wanted = max(NEIGHBOURS, len(self.sizes) // 5)
        low = high = bisect_left(self.sizes, size)
        while high - low < wanted:
            below = size - self.sizes[low - 1] if low else None
            above = self.sizes[high] - size if high < len(self.sizes) else None
            if above is None or (below is not None and below <= above):
                low -= 1
            else:
                high += 1
        return self.samples[low:high]


def _size(sample: Sample) -> int:
    return sample.size or 0


class Learned:
    """What was recorded of the steps of one workflow: `pool(step)` is None where nothing was."""

    def __init__(self, samples: Mapping[str, Sequence[Sample]]) -> None:
        self._own = {step: Pool(each) for step, each in samples.items() if len(each) >= ENOUGH}
        kinds: dict[str, list[Sample]] = {}
        for step, each in samples.items():
            kinds.setdefault(kind_of(step), []).extend(each)
        self._kinds = {kind: Pool(each) for kind, each in kinds.items() if each}
        self.attempts = sum(len(each) for each in samples.values())

    def by_size(self) -> list[str]:
        """The steps whose duration goes with the size of what they are given."""
        return sorted(name for name, pool in {**self._kinds, **self._own}.items() if pool.by_size)

    def pool(self, step: str) -> Pool | None:
        """Where a step's attempts are drawn from."""
        return self._own.get(step) or self._kinds.get(kind_of(step))


def correlation(pairs: Iterable[tuple[float, float]]) -> float:
    """Spearman's rank correlation of pairs, 0.0 where one side does not vary."""
    one, other = zip(*pairs, strict=True)
    first, second = _ranks(one), _ranks(other)
    middle = (len(first) + 1) / 2
    spread = [sum((rank - middle) ** 2 for rank in ranks) for ranks in (first, second)]
    if not all(spread):
        return 0.0
    together = sum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    return float(together / (spread[0] * spread[1]) ** 0.5)


def _ranks(values: Sequence[float]) -> list[float]:
    """The place of each in order, from 1; equal values share the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks
