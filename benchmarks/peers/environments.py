"""An environment for each engine, made with uv from its pinned requirements, in .bench/NAME; made again when they change."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.plan import KEPT, ROOT, Contender

INSTALL_SECONDS = 900
STAMP = "installed-from"
OWN_UV = (ROOT / ".tools" / "uv" / "bin" / "uv", ROOT / ".tools" / "uv")
# uv reads pip's index settings under names of its own.
AS_UV_READS_IT = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}


class Unavailable(Exception):
    """An engine cannot be measured here; the message says why."""


def python_of(contender: Contender) -> Path:
    """The Python of an environment that holds the contender; made if need be."""
    folder = KEPT / contender.environment
    python = folder / "bin" / "python"
    stamp = folder / STAMP
    wanted = digest(contender.requirements)
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        make(folder, contender.requirements)
        stamp.write_text(wanted)
    return python


def digest(requirements: Path) -> str:
    """Changes with whatever would be installed: the requirements, this Python, the tree's own metadata."""
    parts = [requirements.read_bytes(), sys.version.encode()]
    if "-e ." in requirements.read_text():
        parts += [path.read_bytes() for path in [ROOT / "pyproject.toml"] if path.exists()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make(folder: Path, requirements: Path) -> None:
    print(f"installing into {folder.relative_to(ROOT)}", flush=True)
    prepare_folder()
    shutil.rmtree(folder, ignore_errors=True)
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    python = str(folder / "bin" / "python")
    # Compiled now, so that no measured process pays for it.
    uv("pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(requirements))


def prepare_folder() -> None:
    """The folder hides itself from git."""
    KEPT.mkdir(exist_ok=True)
    (KEPT / ".gitignore").write_text("*\n")


def uv(*arguments: str) -> None:
    try:
        done = subprocess.run(
            [find_uv(), *arguments],
            cwd=ROOT,
            env=installing(),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"uv {arguments[0]} took longer than {INSTALL_SECONDS} s") from error
    if done.returncode:
        raise Unavailable(f"uv {arguments[0]} failed: {done.stderr.strip()[-300:]}".replace(f"{ROOT}/", ""))


def find_uv() -> str:
    for candidate in [shutil.which("uv"), *map(str, OWN_UV)]:
        if candidate and os.access(candidate, os.X_OK) and Path(candidate).is_file():
            return candidate
    raise Unavailable("there is no uv on PATH nor in .tools/uv: install it, or run make")


def installing() -> dict[str, str]:
    """This environment, with pip's settings where uv sees them; uv's own come first."""
    settings = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for pip, own in AS_UV_READS_IT.items():
        if pip in os.environ:
            separator = "," if own == "UV_FIND_LINKS" else " "
            settings.setdefault(own, separator.join(os.environ[pip].split()))
    for name in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH"):
        settings.pop(name, None)
    return settings
