"""The example, as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "what_if.py"


def said(tmp_path: Path, hash_seed: str) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PYTHONHASHSEED": hash_seed},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_workshop_needs_six_people_whatever_the_hash_seed(tmp_path: Path) -> None:
    first, second = said(tmp_path, "1"), said(tmp_path, "2")
    assert first == second
    people = [line.split()[0] for line in first.splitlines()[1:]]
    assert people == ["4", "5", "6"]
