"""Debian packages that tests need: PENSTOCK_INSTALL_SERVICES=1 has them installed if the tests run as root beside apt.

Else, or where that fails, the test that needs one is skipped, with the reason.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

INSTALL_SECONDS = 600
"""What one command of apt may take."""

MAY_INSTALL = pytest.mark.timeout(4 * INSTALL_SECONDS)
"""Of tests that `need` a package: others may be installing, too."""

_PATIENCE = [
    f"-o{what}={number}"
    for what, number in (
        ("DPkg::Lock::Timeout", 120),
        ("Acquire::http::Timeout", 30),
        ("Acquire::https::Timeout", 30),
        ("Acquire::Retries", 1),
    )
]


def need(*packages: str, is_here: Callable[[], bool]) -> None:
    """Install packages if need be, or skip the test with the reason."""
    if is_here():
        return
    wanted = " ".join(packages)
    reason = f"not installed: apt-get install {wanted}, or PENSTOCK_INSTALL_SERVICES=1 as root"
    if os.environ.get("PENSTOCK_INSTALL_SERVICES") != "1" or os.geteuid() or not shutil.which("apt-get"):
        pytest.skip(reason)
    with (Path(tempfile.gettempdir()) / "penstock-services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process of those that run tests at once
        said = "" if is_here() else _install(packages)
    if not is_here():
        pytest.skip(f"{reason}; it was tried, and apt-get said: {said}")


def _install(packages: tuple[str, ...]) -> str:
    """What apt-get said last. What is known of packages may do; an old list is brought up to date first."""
    install = ["install", "-y", "--no-install-recommends", *packages]
    code, said = _apt(install)
    if code:
        _apt(["update"])
        code, said = _apt(install)
    return said


def _apt(command: list[str]) -> tuple[int, str]:
    """Its exit and its last words. It waits for other users of its lock."""
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"  # dpkg calls what lies there
    own = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", "PATH": path}
    try:
        done = subprocess.run(
            ["apt-get", "-q", *_PATIENCE, *command],
            env={**os.environ, **own},
            capture_output=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"nothing for {INSTALL_SECONDS} seconds"
    return done.returncode, " ".join(done.stderr.decode(errors="replace").splitlines()[-2:])
