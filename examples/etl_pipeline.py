"""The Unicode database that Python carries, as a table one can query: extract, transform, load.

    python examples/etl_pipeline.py

    extract ─> transform ─> load ─> check

writes `characters.db` with a row for each of nearly 30,000 named characters outside the large Asian scripts. The load is one
transaction into a new file that then takes the old one's place, so a task that is run again does no harm.
"""

import sqlite3
import sys
import unicodedata
from contextlib import closing
from pathlib import Path

from penstock.tasks import SequentialExecutor, Workflow, task

OUT = Path("characters.db")
UNNAMED_ONE_BY_ONE = (
    "CJK ",
    "HANGUL SYLLABLE ",
    "TANGUT ",
    "NUSHU ",
    "KHITAN ",
    "EGYPTIAN ",
    "ANATOLIAN ",
    "CUNEIFORM ",
)
KINDS = {"L": "letter", "M": "mark", "N": "number", "P": "punctuation", "S": "symbol", "Z": "space"}

Row = tuple[int, str, str, str]


@task
def extract() -> list[tuple[int, str]]:
    """(code point, name) of every character that has a name of its own."""
    named = ((code, unicodedata.name(chr(code), "")) for code in range(sys.maxunicode + 1))
    return [(code, name) for code, name in named if name and not name.startswith(UNNAMED_ONE_BY_ONE)]


@task
def transform(extract: list[tuple[int, str]]) -> list[Row]:
    """(code, character's name, its kind, the script that its name begins with)."""
    return [
        (code, name.lower(), KINDS.get(unicodedata.category(chr(code))[0], "other"), name.split()[0].lower())
        for code, name in extract
    ]


@task(retries=2, retry_delay=0.1, retry_on=sqlite3.OperationalError)
def load(transform: list[Row], out: Path = OUT) -> int:
    """Write the table; how many rows it has."""
    fresh = out.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh)) as database, database:
        database.execute(
            "CREATE TABLE characters (code INTEGER PRIMARY KEY, name TEXT, kind TEXT, script TEXT)"
        )
        database.executemany("INSERT INTO characters VALUES (?, ?, ?, ?)", transform)
        database.execute("CREATE INDEX by_script ON characters (script)")
    fresh.replace(out)
    return len(transform)


@task
def check(load: int, out: Path = OUT) -> list[tuple[str, int]]:
    """The scripts with most letters. Raises ValueError if the table is not what was loaded."""
    with closing(sqlite3.connect(out)) as database:
        (rows,) = database.execute("SELECT count(*) FROM characters").fetchone()
        if rows != load:
            raise ValueError(f"{out} has {rows} rows, {load} were loaded: was it written by somebody else?")
        query = "SELECT script, count(*) FROM characters WHERE kind = 'letter' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5"
        return database.execute(query).fetchall()


flow = Workflow("etl_pipeline")
flow.add_task(extract)
flow.add_task(transform, depends_on=["extract"])
flow.add_task(load, depends_on=["transform"])
flow.add_task(check, depends_on=["load"])

if __name__ == "__main__":
    SequentialExecutor().execute(flow)
    print(f"{flow.get_task_result('load'):,} characters in {OUT}; the scripts with most letters are")
    for script, letters in flow.get_task_result("check"):
        print(f"  {script:12} {letters:6,}")
