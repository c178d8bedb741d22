"""The census as a page to read and a CSV to compute with."""

import csv
import io
from dataclasses import asdict, fields
from html import escape

import census_figures as figures
from census_totals import Census, Complex, Row, percentile
from report_page import bar, card, code, number, page, pair, percent, table, tiles

METHOD = (
    (
        "How it was counted. Every Python file of the running interpreter’s standard library was parsed and none "
        "was imported; installed packages and test folders were left out. A file that cannot be parsed is "
        "reported and counts its lines only."
    ),
    (
        "Complexity is McCabe’s number with each “and”, “or”, comprehension and “case” counted as a branch; "
        "nested functions count for themselves. Documented is the share of public modules, classes and "
        "functions that carry a docstring. An import counts once for each pair of modules, wherever it stands."
    ),
)


def html_of(census: Census) -> str:
    """The whole report, one self-contained file."""
    return page(
        title=f"What Python {census.python}’s standard library is made of",
        eyebrow="A census by Penstock",
        lead=lead(census),
        body=[
            summary(census),
            lengths(census),
            pair(sizes(census), docstrings(census)),
            complexity(census),
            pair(hubs(census), degrees(census)),
            unreadable(census),
        ],
        notes=METHOD,
    )


def csv_of(census: Census) -> str:
    """A row a module, in the order of their paths."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in census.rows)
    return text.getvalue()


def lead(census: Census) -> str:
    return (
        f"{number(len(census.rows))} modules were read and measured, one step each: "
        f"{number(census.total('lines'))} lines, of which {percent(share_of(census, 'code'))} are code, "
        f"{percent(share_of(census, 'docstrings'))} docstrings, "
        f"{percent(share_of(census, 'comments'))} comments and {percent(share_of(census, 'blank'))} blank."
    )


def share_of(census: Census, column: str) -> float:
    return census.total(column) / max(census.total("lines"), 1)


def summary(census: Census) -> str:
    worst = census.most_complex[0].complexity if census.most_complex else 0
    return tiles(
        [
            ("modules", number(len(census.rows)), ""),
            ("lines", number(census.total("lines")), ""),
            ("functions and methods", number(census.total("functions")), ""),
            ("classes", number(census.total("classes")), ""),
            ("median function", number(percentile(census.lengths, 50)), "lines"),
            ("highest complexity", number(worst), "paths"),
            ("public definitions documented", percent(census.overall.fraction), ""),
            ("files that could not be parsed", number(len(census.errors)), ""),
        ]
    )


def lengths(census: Census) -> str:
    over = sum(length > figures.LONGEST_SHOWN for length in census.lengths)
    longest = census.lengths[-1] if census.lengths else 0
    share = percent(over / max(len(census.lengths), 1), 1)
    return card(
        "Most functions fit on a screen",
        f"Functions by their length. Another {number(over)} ({share}) are longer than "
        f" {figures.LONGEST_SHOWN} lines; the longest has {number(longest)}.",
        figures.length_histogram(census.lengths),
    )


def sizes(census: Census) -> str:
    return card(
        "The biggest modules",
        f"Lines by kind, in the fifteen longest files that define anything. {data_only(census)}",
        figures.biggest_modules(census.rows),
    )


def data_only(census: Census) -> str:
    longest = max((row for row in census.rows if not row.defines), key=lambda row: row.lines, default=None)
    return (
        f"The longest that only holds data is {longest.module}: {number(longest.lines)}." if longest else ""
    )


def docstrings(census: Census) -> str:
    return card(
        "Where the docstrings are",
        f"Documented share of public definitions, in packages with {figures.FEWEST_DEFINITIONS} or more.",
        figures.docstring_shares(census.shares, census.overall),
    )


def complexity(census: Census) -> str:
    largest = census.most_complex[0].complexity if census.most_complex else 0
    header = ["", "Function", "Module", "Line", "Lines", "Complexity", ""]
    rows = (complex_row(rank, one, largest) for rank, one in enumerate(census.most_complex, 1))
    return card(
        f"The {len(census.most_complex)} most complex functions",
        "Complexity counts the independent paths through a function; above ten, most style guides ask for less.",
        table(header, rows, numbers=(0, 3, 4, 5)),
    )


def complex_row(rank: int, one: Complex, largest: int) -> list[str]:
    return [
        str(rank),
        code(one.function),
        code(one.module),
        str(one.line),
        str(one.length),
        str(one.complexity),
        bar(one.complexity, largest),
    ]


def hubs(census: Census) -> str:
    return card(
        "What everything rests on",
        "How many modules import each. Pale bars have no Python file of their own: they are written in C.",
        figures.most_imported(census.hubs),
    )


def degrees(census: Census) -> str:
    return card(
        "Foundations and consumers",
        "Every module once: foundations stand high, consumers to the right. A larger dot is more modules.",
        figures.import_degrees(census.rows),
    )


def unreadable(census: Census) -> str:
    if not census.errors:
        return ""
    rows = ([code(row.path), escape(row.error)] for row in census.errors)
    return card(
        "Files that could not be parsed",
        "Reported, and otherwise left out of the count.",
        table(["File", "Error"], rows),
    )
