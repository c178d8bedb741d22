"""What the packages of penstock-compat share: whoever owns a name has it."""

from __future__ import annotations

import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path

NAMES = ("flowweaver", "swfme", "flowforge")


def step_back(name: str) -> None:
    """The last act of each package of ours: if there is another of its name, that one takes its place in this process."""
    module = sys.modules[name]
    assert module.__file__ is not None
    spec = original(name, Path(module.__file__).parents[1])
    if spec is None or spec.loader is None:
        return
    warnings.warn(
        f"{name} is installed at {spec.origin}, so penstock-compat steps back and that one is imported;"
        " uninstall it to run this code on Penstock, or import from penstock itself",
        stacklevel=2,
    )
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def original(name: str, ours: Path) -> ModuleSpec | None:
    """Where the system itself is installed, outside a folder of ours."""
    elsewhere = [place for place in sys.path if Path(place).resolve() != ours.resolve()]
    spec = PathFinder.find_spec(name, elsewhere)
    while spec is not None and spec.origin is not None and _is_ours(spec.origin):
        elsewhere = [
            place for place in elsewhere if Path(place).resolve() != Path(spec.origin).resolve().parents[1]
        ]
        spec = PathFinder.find_spec(name, elsewhere)
    return spec


def _is_ours(file: str) -> bool:
    return b"penstock_compat" in Path(file).read_bytes()
