"""The suite every store inherits: what the port's docstrings say, one sentence a test.

    from penstock.testing.store_suite import StoreSuite

    class TestMyStore(StoreSuite):
        def make_store(self, clock, folder):
            return MyStore(folder / "store", clock=clock)

        def second_handle(self, store, clock):
            return MyStore(store.path, clock=clock)

A store that lives in one process and keeps nothing inherits the parts that fit it instead of `StoreSuite`. Where the
port leaves a choice, the suite has made it:

- a change's verdict is a class (`Ok`, `Conflict`): never compare verdicts with ==, two of them are empty tuples;
- a letter to a run without a row is kept, and the row starts with the number of the newest in `inbox`;
- events that do not go on at `expect`, or have none, raise AssertionError; tables, columns and values that no row can
  have raise ValueError; either way nothing of the batch is written;
- columns without a default are None; `id` is no column that a put may name;
- rows are in order of creation by their first put, not by `created`; `after` a row that is gone raises RunNotFound;
- a claim by `ids` takes idle rows too, but none that is leased, delayed for later or done; rank, then creation;
- without `choose` gates mean nothing but what `skip` says; held leases are counted over all queues of the table;
- a lapsed lease that nobody took over is still held, and `extend` prolongs it;
- a row made delayed rings its queue too, so that a waiter asks `next_due` again;
- pruned runs read as if they had never been, but the keys of their changes stay; of blobs, those go that pruned runs
  or documents named (their id occurs in an event, a letter or a row's data) and nobody else names.
"""

from __future__ import annotations

import pytest

_PARTS = (
    "bells",
    "care",
    "claims",
    "commits",
    "harness",
    "leases",
    "letters",
    "logs",
    "machine",
    "rows",
    "sharing",
)
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from penstock.testing.store_suite.bells import BellPart  # noqa: E402 - after the line that has asserts explained
from penstock.testing.store_suite.care import CarePart  # noqa: E402
from penstock.testing.store_suite.claims import ClaimPart  # noqa: E402
from penstock.testing.store_suite.commits import CommitPart  # noqa: E402
from penstock.testing.store_suite.harness import HandClock, StorePart  # noqa: E402
from penstock.testing.store_suite.leases import LeasePart  # noqa: E402
from penstock.testing.store_suite.letters import LettersPart  # noqa: E402
from penstock.testing.store_suite.logs import LogPart  # noqa: E402
from penstock.testing.store_suite.machine import MachinePart  # noqa: E402
from penstock.testing.store_suite.rows import RowsPart  # noqa: E402
from penstock.testing.store_suite.sharing import SharingPart  # noqa: E402

__all__ = [
    "BellPart",
    "CarePart",
    "ClaimPart",
    "CommitPart",
    "HandClock",
    "LeasePart",
    "LettersPart",
    "LogPart",
    "MachinePart",
    "RowsPart",
    "SharingPart",
    "StorePart",
    "StoreSuite",
]


class StoreSuite(
    CommitPart,
    RowsPart,
    LettersPart,
    LogPart,
    LeasePart,
    ClaimPart,
    BellPart,
    CarePart,
    SharingPart,
    MachinePart,
):
    """Everything a store promises."""
