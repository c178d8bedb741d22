"""What all tests share: the closing lines, what tests told and the seconds by kind of test. A kind is a folder under tests/.

Examples that Hypothesis draws are the same in every run, and however slow a machine is; `--hypothesis-profile=searching` draws
others.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.register_profile("searching", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _no_engine_is_left_open() -> Iterator[None]:
    """Engines are opened once a process and kept; a test keeps none, and no executor, for whose end resources wait."""
    before = _executors_open()
    yield
    app = sys.modules.get("penstock.app")
    if app is not None:
        app.close_all()
    assert _executors_open() == before, "the test left an executor open"


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody attends to the engines of this process: other tests may have imported its collector, or what listens always."""
    from penstock.observe import attending, bus

    monkeypatch.setattr(bus, "_always", set())
    sinks = attending.attention._of_all
    for sink in sinks:
        attending.neglect(sink)
    yield
    for sink in sinks:
        attending.attend(sink)


def _executors_open() -> int:
    resources = sys.modules.get("penstock.context.resources")
    return 0 if resources is None else resources._holders


def kind_of(nodeid: str) -> str:
    """`tests/unit/test_ids.py::test_x` is of kind unit; a file straight under tests/ is a kind of its own."""
    path = PurePosixPath(nodeid.partition("::")[0])
    inner = path.parts[1:] if path.parts[:1] == ("tests",) else path.parts
    return inner[0] if len(inner) > 1 else path.stem.removeprefix("test_")


LONGEST_KINDS = ("simulation", "faults")
"""They go first, so that in the end no worker has much to do while the others have nothing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: kind_of(item.nodeid) not in LONGEST_KINDS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    every = (report for reports in terminalreporter.stats.values() for report in reports)
    reports = [report for report in every if isinstance(report, pytest.TestReport)]
    if reports:
        _print_told(terminalreporter, reports)
        _print_seconds(terminalreporter, reports)


def _print_told(terminalreporter: pytest.TerminalReporter, reports: list[pytest.TestReport]) -> None:
    """What tests recorded as the property `told`, a line each."""
    told = [
        text
        for report in reports
        if report.when == "call"
        for name, text in report.user_properties
        if name == "told"
    ]
    if told:
        terminalreporter.section("what tests told")
        for line in sorted(map(str, told)):
            terminalreporter.write_line(line)


def _print_seconds(terminalreporter: pytest.TerminalReporter, reports: list[pytest.TestReport]) -> None:
    """Set-up, call and tear-down count; with several workers the seconds are theirs together, not the clock's."""
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for report in reports:
        kind = kind_of(report.nodeid)
        seconds[kind] += report.duration
        tests[kind] += report.when == "setup"
    terminalreporter.section("seconds by kind")
    for kind, spent in seconds.most_common():
        terminalreporter.write_line(f"{kind:<14}{tests[kind]:>7} tests{spent:>9.1f} s")
    terminalreporter.write_line(f"{'all':<14}{tests.total():>7} tests{seconds.total():>9.1f} s")
