"""Asks one question in this process: `python -m benchmarks.measuring.ask NAME SCALE`; answers with a line of JSON a figure."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.measuring.children import ROOT
from benchmarks.measuring.figures import Figure
from benchmarks.measuring.rounds import SCALES, Scale

KEPT = ROOT / ".benchmarks"
"""Where stores are made: on the checkout's disk, for a /tmp in memory would know no fsync."""


def answers(name: str, scale: Scale) -> Iterator[Figure]:
    question = importlib.import_module(f"benchmarks.{name}")
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=KEPT, ignore_cleanup_errors=True) as folder:
        yield from question.measure(scale, Path(folder))


def main() -> None:
    name, scale = sys.argv[1:]
    for figure in answers(name, SCALES[scale]):
        print(json.dumps(asdict(figure)), flush=True)


if __name__ == "__main__":
    main()
