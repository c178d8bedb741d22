"""An endless series of measurements in bounded memory: exact count, sum and extremes, and percentiles within 1 %.

The last values are kept as they are, so that one more costs next to nothing; now and then they go into a sketch
(docs/decisions/0070-ddsketch.md). While there are few, percentiles are exact, and no sketch is made.
"""

from __future__ import annotations

from typing import Any, Final

KEPT_VALUES: Final = 512


class Series:
    """Not thread-safe: its owner sees to that."""

    __slots__ = ("_folded", "_largest", "_latest", "_sketch", "_smallest", "_sum")

    def __init__(self) -> None:
        self._latest: list[float] = []  # not in what follows yet
        self._folded = 0
        self._sum = 0.0
        self._smallest = float("inf")
        self._largest = 0.0
        self._sketch: Any = None

    def add(self, value: float) -> None:
        """One more measurement, not below 0."""
        self._latest.append(value)
        if len(self._latest) >= KEPT_VALUES:
            self._fold()

    @property
    def count(self) -> int:
        return self._folded + len(self._latest)

    @property
    def sum(self) -> float:
        return self._sum + sum(self._latest)

    @property
    def mean(self) -> float:
        return self.sum / self.count if self.count else 0.0

    @property
    def smallest(self) -> float:
        return min((self._smallest, *self._latest)) if self.count else 0.0

    @property
    def largest(self) -> float:
        return max((self._largest, *self._latest))

    def percentile(self, share: float) -> float:
        """The value below which `share` (0 to 1) of the measurements lie; 0 without any."""
        if not self.count:
            return 0.0
        if self._sketch is None:
            ordered = sorted(self._latest)
            return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        self._fold()
        found: float = self._sketch.get_quantile_value(share)
        return min(max(found, self._smallest), self._largest)

    def _fold(self) -> None:
        """Put the latest values into the sketch."""
        if self._sketch is None:
            from ddsketch import LogCollapsingLowestDenseDDSketch

            self._sketch = LogCollapsingLowestDenseDDSketch(0.01)
        if not self._latest:
            return
        self._sum, self._smallest, self._largest = self.sum, self.smallest, self.largest
        self._folded += len(self._latest)
        add = self._sketch.add
        for value in self._latest:
            add(value)
        self._latest.clear()
