"""Durations, columns and widths, as people read them."""

from __future__ import annotations

import pytest

from penstock.cli.ink import Ink
from penstock.cli.text import age, clip, columns, cut, duration, plural, width


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 ms"),
        (0.0084, "8 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (184.0, "3 min 04 s"),
        (3599.6, "1 h 00 min"),
        (7500.0, "2 h 05 min"),
        (500_000.0, "5 days"),
        (-1.0, "0 ms"),
    ],
)
def test_a_duration_has_the_two_units_that_matter(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (90_000, "1 day ago"), (200_000, "2 days ago")],
)
def test_an_age_is_rough(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


def test_counts_have_their_nouns() -> None:
    assert (plural(1, "step"), plural(2, "step"), plural(12_345, "item")) == (
        "1 step",
        "2 steps",
        "12,345 items",
    )


def test_styles_take_no_width_and_wide_characters_take_two() -> None:
    assert width(Ink(colour=True)("abc", "good")) == 3
    assert width("日本") == 4


def test_columns_are_aligned_whatever_is_in_them() -> None:
    ink = Ink(colour=True)
    lines = columns([["a", ink("1", "good")], ["日本", "20"]], right=[1])
    assert [width(line) for line in lines] == [8, 8]
    assert lines[0].startswith("a     ")


def test_long_text_is_clipped_in_one_line() -> None:
    assert clip("one\ntwo", 20) == "one two"
    assert clip("abcdef", 4) == "abc…"
    assert width(clip("日本語です", 6)) <= 6


def test_styled_text_is_cut_without_losing_the_end_of_its_style() -> None:
    styled = f"ab {Ink(colour=True)('cdefgh', 'bad')} ij"
    assert cut(styled, 40) == styled
    short = cut(styled, 6)
    assert width(short) == 6
    assert short.endswith("\x1b[0m")
    assert cut("abcdefgh", 5) == "abcd…"
