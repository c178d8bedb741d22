"""For tests of one's own workflows: runs in virtual time with steps replaced, and assertions on what their logs say.

    from penstock.testing import raising, simulated

    with simulated(flow, replace={"fetch": {"id": 7}, "charge": raising(ConnectionError, times=2)}) as sim:
        run = sim.run(order=7)
    run.log.assert_ran("fetch", before="charge")
    assert run.log.attempts("charge") == 3
    assert run.result() == "paid"

The engine is the real one, on a store in memory; only its clock and its executors are not. Delays between attempts, timeouts,
sleeps and deadlines pass at once, and the same test gives the same log. Needs no pytest.
"""

from __future__ import annotations

from penstock.testing.kit.log import RunLog
from penstock.testing.kit.record import record
from penstock.testing.kit.recording import Recording, Stored, raised, returned, stopped
from penstock.testing.kit.rehearsal import Rehearsal, Rehearsed, simulated
from penstock.testing.kit.stand_in import raising

__all__ = [
    "Recording",
    "Rehearsal",
    "Rehearsed",
    "RunLog",
    "Stored",
    "raised",
    "raising",
    "record",
    "returned",
    "simulated",
    "stopped",
]
