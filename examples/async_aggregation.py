"""Ask several weather stations at once and put their answers together; one of them is out of order at first.

    python examples/async_aggregation.py

    ask_north ─┐
    ask_east ──┼─> aggregate
    ask_south ─┘

The stations are servers on this machine that the script starts itself. What they measure is made up, and the same each time;
that they are asked over sockets, wait, and fail is real. A request has a second, and is made three times at most.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import fmean

from penstock.tasks import AsyncExecutor, Workflow

STATIONS = {"north": 9.0, "east": 12.0, "south": 15.0}  # what temperature is usual there


@asynccontextmanager
async def station(name: str, usual: float, *, failures: int = 0) -> AsyncIterator[int]:
    """A server on some port that hangs up on its first callers, and gives others a day's temperatures as JSON."""
    calls = 0

    async def answer(_: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls > failures:
            chance = random.Random(name)
            await asyncio.sleep(chance.uniform(0.01, 0.05))
            out.write(json.dumps([round(chance.gauss(usual, 3), 1) for _ in range(24)]).encode())
            await out.drain()
        out.close()
        await out.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int) -> list[float]:
    """A station's temperatures. Raises ConnectionError if it hangs up."""
    lines, out = await asyncio.open_connection("127.0.0.1", port)
    try:
        answer = await lines.read()
    finally:
        out.close()
    if not answer:
        raise ConnectionError(f"the station at port {port} hung up")
    return [float(each) for each in json.loads(answer)]


def aggregate(**readings: list[float]) -> dict[str, dict[str, float]]:
    """Lowest, mean and highest temperature of each station, by its name."""
    return {
        name.removeprefix("ask_"): {"low": min(each), "mean": round(fmean(each), 1), "high": max(each)}
        for name, each in readings.items()
    }


def flow_for(ports: dict[str, int]) -> Workflow:
    flow = Workflow("async_aggregation")
    for name, port in ports.items():
        flow.add_task(ask, name=f"ask_{name}", values={"port": port}, retries=2, retry_delay=0.05, timeout=1)
    flow.add_task(aggregate, depends_on=[f"ask_{name}" for name in ports])
    return flow


async def main() -> Workflow:
    north, east, south = STATIONS.items()
    async with station(*north) as first, station(*east, failures=1) as second, station(*south) as third:
        flow = flow_for(dict(zip(STATIONS, (first, second, third), strict=True)))
        return await AsyncExecutor().execute(flow)


if __name__ == "__main__":
    for name, found in asyncio.run(main()).get_task_result("aggregate").items():
        print(f"{name:6} {found['low']:5.1f} to {found['high']:4.1f} °C, {found['mean']:4.1f} on average")
