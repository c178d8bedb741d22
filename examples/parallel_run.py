"""Which compressor suits these files? Four try at once, in threads, on the sources of Python's own asyncio.

    python examples/parallel_run.py

    read ─┬─> stored ─┐
          ├─> zlib ───┤
          ├─> bz2 ────┼─> compare
          └─> lzma ───┘

The compressors are C code that lets other threads run meanwhile, so four workers use as many cores as there are.
"""

import asyncio.base_events
import bz2
import lzma
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from penstock.tasks import ThreadedExecutor, Workflow

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "stored": bytes,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
}


class Packed(NamedTuple):
    """How small a compressor made the data, and how long that took."""

    size: int
    seconds: float


def read() -> bytes:
    folder = Path(asyncio.base_events.__file__).parent
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))


def pack(read: bytes, compressor: str) -> Packed:
    began = time.perf_counter()
    return Packed(len(COMPRESSORS[compressor](read)), time.perf_counter() - began)


def compare(stored: Packed, **packed: Packed) -> list[str]:
    """A line a compressor, the smallest result first."""
    ranked = sorted(packed.items(), key=lambda each: each[1].size)
    return [f"{name:5} {each.size / stored.size:6.1%} {each.seconds * 1000:7.1f} ms" for name, each in ranked]


flow = Workflow("parallel_run")
flow.add_task(read)
for name in COMPRESSORS:
    flow.add_task(pack, name=name, depends_on=["read"], values={"compressor": name}, retries=1)
flow.add_task(compare, depends_on=list(COMPRESSORS))

if __name__ == "__main__":
    ThreadedExecutor(max_workers=4).execute(flow)
    print(*flow.get_task_result("compare"), sep="\n")
    print(f"all of it took {flow.get_workflow_stats()['total_time_seconds']:.3f} s")
