"""Makes `0001.db`: one completed, one failed and one killed run. Run once, when the file's form was released."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RUN = (
    "import penstock, workflows_0001 as w\nwith penstock.open({store!r}) as engine: engine.run(w.flow, {{}})"
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store.db"
        for kept in ("", "fail", "die"):
            subprocess.run(
                [sys.executable, "-c", RUN.format(store=store)],
                cwd=HERE,
                env={**os.environ, "KEPT": kept},
                check=False,
            )
        target = HERE / "0001.db"
        target.unlink(missing_ok=True)
        import penstock

        with penstock.open(store) as engine:
            engine.durable_store().backup(str(target))
        _forget_where(target)


def _forget_where(file: Path) -> None:
    """The file says nothing of the machine that made it."""
    connection = sqlite3.connect(file)
    for table, column in (("events", "body"), ("runs", "data")):
        connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, '/kept')", (str(HERE),))
    connection.commit()
    connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    main()
