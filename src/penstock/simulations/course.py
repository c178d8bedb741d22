"""How numbers went over virtual time: samples evenly apart, never many, however long it takes. Pure."""

from __future__ import annotations

from typing import Any, Final

MOST: Final = 128
"""So many samples there are at most; then every other one is left out, and the next come twice as far apart."""

FIRST_SECONDS: Final = 1.0


class Course:
    """Samples of numbers at `since`, `since + step` and so on. `due` is the time of the next one."""

    def __init__(self) -> None:
        self.since = 0.0
        self.step = FIRST_SECONDS
        self.due = 0.0
        self._samples: list[tuple[int, ...]] = []

    def opens(self, at: float) -> None:
        """The first sample is of this time."""
        self.since = self.due = at

    def goes(self, at: float, numbers: tuple[int, ...]) -> None:
        """These were the numbers since they were told last, until now."""
        while self.due < at:
            self._samples.append(numbers)
            if len(self._samples) == MOST:
                self._samples = self._samples[::2]
                self.step *= 2
            self.due = self.since + len(self._samples) * self.step

    def columns(self, *names: str) -> dict[str, Any]:
        """`{"since": 1.0, "step": 64.0, "busy": [0, 10, ...]}`: the samples of each number under its name."""
        columns = zip(*self._samples, strict=True) if self._samples else ([] for _ in names)
        return {"since": self.since, "step": self.step} | {
            name: list(column) for name, column in zip(names, columns, strict=True)
        }
