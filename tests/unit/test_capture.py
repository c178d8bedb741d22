"""What a step prints and logs is kept with its attempt, and nobody else notices."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from penstock.context import Context, capture, invoke
from penstock.context.capture import LIMIT, Lines
from penstock.ports import Job


def written(fn: Callable[[], Any], **options: Any) -> list[tuple[str, str]] | None:
    """What a step wrote: (stream, text)."""
    context = Context("r", "w", "s")
    capture.install(clock=lambda: 1.0, **options)
    try:
        outcome = invoke(Job("t", fn, (), {}, context))
    finally:
        capture.uninstall()
    assert outcome.failure is None, outcome.failure.traceback
    return None if context.lines is None else [(stream, text) for _, stream, text in context.lines]


def test_lines_are_kept_and_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(lambda: print("one\ntwo")) == [("stdout", "one"), ("stdout", "two")]
    assert capsys.readouterr().out == "one\ntwo\n"


def test_without_echo_nothing_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(lambda: print("quiet"), echo=False) == [("stdout", "quiet")]
    print("outside")
    assert capsys.readouterr().out == "outside\n"


def test_a_line_is_stamped_when_it_began() -> None:
    lines = Lines()
    lines.write(1.0, "stdout", "begun ")
    lines.write(2.0, "stderr", "between\n")
    lines.write(3.0, "stdout", "ended\n")
    assert lines == [(2.0, "stderr", "between"), (1.0, "stdout", "begun ended")]


def test_a_line_without_an_end_is_kept_at_the_end_of_the_step() -> None:
    assert written(lambda: print("no end", end="")) == [("stdout", "no end")]


def test_writing_character_by_character_is_quick() -> None:
    lines = Lines()
    for _ in range(200_000):
        lines.write(1.0, "stdout", "x")
    lines.finish()
    assert lines == [(1.0, "stdout", "x" * 200_000)]


def test_progress_bars_leave_what_they_showed_last_and_use_no_room() -> None:
    lines = Lines()
    for percent in range(101):
        lines.write(1.0, "stderr", f"\r{percent}%" + "." * 50_000)
    lines.write(1.0, "stderr", "\rdone\n")
    lines.write(1.0, "stdout", "windows\r\n")
    assert [text for *_, text in lines] == ["done", "windows"]


def test_output_is_cut_once_at_the_limit() -> None:
    lines = Lines()
    for _ in range(4):
        lines.write(1.0, "stdout", "x" * (LIMIT // 2) + "\n")
    lines.add(1.0, "log", "late")
    lines.finish()
    assert [len(text) for _, stream, text in lines if stream == "stdout" and text] == [
        LIMIT // 2,
        LIMIT // 2 - 1,
    ]
    assert [text for _, stream, text in lines if stream == "log"] == [
        "output cut here: an attempt keeps its first 1,000,000 characters"
    ]


def test_lines_can_be_taken_while_the_step_goes_on() -> None:
    lines = Lines()
    lines.write(1.0, "stdout", "one\ntw")
    assert lines.take() == [(1.0, "stdout", "one")]
    lines.write(2.0, "stdout", "o\n")
    assert lines.take() == [(1.0, "stdout", "two")]


def test_who_captures_can_be_told_of_each_writing() -> None:
    told: list[Context] = []
    written(lambda: sys.stdout.write("x\n"), wrote=told.append)
    assert [context.step for context in told] == ["s"]


# ── logging ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_record_keeps_level_and_logger_and_respects_levels() -> None:
    def step() -> None:
        log = logging.getLogger("mine")
        log.warning("kept %d", 1)
        log.debug("not kept")

    assert written(step) == [("log", "WARNING mine: kept 1")]


def test_a_record_keeps_its_traceback() -> None:
    def step() -> None:
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("mine").exception("failed")

    [(_, text)] = written(step) or []
    assert text.startswith("ERROR mine: failed\nTraceback")
    assert text.endswith("ValueError: why")


def test_a_record_that_cannot_be_rendered_fails_nobody() -> None:
    logger = logging.Logger("mine")  # without handlers of pytest's, which would raise
    lastly, logging.lastResort = logging.lastResort, None
    try:
        [(_, text)] = written(lambda: logger.warning("%d", "no number")) or []
    finally:
        logging.lastResort = lastly
    assert text.startswith("WARNING mine: '%d' (")


def test_what_a_handler_prints_is_not_kept_twice() -> None:
    logger = logging.Logger("mine")
    logger.addHandler(logging.StreamHandler())  # to the captured stderr
    assert written(lambda: logger.warning("once")) == [("log", "WARNING mine: once")]


def test_basic_config_still_works_and_the_last_resort_still_speaks() -> None:
    code = (
        "import logging, time\n"
        "from penstock.context import capture\n"
        "capture.install(clock=time.time)\n"
        "logging.warning('last resort')\n"
        "logging.root.handlers.clear()\n"
        "logging.getLogger('x').warning('plain')\n"
        "logging.basicConfig(format='configured %(message)s')\n"
        "logging.getLogger('x').warning('now')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert ended.stderr.splitlines()[1:] == ["plain", "configured now"]


def test_logging_imported_after_installing_is_captured() -> None:
    code = (
        "import sys\n"
        "from penstock.context import Context, capture\n"
        "capture.install(clock=lambda: 1.0, echo=False)\n"
        "assert 'logging' not in sys.modules\n"
        "from penstock.context import invoke\n"
        "from penstock.ports import Job\n"
        "context = Context('r', 'w', 's')\n"
        "invoke(Job(1, lambda: context.log.info('hello'), (), {}, context))\n"
        "print(context.lines)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert ended.stdout == "[(1.0, 'log', 'INFO penstock.step: hello')]\n"


# ── the streams ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_proxy_is_in_all_else_the_stream_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    capture.install(clock=lambda: 1.0)
    try:
        assert sys.stdout.encoding == "latin-1"
        assert sys.stdout.isatty() is False
        assert sys.stdout.buffer is stream.buffer
        sys.stdout.writelines(["a", "b"])
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.stdout.flush()
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
    finally:
        capture.uninstall()
    assert stream.buffer.getvalue() == b"ab"


def test_installing_twice_wraps_once_and_wants_uninstalling_twice() -> None:
    before = sys.stdout
    capture.install(clock=lambda: 1.0)
    once = sys.stdout
    capture.install(clock=lambda: 1.0)
    assert sys.stdout is once
    capture.uninstall()
    assert sys.stdout is once
    capture.uninstall()
    assert sys.stdout is before


def test_streams_swapped_meanwhile_are_captured_by_the_next_run_and_left_as_they_are() -> None:
    before = sys.stdout
    capture.install(clock=lambda: 1.0)
    proxy = sys.stdout
    sys.stdout = swapped = io.StringIO()
    assert written(lambda: print("swapped")) == [("stdout", "swapped")]
    sys.stdout = proxy  # who swapped puts back what was there
    capture.uninstall()
    assert sys.stdout is before
    assert swapped.getvalue() == "swapped\n"


def test_a_proxy_that_somebody_kept_passes_everything_on() -> None:
    capture.install(clock=lambda: 1.0)
    kept = sys.stdout
    capture.uninstall()
    context = Context("r", "w", "s")
    assert invoke(Job("t", kept.write, ("x",), {}, context)).value == 1
    assert context.lines is None


def test_a_process_without_streams_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    capture.install(clock=lambda: 1.0)
    capture.uninstall()
    assert sys.stdout is None
