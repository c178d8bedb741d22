"""Steps in a transaction of the store's own: what such a step writes to the store's file and that it is done are one commit.

The driver's thread begins a transaction, runs the step's code with a connection to write by, appends the events that come of
it, and commits. So a crash leaves both or neither, and a lease that was lost meanwhile undoes both. The store's lock is held
from begin to commit: nobody else writes while the step's code runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from penstock.context import is_async
from penstock.context.calls import call
from penstock.engine.journal import TRY_SECONDS, DurableJournal
from penstock.errors import CodecError, CommandRefused, DefinitionError, StoreError, StoreUnavailable
from penstock.model.failure import Failure, failure_of
from penstock.ports import Job, Outcome, Store, Transaction, Transactional

if TYPE_CHECKING:
    from penstock.engine.driven import Driven
    from penstock.engine.lanes import Batch
    from penstock.model.machine import Run, Step

NAME: Final = "transaction"
"""What a step's policy names as its executor. Its function is given the keyword argument `connection`."""

_writing: ContextVar[Store | None] = ContextVar("penstock_writing", default=None)
"""The store whose transaction the step's code here is in."""


class Transactions:
    """Stands where an executor would: steps in transactions run on the driver's own thread, one at a time."""

    name = NAME
    slots: int | None = 1

    def __init__(self, store: Store | None, address: str) -> None:
        if not isinstance(store, Transactional):
            raise DefinitionError(
                f"a task with transaction=True writes to the store's own SQLite file, and {address} is none: run it on a file,"
                " such as store='runs.db', or leave transaction=True out"
            )

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """See Executor."""
        name = getattr(fn, "__qualname__", repr(fn))
        if is_async(fn):
            raise DefinitionError(
                f"{name} is async and has transaction=True, which holds a lock: make it a plain `def`"
            )
        if timeout is not None:
            raise DefinitionError(
                f"{name} has timeout={timeout:g} and transaction=True: it runs on the thread that drives the run, where nobody"
                " can stop it; leave the timeout out"
            )

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        """Nobody does: see run_within."""
        raise AssertionError("a step in a transaction is run by its driver")

    def stop(self, token: Any) -> bool:
        """Nobody does."""
        return False

    def close(self, *, wait: bool = True) -> None:
        """Nothing is open."""


def refuse_within(store: Store | None) -> None:
    """Raise CommandRefused where a step that is in a transaction of this store is about to start or resume a run on it."""
    if store is not None and _writing.get() is store:
        raise CommandRefused(
            "a step with transaction=True cannot start or resume runs on its own store, which would wait for the step to end:"
            " let another step do it"
        )


class _Undone(Exception):
    """Takes a transaction back."""


class _Attempt(NamedTuple):
    """What became of an attempt: its failure, or the batch that holds its end and the runs that were refused in it."""

    failure: Failure | None
    batch: Batch | None
    refused: list[Run] | BaseException


def run_within(driver: Driven, step: Step) -> float:
    """Run a step on this thread in a transaction, to its commit; the time when it had ended."""
    journal = driver.journal
    assert isinstance(journal, DurableJournal)
    journal.settle(TRY_SECONDS)  # what is with the writer comes first in the log
    if step.run.lost:
        return driver.now()  # it was refused, as the driver is about to be told
    job = driver.job(step)
    driver.here = (step, job.context)
    try:
        tried = _try(driver, journal, step, job)
    except StoreError as error:  # it could not be begun
        driver.lose(step.run, error)
        return driver.now()
    finally:
        driver.here = None
    if job.context.lines is not None:
        driver.host.captured(step, job.context)
    if tried.batch is not None:
        driver.sent = tried.batch.number
        driver.applied(tried.batch, tried.refused)
    elif tried.failure is not None:
        driver.attempt_failed(step, tried.failure, job.context)
    return driver.now()


def _try(driver: Driven, journal: DurableJournal, step: Step, job: Job) -> _Attempt:
    batch: Batch | None = None
    failure: Failure | None = None
    try:
        with _begun(journal) as transaction:
            value, failure = call(
                partial(_lent, journal.store, transaction, job.fn), job.args, job.kwargs, job.context
            )
            text = None
            if failure is None:
                text, failure = _text(journal, value)
            if failure is not None:
                raise _Undone
            batch = _sealed(driver, step, value, text)
            if not journal.write_within(transaction, batch):
                raise _Undone
    except _Undone:
        return _Attempt(failure, None, []) if batch is None else _Attempt(None, batch, journal.commit(batch))
    except StoreError as error:
        if batch is None:
            raise
        return _Attempt(None, batch, error)
    journal.tell(batch)
    return _Attempt(None, batch, [])


@contextmanager
def _begun(journal: DurableJournal) -> Iterator[Transaction]:
    """A transaction, however often the store has to be asked for it."""
    assert isinstance(journal.store, Transactional)
    deadline = journal.monotonic() + TRY_SECONDS
    nap = 0.005
    with ExitStack() as stack:
        transaction = None
        while transaction is None:
            try:
                transaction = stack.enter_context(journal.store.transaction())
            except StoreUnavailable:
                if journal.monotonic() > deadline:
                    raise
                journal.nap(nap)
                nap = min(nap * 2, 0.5)
        yield transaction


def _lent(
    store: Store, transaction: Transaction, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """Call a step's function with the connection that is its own meanwhile."""
    token = _writing.set(store)
    try:
        with transaction.lend() as connection:
            return fn(*args, **kwargs, connection=connection)
    finally:
        _writing.reset(token)


def _text(journal: DurableJournal, value: Any) -> tuple[str | None, Failure | None]:
    try:
        return journal.text(value), None
    except CodecError as error:
        return None, failure_of(error)


def _sealed(driver: Driven, step: Step, value: Any, text: str | None) -> Batch:
    """All that happened up to the step's end, and what follows from it."""
    at = driver.now()
    wanted = driver.core.ended(step, value, text, at)
    assert wanted, f"nobody waits for {step!r}, which was just begun"
    batch = driver.core.seal(at)
    assert batch is not None, "a step has just ended"
    return batch
