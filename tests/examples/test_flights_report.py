import pytest
from flights_report import html_of, refusal_of
from flights_tables import DIMENSIONS, Check, Month, Quality, Tally

GOOD = Quality([Check("Months covered", 1.0, 1.0)])
BAD = Quality([Check("Months covered", 1.0, 1.0), Check("Plane found", 0.844, 0.95)])


def month(number: int) -> Month:
    by = {dimension: [Tally(f"<{dimension}>", 100, 4, 24, 960.0)] for dimension in DIMENSIONS}
    return Month(number, {**by, "hour": [Tally("5", 90, 0, 9, 90.0), Tally("21", 10, 4, 3, 600.0)]})


@pytest.fixture(scope="module")
def html() -> str:
    return html_of([month(2), month(1)], GOOD)


def test_the_lead_says_how_much_was_late_and_when_most(html: str) -> None:
    assert "25\u202f% left more than 15 minutes late and 4.0\u202f% did not leave" in html
    assert "at 21 o’clock it is 50\u202f%" in html


def test_names_from_the_data_are_shown_as_text(html: str) -> None:
    assert "&lt;destination&gt;" in html
    assert not any(f"<{dimension}>" in html for dimension in DIMENSIONS)


def test_every_figure_says_in_words_what_it_shows(html: str) -> None:
    assert html.count('role="img" aria-label="') == 3


def test_the_same_months_give_the_same_bytes(html: str) -> None:
    assert html_of([month(1), month(2)], GOOD) == html


def test_a_refusal_names_what_failed_and_shows_no_counts() -> None:
    html = refusal_of(BAD)
    assert "did not pass: plane found" in html
    assert html.count("failed</span>") == 1
    assert "<svg" not in html
