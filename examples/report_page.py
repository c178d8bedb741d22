"""The look of the examples' reports: one HTML file with everything inside, for offline, paper and screen readers.

Figures are drawn by matplotlib as SVG whose text stays text, in the page's own type. The same content gives
the same bytes.
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
STYLE = Path(__file__).with_suffix(".css")
NAMED = {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER, "blue": BLUE, "face": FACE}


def page(*, title: str, eyebrow: str, lead: str, body: Iterable[str], notes: Iterable[str]) -> str:
    """A whole document. `body` is HTML; the rest is text."""
    footer = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style()}</style>\n</head>\n<body>\n<main>\n"
        f'<header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(lead)}</p></header>\n' + "\n".join(body) + f"\n<footer>{footer}</footer>\n"
        "</main>\n</body>\n</html>\n"
    )


def style() -> str:
    """The stylesheet, which knows the colours and the type by name."""
    names = "".join(f"--{name}: {value}; " for name, value in NAMED.items())
    return f"\n:root {{ {names}}}\n{STYLE.read_text(encoding='utf-8')}"


def tiles(facts: Sequence[tuple[str, str, str]]) -> str:
    """The figures at the top: label, number, unit."""
    items = (
        f"<div><dt>{escape(label)}</dt><dd>{escape(number)} <small>{escape(unit)}</small></dd></div>"
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
