"""The look of the examples' reports: one HTML file with everything inside, readable offline, on paper and by screen readers.

Figures are drawn by matplotlib as SVG whose text stays text, in the page's own type. The same content gives the same bytes.
"""

import io
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE, PAPER = "#1b2330", "#5a6473", "#dfe3e8", "#ffffff"
BLUE, PALE, ORANGE, SAND, GREY = "#2b5f9e", "#a8c5e6", "#c9591c", "#e6b48f", "#d3d9e0"

FACE = "'Inter', 'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f6f7f9; color: {INK}; font: 16px/1.55 {FACE}; font-weight: 400; }}
main {{ max-width: 1080px; margin: 0 auto; padding: 56px 32px 40px; }}
h1 {{ font-size: 38px; line-height: 1.15; font-weight: 300; letter-spacing: -0.02em; margin: 0 0 12px; text-wrap: balance; }}
h2 {{ font-size: 20px; line-height: 1.3; font-weight: 500; letter-spacing: -0.01em; margin: 0 0 4px; text-wrap: balance; }}
p {{ margin: 0 0 12px; max-width: 74ch; text-wrap: pretty; }}
.eyebrow {{ font-size: 13px; font-weight: 600; color: {BLUE}; margin: 0 0 8px; }}
.lead {{ font-size: 18px; font-weight: 300; color: {MUTED}; }}
.note {{ color: {MUTED}; font-size: 14.5px; }}
.tiles {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin: 32px 0 24px; padding: 0;
  background: {RULE}; border: 1px solid {RULE}; border-radius: 10px; overflow: hidden; }}
.tiles div {{ background: {PAPER}; padding: 18px 20px 16px; display: flex; flex-direction: column-reverse; justify-content: flex-end; }}
.tiles dt {{ color: {MUTED}; font-size: 13.5px; line-height: 1.35; }}
.tiles dd {{ margin: 0 0 2px; font-size: 30px; line-height: 1.2; font-weight: 300; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }}
.tiles dd small {{ font-size: 17px; color: {MUTED}; letter-spacing: 0; }}
.card {{ background: {PAPER}; border: 1px solid {RULE}; border-radius: 10px; padding: 24px 28px 20px; margin: 0 0 24px; min-width: 0; }}
.pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 0 24px; align-items: stretch; }}
figure {{ margin: 14px 0 0; }}
figure svg {{ display: block; width: 100%; height: auto; overflow: visible; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; margin-top: 12px; font-size: 14.5px; font-variant-numeric: tabular-nums; }}
th {{ text-align: left; font-weight: 500; color: {MUTED}; font-size: 13px; border-bottom: 1px solid {RULE}; padding: 6px 16px 6px 0; vertical-align: bottom; }}
td {{ border-bottom: 1px solid #eef0f3; padding: 6px 16px 6px 0; }}
tr:last-child td {{ border-bottom: 0; }}
th.number, td.number {{ text-align: right; }}
td:has(> .bar) {{ width: 20%; }}
td code {{ font: 13.5px/1.4 ui-monospace, 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', monospace; }}
.bar {{ display: block; height: 10px; min-width: 2px; border-radius: 2px; background: {BLUE}; }}
.bad {{ color: #a8410c; font-weight: 600; }}
footer {{ color: {MUTED}; font-size: 13.5px; padding: 8px 4px 0; }}
footer p {{ max-width: 92ch; }}
@media (max-width: 640px) {{ main {{ padding: 32px 16px; }} h1 {{ font-size: 30px; }} .card {{ padding: 18px 16px; }}
  .tiles {{ grid-template-columns: 1fr 1fr; }} figure {{ overflow-x: auto; }} }}
@media print {{ body {{ background: none; }} main {{ max-width: none; padding: 0; }} .card {{ break-inside: avoid; }} }}
"""


def page(*, title: str, eyebrow: str, lead: str, body: Iterable[str], notes: Iterable[str]) -> str:
    """A whole document. `body` is HTML; the rest is text."""
    footer = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(lead)}</p></header>\n' + "\n".join(body) + f"\n<footer>{footer}</footer>\n"
        "</main>\n</body>\n</html>\n"
    )


def tiles(facts: Sequence[tuple[str, str, str]]) -> str:
    """The figures at the top: label, number, unit."""
    items = (
        f"<div><dt>{escape(label)}</dt><dd>{escape(number)}{f' <small>{escape(unit)}</small>' if unit else ''}</dd></div>"
        for label, number, unit in facts
    )
    return f'<dl class="tiles">{"".join(items)}</dl>'


def card(title: str, note: str, content: str) -> str:
    return (
        f'<section class="card"><h2>{escape(title)}</h2><p class="note">{escape(note)}</p>{content}</section>'
    )


def pair(left: str, right: str) -> str:
    """Two cards beside each other where there is room."""
    return f'<div class="pair">{left}{right}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """A table of HTML cells; the columns at the places `numbers` are aligned to the right."""
    right = frozenset(numbers)

    def line(tag: str, cells: Sequence[str], scope: str = "") -> str:
        kinds = (' class="number"' if place in right else "" for place in range(len(cells)))
        return "".join(f"<{tag}{scope}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    head = line("th", [escape(name) for name in header], ' scope="col"')
    body = "".join(f"<tr>{line('td', cells)}</tr>" for cells in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def code(name: str) -> str:
    """A dotted name in fixed type, which may break after a dot or an underscore."""
    breakable = re.sub(r"([._]+)", r"\1<wbr>", escape(name))
    return f"<code>{breakable}</code>"


def bar(value: float, largest: float) -> str:
    """A bar for a table's cell; the number itself stands in a cell of its own."""
    width = 100 * value / largest if largest else 0
    return f'<span class="bar" style="width:{width:.1f}%" aria-hidden="true"></span>'


def number(value: float) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def percent(fraction: float, digits: int = 0) -> str:
    return f"{100 * fraction:.{digits}f}\u202f%"


# Figures


@contextmanager
def drawing() -> "Iterator[None]":
    """Matplotlib's settings while a figure is drawn and saved; the caller's own are left as they were."""
    import matplotlib as mpl

    settings: dict[Any, object] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "penstock",
        "font.family": "sans-serif",
        "font.size": 10,
        "text.color": INK,
        "axes.edgecolor": RULE,
        "axes.labelcolor": MUTED,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": "#e9ecf0",
        "grid.linewidth": 0.8,
        "xtick.color": RULE,
        "ytick.color": RULE,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "legend.frameon": False,
    }
    with mpl.rc_context(settings):
        yield


def canvas(width: float, height: float) -> "tuple[Figure, Axes]":
    """An empty figure, in inches, and its axes. It belongs to no window and no global."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def svg(figure: "Figure", *, name: str, description: str) -> str:
    """The figure as inline SVG. `name` keeps its ids apart from those of other figures on the page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    inside = text.getvalue()
    inside = inside[inside.index("<svg") :]
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
    inside = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", inside)
    inside = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", inside)
    inside = re.sub(r"font-family: [^;\"]*;? ?", "", inside)
    narrowest = round(68 * figure.get_size_inches()[0])
    label = f'<svg role="img" aria-label="{escape(description)}" style="min-width:{narrowest}px"'
    return f"<figure>{inside.replace('<svg', label, 1)}</figure>"


def write_whole(path: Path, text: str) -> None:
    """Replace the file at once, so that a step that is run again never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
