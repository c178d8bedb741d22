"""The units and cron lines of the guides work as they stand: systemd finds nothing wrong with them, and what they start runs.

They are run by `sh` in an empty environment, as cron does, in a copy of the folder they name.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.cli.commands import COMMANDS

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operating.md"
DEPLOYED = "/srv/flows"
UNIT = re.compile(r"```ini\n# (\S+\.(?:service|timer))\n(.*?)```", re.DOTALL)
CRONTAB = re.compile(r"```text\n# crontab\n(.*?)```", re.DOTALL)
FILE = re.compile(r"```python\n# (nightly\.py)\n(.*?)```", re.DOTALL)
CRON_LINE = re.compile(r"(?P<when>\S+ \S+ \S+ \S+ \S+)\s+(?P<command>.+)")
CRON_FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")

TEXT = GUIDE.read_text(encoding="utf-8")
UNITS = dict(UNIT.findall(TEXT))
CRON_LINES = [line for line in CRONTAB.findall(TEXT)[0].splitlines() if CRON_LINE.fullmatch(line)]


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The folder of the guide: an environment with our command, the workflow, its input and a store."""
    folder = tmp_path / "flows"
    program = folder / ".venv" / "bin" / "penstock"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m penstock "$@"\n')
    program.chmod(0o755)
    (folder / ".penstock").mkdir()
    for name, code in FILE.findall(TEXT):
        (folder / name).write_text(code, encoding="utf-8")
    (folder / "inbox.txt").write_text("1 2 3")
    return folder


def in_folder(text: str, folder: Path) -> str:
    return text.replace(DEPLOYED, str(folder))


def unit(name: str, folder: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(in_folder(UNITS[name], folder))
    return parsed


def in_empty_environment(command: str, folder: Path, *given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["env", "-i", *given, "sh", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def runs_in(folder: Path) -> list[str]:
    listed = in_empty_environment(".venv/bin/penstock runs", folder)
    return [line.split()[2] + " " + line.split()[3] for line in listed.stdout.splitlines()[1:]]


def test_the_guide_has_units_and_cron_lines() -> None:
    assert set(UNITS) == {"penstock-nightly.service", "penstock-nightly.timer", "penstock-failed@.service"}
    assert len(CRON_LINES) == 2


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong(deployed: Path, tmp_path: Path) -> None:
    for name, text in UNITS.items():
        (tmp_path / name).write_text(in_folder(text, deployed))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = [line for line in checked.stderr.splitlines() if str(tmp_path) in line or "penstock" in line]
    assert (checked.returncode, said) == (0, [])


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_service_starts_a_command_that_exists(name: str, deployed: Path) -> None:
    service = unit(name, deployed)["Service"]
    words = service["ExecStart"].replace("'", " ").split()
    command = words[words.index(f"{deployed}/.venv/bin/penstock") + 1]
    assert command in COMMANDS
    assert service["WorkingDirectory"] == str(deployed)


def test_the_service_starts_a_run_and_its_second_start_finds_it(deployed: Path) -> None:
    service = unit("penstock-nightly.service", deployed)["Service"]
    command = service["ExecStart"].replace("%%", "%")
    for _ in range(2):
        done = in_empty_environment(f"exec {command}", deployed, service["Environment"])
        assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert runs_in(deployed) == ["nightly completed"]


def test_the_timer_starts_the_service_that_is_there() -> None:
    timer = unit("penstock-nightly.timer", Path(DEPLOYED))
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert "OnCalendar" in timer["Timer"]


@pytest.mark.parametrize("line", CRON_LINES)
def test_a_cron_line_starts_a_run(line: str, deployed: Path) -> None:
    found = CRON_LINE.fullmatch(line)
    assert found is not None
    assert all(CRON_FIELD.fullmatch(field) for field in found["when"].split())
    assert not re.search(r"(?<!\\)%", found["command"]), "cron takes a bare % for a new line"
    command = in_folder(found["command"], deployed).replace("\\%", "%")
    done = in_empty_environment(command, deployed, f"HOME={deployed}", "SHELL=/bin/sh", "PATH=/usr/bin:/bin")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (deployed / "nightly.log").read_text() == "6\n"
    assert runs_in(deployed) == ["nightly completed"]
