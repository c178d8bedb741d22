"""How an executor's own thread hands an outcome over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.ports import Outcome


def tell(ended: Callable[[Any, Outcome], None], token: Any, outcome: Outcome) -> None:
    """Call `ended`; a fault in it must not cost the executor its thread."""
    try:
        ended(token, outcome)
    except Exception:
        import logging

        logging.getLogger("penstock.executors").exception("the outcome of a step could not be handed over")
