"""An atomic process: one indivisible piece of work, one step of a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from penstock.processes.hiding import watch
from penstock.processes.process import Process
from penstock.processes.standing import CANCELLED

_perf = time.perf_counter
_time = time.time


class AtomarProcess(Process):
    """Write `execute_impl`, as a coroutine, or as a plain function on a class that says `blocking = True`."""

    def execute_impl(self) -> Awaitable[None] | None:
        raise NotImplementedError(f"{type(self).__qualname__} defines no execute_impl(), so it does no work")

    async def perform(self) -> dict[str, Any]:
        """The engine's: all that an execution is, and the outputs that come of it."""
        began = _perf()
        self.begun(_time())
        inputs, outputs = self.input, self.output
        if inputs.hides or outputs.hides:
            watch(self)
        try:
            inputs.validate_all()
            await self.on_before_execute()
            inputs.lock_all()
            work = self.execute_impl()
            if work is not None:
                await work
            outputs.validate_all()
            await self.on_after_execute()
        except asyncio.CancelledError:
            self._over(CANCELLED, _time(), (_perf() - began) * 1000)
            raise
        except BaseException as error:
            self.failed_with(error, (_perf() - began) * 1000)
            raise
        return self.completed(_time(), (_perf() - began) * 1000)

    def perform_blocking(self) -> dict[str, Any]:
        """The engine's: `perform` in a thread."""
        return asyncio.run(self.perform())


AtomicProcess = AtomarProcess
