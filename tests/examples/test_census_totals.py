import random

import pytest
from census_measure import Module, measure_source
from census_totals import SINGLE, Census, census_of, percentile

FILES = {
    "app.py": "import tools.files\nfrom tools import main, files\nimport _fast\n",
    "tools/__init__.py": '"""Tools."""\nfrom .main import main\n',
    "tools/main.py": "def main():\n    if 1: pass\n",
    "tools/files.py": "import sys\nimport tools.files\ndef a():\n    pass\n",
    "wrong.py": "def (:\n",
}


def modules() -> list[Module]:
    return [measure_source(path, source.encode()) for path, source in FILES.items()]


@pytest.fixture
def census() -> Census:
    return census_of(modules(), python="3.x")


def test_the_order_in_which_records_arrive_does_not_matter(census: Census) -> None:
    shuffled = modules()
    random.Random(1).shuffle(shuffled)
    assert census_of(shuffled, python="3.x") == census


def test_there_is_a_row_for_every_file_in_the_order_of_paths(census: Census) -> None:
    assert [row.path for row in census.rows] == sorted(FILES)


def test_the_import_graph_counts_modules_and_not_statements_or_names(census: Census) -> None:
    degrees = {row.module: (row.imports, row.imported_by) for row in census.rows}
    assert degrees == {
        "app": (3, 0),
        "tools": (1, 1),
        "tools.main": (0, 1),
        "tools.files": (1, 1),
        "wrong": (0, 0),
    }


def test_a_module_without_a_file_is_a_hub_known_by_its_root(census: Census) -> None:
    assert {hub.module: hub.has_source for hub in census.hubs} == {
        "_fast": False,
        "sys": False,
        "tools": True,
        "tools.files": True,
        "tools.main": True,
    }


def test_the_most_complex_function_comes_first(census: Census) -> None:
    assert [(one.function, one.complexity) for one in census.most_complex] == [("main", 2), ("a", 1)]


def test_docstring_shares_are_by_package_the_best_first(census: Census) -> None:
    assert [(share.package, share.documented, share.definitions) for share in census.shares] == [
        ("tools", 1, 5),
        (SINGLE, 0, 1),
    ]
    assert census.overall.fraction == pytest.approx(1 / 6)


def test_a_file_that_cannot_be_parsed_is_an_error_and_a_row(census: Census) -> None:
    assert [row.module for row in census.errors] == ["wrong"]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, 0), ([4], 90, 4), ([1, 2, 9], 50, 2), (list(range(101)), 90, 90)],
)
def test_a_percentile_of_few_values_is_defined(values: list[int], percent: int, expected: int) -> None:
    assert percentile(values, percent) == expected
