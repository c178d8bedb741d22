"""Modules of functions, for engines that read from names and parameters what needs what.

A module is written as such an engine's user would have written it, into the folder that the process works in.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def chain_module(n: int, define: str = "def") -> ModuleType:
    """step1(step0) to stepN: each advances the value of the one before."""
    steps = (
        f"{define} step{k}(step{k - 1}: str) -> str:\n    return advance(step{k - 1})"
        for k in range(1, n + 1)
    )
    return module(f"{define.replace(' ', '_')}_chain{n}", steps)


def fan_out_module(n: int) -> ModuleType:
    """item0(value) to the last item, and joined(item0, item1 ...)."""
    items = [f"def item{k}(value: str) -> str:\n    return item({k}, value)" for k in range(n)]
    names = [f"item{k}" for k in range(n)]
    needed = ", ".join(f"{name}: str" for name in names)
    joined = f"def joined({needed}) -> str:\n    return join([{', '.join(names)}])"
    return module(f"def_fan_out{n}", [*items, joined])


def module(name: str, functions: Iterable[str]) -> ModuleType:
    head = "from workloads import advance, item, join"
    Path(f"{name}.py").write_text("\n\n\n".join([head, *functions]) + "\n", encoding="utf-8")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    importlib.invalidate_caches()
    return importlib.import_module(name)
