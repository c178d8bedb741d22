"""Any workflow in virtual time: how long, how many workers, which limit; learned from its own past runs."""

from __future__ import annotations

from penstock.lazily import offered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.whatif.answering import simulate, sweep
    from penstock.whatif.arrivals import Arrival, Poisson
    from penstock.whatif.checking import Check, check
    from penstock.whatif.drawing import Drawn
    from penstock.whatif.findings import Prices
    from penstock.whatif.report import Report
    from penstock.whatif.scheduled import Scheduled
    from penstock.whatif.sources import Said

__all__ = [
    "Arrival",
    "Check",
    "Drawn",
    "Poisson",
    "Prices",
    "Report",
    "Said",
    "Scheduled",
    "check",
    "simulate",
    "sweep",
]

__getattr__ = offered(
    __name__,
    {
        "Arrival": ".arrivals",
        "Check": ".checking",
        "Drawn": ".drawing",
        "Poisson": ".arrivals",
        "Prices": ".findings",
        "Report": ".report",
        "Said": ".sources",
        "check": ".checking",
        "Scheduled": ".scheduled",
        "simulate": ".answering",
        "sweep": ".answering",
    },
)
