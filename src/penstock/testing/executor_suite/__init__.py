"""The suite every executor inherits: what the port's docstrings say, one sentence a test.

    from penstock.testing.executor_suite import ExecutorSuite

    class TestMyExecutor(ExecutorSuite):
        def make_executor(self, slots):
            return MyExecutor(slots)

Say by the class's flags what it is and can. Every wait has a limit, and none is longer than what it waits for.
Where the port leaves a choice, the suite has made it:

- an executor takes more jobs than it has slots, and begins them in the order in which they came;
- a token may be used again once its job has ended or was stopped;
- `close` with wait ends what was submitted, but waits for no stopped step; without wait it drops it; twice is once;
- a step's stray exceptions, SystemExit among them, are its failure and cost the executor nothing.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("ends", "harness", "order", "outcomes", "steps"))
)

from penstock.testing.executor_suite.ends import EndPart  # noqa: E402 - after the line that has asserts explained
from penstock.testing.executor_suite.harness import Desk  # noqa: E402
from penstock.testing.executor_suite.order import OrderPart  # noqa: E402
from penstock.testing.executor_suite.outcomes import OutcomePart  # noqa: E402
from penstock.testing.executor_suite.steps import wait_for  # noqa: E402

__all__ = ["Desk", "ExecutorSuite", "wait_for"]


class ExecutorSuite(OutcomePart, OrderPart, EndPart):
    """Inherit, provide `make_executor`, set the flags."""
