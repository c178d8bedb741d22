"""What becomes of a job when a routine fails: the four strategies side by side, and a job that is resumed where it failed.

python examples/error_handling_example.py
"""

from __future__ import annotations

from penstock.routines import ErrorHandler, ErrorStrategy, Flow, JobState, Routine


class Orders(Routine):
    """Emits orders, one of them without a price."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("begin", handler=self.send)
        self.define_event("order", ["item", "price"])

    def send(self) -> None:
        for item, price in (("tea", 3), ("cup", None), ("pot", 20)):
            self.emit("order", item=item, price=price)


class Charge(Routine):
    """Charges an order. The bank does not answer the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.bank_answers = False
        self.define_slot("order", handler=self.charge)
        self.define_event("charged", ["item", "price"])

    def charge(self, item: str, price: int | None) -> None:
        if price is None:
            raise ValueError(f"{item} has no price")
        if not self.bank_answers:
            self.bank_answers = True
            raise ConnectionError("the bank does not answer")
        self.increment_stat("charged", price)
        self.emit("charged", item=item, price=price)


class Ship(Routine):
    """Ships what was charged."""

    def __init__(self) -> None:
        super().__init__()
        self.shipped: list[str] = []
        self.define_slot("charged", handler=self.ship)

    def ship(self, item: str, price: int) -> None:
        self.shipped.append(item)


def shop(handler: ErrorHandler | None, *, bank_answers: bool = True) -> tuple[Flow, Charge, Ship]:
    """A flow whose charging fails as this handler says."""
    flow = Flow("shop")
    charge, ship = Charge(), Ship()
    charge.bank_answers = bank_answers
    charge.set_error_handler(handler)
    for name, each in (("orders", Orders()), ("charge", charge), ("ship", ship)):
        flow.add_routine(each, name)
    flow.connect("orders", "order", "charge", "order")
    flow.connect("charge", "charged", "ship", "charged")
    return flow, charge, ship


def tried(strategy: ErrorStrategy) -> tuple[JobState, list[str]]:
    """How a job ends under a strategy, and what was shipped."""
    retry = ErrorHandler(strategy, max_retries=2, retry_delay=0.01, retryable_exceptions=(ConnectionError,))
    flow, _, ship = shop(retry, bank_answers=strategy is not ErrorStrategy.RETRY)
    return flow.execute("orders"), ship.shipped


def resumed() -> tuple[JobState, list[str]]:
    """A job that failed because of the bank, and is resumed when the bank answers again; then the cup stops it."""
    flow, _, ship = shop(None, bank_answers=False)
    job = flow.execute("orders")
    print(f"resume: {job.status} ({job.error.message if job.error else ''}), shipped {ship.shipped}")
    return flow.resume(job), ship.shipped


if __name__ == "__main__":
    for strategy in ErrorStrategy:
        job, shipped = tried(strategy)
        reason = f" ({job.error.message})" if job.error is not None else ""
        print(f"{strategy.value}: {job.status}{reason}, shipped {shipped}")
    job, shipped = resumed()
    print(f"resumed: {job.status} ({job.error.message if job.error else ''}), shipped {shipped}")
