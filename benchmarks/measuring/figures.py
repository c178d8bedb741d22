"""A budget, what was measured against it, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """One line of the plan: `what` may take `must` and ought to take `aim`, in `unit`.

    Units A, N, F are times of a bare baseline (see `bare`), measured in turn with the work; others are what they say.
    """

    name: str
    what: str
    unit: str
    must: float
    aim: float
    more_is_better: bool = False


@dataclass(frozen=True)
class Figure:
    """What was measured for a budget: the median of rounds, the quietest round, and what a reader should know."""

    name: str
    what: str
    unit: str
    must: float
    aim: float
    measured: float
    quietest: float
    rounds: int
    note: str = ""
    more_is_better: bool = False
    taken: str = ""

    @property
    def holds(self) -> bool:
        return self._excess(self.must) <= 0

    @property
    def verdict(self) -> str:
        if not self.holds:
            return f"no: {self._distance(self.must)} the budget"
        if self._excess(self.aim) > 0:
            return f"ok, {self._distance(self.aim)} the aim"
        return "ok"

    def _excess(self, limit: float) -> float:
        """How much worse than a limit, as a share of it."""
        share = self.measured / limit - 1
        return -share if self.more_is_better else share

    def _distance(self, limit: float) -> str:
        times = self.measured / limit
        if self.more_is_better:
            return f"{100 * (1 - times):.0f} % below"
        return f"{times:.1f} x" if times >= 2 else f"{100 * (times - 1):.0f} % above"


def figure(
    budget: Budget, measured: float, quietest: float | None = None, *, rounds: int = 1, note: str = ""
) -> Figure:
    """What was found for a budget, in the budget's unit."""
    quiet = measured if quietest is None else quietest
    return Figure(
        budget.name, budget.what, budget.unit, budget.must, budget.aim,
        rounded(measured), rounded(quiet), rounds, note, budget.more_is_better,
    )  # fmt: skip


def rounded(value: float) -> float:
    """Three digits: more are noise."""
    return float(f"{value:.3g}")


def shown(value: float, unit: str) -> str:
    """A figure with its unit: `0.58 A`, `12,400 a second`, `23.1 ms`."""
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    return f"{number} {unit}"
