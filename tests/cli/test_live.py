"""On a terminal: steps are drawn while they run, the drawing is taken away at the end, and what stays is readable."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.waiting import LIMIT_SECONDS, open_gates, until


class Terminal:
    """A command on a terminal of its own, 80 columns wide, and all that was written to it."""

    def __init__(self, *arguments: str, python: tuple[str, ...] = ("-m", "penstock")) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        self.process = subprocess.Popen(
            [sys.executable, *python, *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.master = master
        self.written = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other end was closed
                return
            if not data:
                return
            self.written += data.decode()

    def shows(self, text: str) -> None:
        """Wait until this was written."""
        until(lambda: re.search(text, plain(self.written)) is not None, f"{text!r} on the terminal")

    def ended(self) -> int:
        code = self.process.wait(timeout=LIMIT_SECONDS)
        self._reader.join(timeout=LIMIT_SECONDS)
        return code


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", text).replace("\r", "")


@pytest.fixture
def terminals(folder: Path) -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.process.kill()
        each.process.wait()
        os.close(each.master)


def test_running_steps_are_drawn_and_the_drawing_is_taken_away(
    terminals: list[Terminal], folder: Path
) -> None:
    terminal = Terminal("run", "gated.py")
    terminals.append(terminal)
    terminal.shows(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] first")
    terminal.shows(r"0 of 3 steps")
    open_gates(folder, "first")
    terminal.shows(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] second")
    open_gates(folder, "second", "third")
    assert terminal.ended() == 0
    assert "\x1b[?25l" in terminal.written, "the cursor is hidden while it is drawn"
    last = terminal.written.rpartition("\x1b[J")[2]
    assert "\x1b[?25h" in terminal.written.rpartition("\x1b[?25l")[2], "and shown again"
    assert [line.split()[:2] for line in plain(last).splitlines() if "✓" in line] == [
        ["✓", "first"],
        ["✓", "second"],
        ["✓", "third"],
        ["✓", "completed"],
    ]


def test_ctrl_c_on_a_terminal_says_how_to_go_on(terminals: list[Terminal], folder: Path) -> None:
    terminal = Terminal("run", "gated.py")
    terminals.append(terminal)
    terminal.shows(r"Ctrl-C leaves it")
    os.killpg(terminal.process.pid, 2)
    assert terminal.ended() == 130
    assert re.search(r"go on   penstock resume [0-9a-f]{8}\n", plain(terminal.written))
    assert "Traceback" not in terminal.written


def test_what_is_printed_meanwhile_stays_above_the_drawing(terminals: list[Terminal], folder: Path) -> None:
    (folder / "warns.py").write_text(
        (folder / "gated.py")
        .read_text()
        .replace(
            "async def pass_gate(name: str) -> str:",
            "async def pass_gate(name: str) -> str:\n    print('at gate', name)",
        )
    )
    terminal = Terminal("run", "warns.py", "-v")
    terminals.append(terminal)
    open_gates(folder, "first", "second", "third")
    assert terminal.ended() == 0
    assert "  second | at gate second\n" in plain(terminal.written)


def test_a_paused_run_says_how_to_go_on(terminals: list[Terminal], folder: Path) -> None:
    terminal = Terminal("run", "gated.py")
    terminals.append(terminal)
    terminal.shows(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] first")
    subprocess.run([sys.executable, "-m", "penstock", "pause", "latest"], check=True, capture_output=True)
    terminal.shows(r"paused; go on: penstock resume [0-9a-f]{8}")
    open_gates(folder, "first", "second", "third")
    subprocess.run([sys.executable, "-m", "penstock", "resume", "latest"], check=True, capture_output=True)
    assert terminal.ended() == 0


def test_a_run_that_ends_at_once_is_never_drawn(terminals: list[Terminal]) -> None:
    patient = "from penstock.cli import live, main; live.FIRST_SECONDS = 60.0; main()"
    terminal = Terminal("run", "greetings.py", python=("-c", patient))
    terminals.append(terminal)
    assert terminal.ended() == 0
    assert "\x1b[?25l" not in terminal.written
    assert "✓ completed" in plain(terminal.written)
