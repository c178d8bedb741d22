"""How the documentation is built: `make docs`."""

import re
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

autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"Penstock {release}"
html_show_sphinx = False


def setup(app: Any) -> None:
    """Mermaid pictures are drawn where the sources are shown; the built pages have their text."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("autodoc-process-docstring", as_written)
    app.connect("autodoc-process-signature", short)


CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def as_written(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are written as Markdown is: a word between single backticks is code."""
    lines[:] = [CODE.sub(r"``\1``", line) for line in lines]


MODULE = re.compile(r"~(?:\w+\.)+")
POLICY = re.compile(r"= Policy\(.*\)\)?(?=\))")


def short(app: Any, what: str, name: str, of: Any, *rest: Any) -> Any:
    """Signatures of records, which Python writes out in full: types without their modules, the default policy as such."""
    _, signature, back = rest
    if signature is None or "~" not in signature:
        return None
    return POLICY.sub("= DEFAULT", MODULE.sub("", signature)), back
