"""The census's figures: each takes numbers and gives inline SVG."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from census_totals import Hub, Row, Share, percentile
from report_page import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PALE,
    PAPER,
    SAND,
    canvas,
    drawing,
    number,
    percent,
    svg,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST_SHOWN = 80
FEWEST_DEFINITIONS = 40
KINDS = (("code", BLUE), ("docstrings", PALE), ("comments", SAND), ("blank", GREY))


def length_histogram(lengths: Sequence[int]) -> str:
    """One bar for each length up to 80 lines, with the median and the ninth decile."""
    counts = Counter(lengths)
    shown = range(1, LONGEST_SHOWN + 1)
    with drawing():
        figure, axes = canvas(10.6, 3.5)
        axes.bar(shown, [counts[length] for length in shown], width=0.82, color=BLUE)
        top = max((counts[length] for length in shown), default=1)
        for percent_, label, height in ((50, "half are", 0.96), (90, "nine in ten are", 0.62)):
            mark = percentile(lengths, percent_)
            axes.plot([mark + 0.5, mark + 0.5], [0, top * height], color=ORANGE, linewidth=1.2)
            axes.annotate(
                f"{label}\n{mark} lines or shorter",
                (mark + 0.5, top * height),
                xytext=(6, 0),
                textcoords="offset points",
                va="top",
                linespacing=1.35,
            )
        axes.set(xlim=(0, LONGEST_SHOWN + 1), xlabel="lines in the function", ylabel="functions")
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
        axes.set_xticks([1, *range(10, LONGEST_SHOWN + 1, 10)])
        axes.grid(axis="y")
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        return svg(figure, name="lengths", description=length_description(lengths))


def length_description(lengths: Sequence[int]) -> str:
    return (
        f"Histogram of the lengths of {number(len(lengths))} functions: "
        f"half have at most {percentile(lengths, 50)} lines, nine in ten at most {percentile(lengths, 90)}."
    )


def biggest_modules(rows: Sequence[Row], count: int = 15) -> str:
    """The longest files that define anything, their lines divided by kind."""
    biggest = sorted((row for row in rows if row.defines), key=lambda row: (-row.lines, row.module))[:count][
        ::-1
    ]
    names = [row.module for row in biggest]
    with drawing():
        figure, axes = canvas(5.0, 5.6)
        left = [0] * len(biggest)
        for kind, colour in KINDS:
            values = [getattr(row, kind) for row in biggest]
            axes.barh(
                names,
                values,
                left=left,
                color=colour,
                height=0.66,
                label=kind,
                edgecolor=PAPER,
                linewidth=0.6,
            )
            left = [start + value for start, value in zip(left, values, strict=True)]
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.xaxis.set_major_formatter(lambda value, _: number(value))
        axes.set_xlabel("lines")
        axes.grid(axis="x")
        axes.spines[["left", "bottom"]].set_visible(False)
        figure.legend(
            loc="outside upper left", ncols=4, handlelength=0.9, handleheight=0.9, columnspacing=1.2
        )
        return svg(
            figure, name="biggest", description=f"The {len(names)} longest modules: " + ", ".join(names[::-1])
        )


def docstring_shares(shares: Sequence[Share], overall: Share) -> str:
    """A dot for each package that is large enough to compare, and a line for the whole library."""
    shown = [share for share in shares if share.definitions >= FEWEST_DEFINITIONS][::-1]
    with drawing():
        figure, axes = canvas(5.0, 5.6)
        places = range(len(shown))
        values = [share.fraction for share in shown]
        axes.hlines(places, 0, values, color=PALE, linewidth=2)
        axes.scatter(values, places, color=BLUE, s=34, zorder=3)
        axes.axvline(overall.fraction, color=ORANGE, linewidth=1.2)
        axes.annotate(
            f"whole library {percent(overall.fraction)}",
            (overall.fraction, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
        )
        axes.set_yticks(places, [share.package for share in shown])
        axes.set(xlim=(0, 1.02), ylim=(-0.7, len(shown) - 0.3))
        axes.xaxis.set_major_formatter(lambda value, _: percent(value))
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.grid(axis="x")
        axes.spines[["left", "bottom"]].set_visible(False)
        return svg(
            figure,
            name="docstrings",
            description="Share of documented definitions: "
            + ", ".join(f"{share.package} {percent(share.fraction)}" for share in shown[::-1]),
        )


def most_imported(hubs: Sequence[Hub], count: int = 15) -> str:
    """How many modules import each of the most imported ones."""
    shown = list(hubs[:count])[::-1]
    with drawing():
        figure, axes = canvas(5.0, 4.6)
        bars = axes.barh(
            [hub.module for hub in shown],
            [hub.imported_by for hub in shown],
            color=[BLUE if hub.has_source else PALE for hub in shown],
            height=0.66,
        )
        axes.bar_label(bars, padding=4, color=MUTED)
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_xticks([])
        axes.margins(x=0.1)
        axes.spines[["left", "bottom"]].set_visible(False)
        return svg(
            figure,
            name="hubs",
            description="Most imported: "
            + ", ".join(f"{hub.module} {hub.imported_by}" for hub in shown[::-1]),
        )


def import_degrees(rows: Sequence[Row]) -> str:
    """Each module by how many it imports and how many import it; modules at one place share a larger dot."""
    places = Counter((row.imports, row.imported_by) for row in rows)
    with drawing():
        figure, axes = canvas(5.0, 4.6)
        sizes = [16 + 8 * count for count in places.values()]
        axes.scatter(
            [x for x, _ in places], [y for _, y in places], s=sizes, color=BLUE, alpha=0.45, linewidth=0
        )
        bend_scales(axes, widest=max((x for x, _ in places), default=1))
        axes.set(xlabel="modules it imports", ylabel="modules that import it")
        axes.grid()
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        name_extremes(axes, rows)
        return svg(figure, name="degrees", description=f"Imports made and received by {len(rows)} modules")


def bend_scales(axes: "Axes", *, widest: int) -> None:
    """Even steps up to ten, logarithmic beyond, with room at the right for names."""
    axes.set_xscale("symlog", linthresh=10)
    axes.set_yscale("symlog", linthresh=10)
    axes.set_xticks([0, 2, 5, 10, 20, 40, 80], minor=False)
    axes.set_yticks([0, 2, 5, 10, 20, 50, 100, 200], minor=False)
    axes.minorticks_off()
    for scale in (axes.xaxis, axes.yaxis):
        scale.set_major_formatter(lambda value, _: number(value))
    axes.set_xlim(-1.2, widest * 2)
    axes.set_ylim(bottom=-1.2)


def name_extremes(axes: "Axes", rows: Sequence[Row]) -> None:
    """Names beside the outermost dots; one that would cover another is left out."""
    taken: list[tuple[float, float]] = []
    for row in extremes(rows, 6):
        x, y = axes.transData.transform((row.imports, row.imported_by))
        if all(abs(x - other_x) > 90 or abs(y - other_y) > 12 for other_x, other_y in taken):
            taken.append((x, y))
            axes.annotate(
                row.module, (row.imports, row.imported_by), xytext=(6, -3), textcoords="offset points"
            )


def extremes(rows: Sequence[Row], count: int) -> list[Row]:
    """The modules at the two ends: most imported, and importing most."""
    most_used = sorted(rows, key=lambda row: (-row.imported_by, row.module))[:count]
    widest = sorted(rows, key=lambda row: (-row.imports, row.module))[:count]
    return list(dict.fromkeys([*most_used, *widest]))
