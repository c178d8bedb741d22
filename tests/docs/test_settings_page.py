"""docs/settings.md is what penstock.app.settings says."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_settings_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "settings_page.py"))["page"]()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == made, (
        "make it again: python docs/settings_page.py"
    )
