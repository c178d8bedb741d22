import csv
import io
import re
from html.parser import HTMLParser

import pytest
from census_measure import measure_source
from census_report import csv_of, html_of
from census_totals import Census, census_of

SOURCES = {
    "pkg/__init__.py": '"""A <package>."""\nimport os\n',
    "pkg/work.py": "class Worker:\n    def run(self, a):\n        return 1 if a else 2\n",
    "bad.py": "def (:\n",
}


@pytest.fixture(scope="module")
def census() -> Census:
    return census_of([measure_source(path, text.encode()) for path, text in SOURCES.items()], python="3.x")


@pytest.fixture(scope="module")
def html(census: Census) -> str:
    return html_of(census)


class Tags(HTMLParser):
    """Collects open tags, ids and addresses; an end tag that closes nothing is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "wbr", "br"}:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def tags(html: str) -> Tags:
    found = Tags()
    found.feed(html)
    return found


def test_the_page_is_whole_and_its_ids_are_unique(tags: Tags) -> None:
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))


def test_the_page_asks_nothing_of_the_network(tags: Tags, html: str) -> None:
    assert all(address.startswith("#") for address in tags.addresses)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_every_figure_says_in_words_what_it_shows(html: str) -> None:
    assert html.count("<svg") == html.count('role="img" aria-label="') == 5


def test_names_are_shown_as_text(html: str) -> None:
    assert "Worker.<wbr>run" in html
    assert "<package>" not in html


def test_a_file_that_cannot_be_parsed_is_listed(html: str) -> None:
    assert "SyntaxError" in html


def test_the_same_census_gives_the_same_bytes(census: Census, html: str) -> None:
    assert html_of(census) == html


def test_a_census_of_nothing_is_still_a_page() -> None:
    assert "0 modules" in html_of(census_of([], python="3.x"))


def test_the_csv_has_a_row_a_module(census: Census) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of(census))))
    assert [row["module"] for row in rows] == ["bad", "pkg", "pkg.work"]
    assert rows[2]["highest_complexity"] == "2"
