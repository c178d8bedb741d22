"""The example of processes, as it stands: what it finds is true, and it runs as a script and from the command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import simple_workflow

from penstock.processes import ProcessExecutionError

FILE = Path(__file__).resolve().parents[2] / "examples" / "simple_workflow.py"


def test_the_13th_falls_on_a_friday_more_often_than_on_any_other_day() -> None:
    workflow = simple_workflow.Thirteenths()
    asyncio.run(workflow.execute())
    lines = workflow.output["text"].value.splitlines()
    assert lines[0] == "Of 4800 days, with 97 leap years between them:"
    assert lines[1].split() == ["Friday", "688"]
    assert sum(int(line.split()[1]) for line in lines[1:]) == 4800


def test_years_that_are_none_are_refused() -> None:
    workflow = simple_workflow.Thirteenths()
    workflow.input["first_year"].value = 2500
    with pytest.raises(ProcessExecutionError, match="the years 2500 to 2400 are none"):
        asyncio.run(workflow.execute())


@pytest.mark.parametrize(
    "words", [[str(FILE)], ["-m", "penstock", "run", f"{FILE}:Thirteenths", "--last-year", "2002", "--quiet"]]
)
def test_it_runs_as_a_script_and_as_a_command(words: list[str], tmp_path: Path) -> None:
    (tmp_path / ".penstock").mkdir()
    command = [sys.executable, "-W", "error", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Friday" in done.stdout
