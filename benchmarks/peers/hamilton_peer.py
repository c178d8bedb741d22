"""Hamilton, in memory: a function for each node, its parameters named for what it needs.

Its driver walks the graph by recursion, so a chain has at most 300 nodes at a time. Workflows in flight together need its
async driver; everything else uses the plain one, which is quicker.
"""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

from functions import chain_module, fan_out_module
from hamilton import async_driver, driver  # type: ignore[import-untyped]
from workloads import FIRST, SHORT_STEPS, Peer, Work, main, short_inputs

LONGEST = 300


class Hamilton(Peer):
    name = "hamilton"
    longest = LONGEST

    def chain(self, n: int) -> Work:
        graph = built(chain_module(n))
        end = f"step{n}"
        return lambda: text(graph.execute([end], inputs={"step0": FIRST})[end])

    def fan_out(self, n: int) -> Work:
        graph = built(fan_out_module(n))
        # Asked for the input as well, the driver does not look through all nodes after each one to see whether it is
        # still needed, which would make a fan-out of N take N squared.
        return lambda: text(graph.execute(["joined", "value"], inputs={"value": FIRST})["joined"])

    def one_by_one(self, n: int) -> Work:
        graph = built(chain_module(SHORT_STEPS))
        end = f"step{SHORT_STEPS}"
        return lambda: [text(graph.execute([end], inputs={"step0": value})[end]) for value in short_inputs(n)]

    def in_flight(self, n: int) -> Work:
        return lambda: asyncio.run(together(n))


def built(functions: ModuleType) -> driver.Driver:
    return driver.Builder().with_modules(functions).build()


async def together(n: int) -> list[str]:
    graph: Any = await async_driver.Builder().with_modules(chain_module(SHORT_STEPS, "async def")).build()
    end = f"step{SHORT_STEPS}"
    runs = (graph.execute([end], inputs={"step0": value}) for value in short_inputs(n))
    return [text(outputs[end]) for outputs in await asyncio.gather(*runs)]


def text(output: object) -> str:
    assert isinstance(output, str)
    return output


if __name__ == "__main__":
    main(Hamilton)
