"""How the documentation is built: `make docs`."""

from importlib.metadata import version as version_of
from typing import Any

from pygments.lexers.special import TextLexer

project = "Penstock"
copyright = "the Penstock authors"
version = release = version_of("penstock")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"Penstock {release}"
html_show_sphinx = False


def setup(app: Any) -> None:
    """Mermaid pictures are drawn where the sources are shown; the built pages have their text."""
    app.add_lexer("mermaid", TextLexer)
