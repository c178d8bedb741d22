"""Names that packages offer before their modules are loaded."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = ("catalogue", "observe", "processes", "routines", "simulations", "tasks", "testing", "whatif")


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_offers_is_there_and_nothing_else(package: str) -> None:
    module = importlib.import_module(f"penstock.{package}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    with pytest.raises(AttributeError, match=f"module 'penstock.{package}' has no attribute 'nothing'"):
        _ = module.nothing


def test_a_name_loads_its_module_and_no_other() -> None:
    code = (
        "import sys, penstock.whatif as it; before = 'penstock.whatif.report' in sys.modules; it.Poisson;"
        "print(before, 'penstock.whatif.arrivals' in sys.modules, 'penstock.whatif.answering' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
