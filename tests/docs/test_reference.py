"""The reference names everything that is public, or the page of errors does."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    "module",
    [
        "penstock",
        "penstock.processes",
        "penstock.routines",
        "penstock.tasks",
        "penstock.functions",
        "penstock.catalogue",
        "penstock.simulations",
        "penstock.testing",
        "penstock.whatif",
    ],
)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    text = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("reference.md", "errors.md"))
    names = import_module(module).__all__
    assert not [name for name in names if not re.search(rf"\b{name}\b", text)], (
        "add these to docs/reference.md"
    )
