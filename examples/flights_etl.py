"""An ETL over the 336,776 flights that left New York in 2013, each month on its own.

    pip install 'penstock[examples]'
    python examples/flights_etl.py

    extract ─> clean (12) ─> enrich (12) ─> check ─┬─> count (12) ─> report      if the data can be trusted
                                                   └─> refuse                    if not

writes `flights.html`, `delays.csv` and the enriched flights by month into `penstock-flights/`. Between steps pass only
records of some hundred bytes that name a month's file. A frame could pass too (Penstock has a codec for it), but then
the store would keep four copies of the year. A file is replaced whole, so a step that is run again does no harm.
"""

from pathlib import Path

import pandas as pd
from flights_report import html_of, refusal_of
from flights_tables import (
    FLIGHT_COLUMNS,
    TALLY_COLUMNS,
    YEAR,
    Month,
    Part,
    Quality,
    cleaned,
    delays_table,
    joined,
    month_of,
    package_reference,
    package_table,
    quality_of,
    sampled,
    with_cleaned,
    with_joined,
    year_of,
)
from report_page import write_whole

from penstock import Workflow, task

OUT = Path("penstock-flights")


@task
def extract(rows: int = 0, out: Path = OUT) -> list[Part]:
    """A file for each month; of `rows` flights spread over the year, or of all."""
    flights = sampled(package_table("flights", FLIGHT_COLUMNS), rows)
    return [
        Part(int(str(month)), write(frame, out / "raw" / f"{YEAR}-{month:02}.csv"), len(frame))
        for month, frame in flights.groupby("month")
    ]


@task(executor="processes", retries=1)
def clean(part: Part) -> Part:
    frame = cleaned(pd.read_csv(part.path))
    return with_cleaned(part, frame, write(frame, beside(part, "clean")))


@task(executor="processes", retries=1)
def enrich(part: Part) -> Part:
    frame = joined(pd.read_csv(part.path), package_reference())
    return with_joined(part, frame, write(frame, beside(part, "flights")))


@task
def check(enrich: list[Part], known_planes: float = 0.8) -> Quality:
    """`known_planes` is the smallest share of flights whose plane must be known: 0.9 is more than there is."""
    return quality_of(enrich, known_planes=known_planes)


@task(executor="processes", retries=1)
def count(part: Part) -> Month:
    return month_of(pd.read_csv(part.path, usecols=TALLY_COLUMNS), part.month)


@task
def report(count: list[Month], check: Quality, out: Path = OUT) -> Path:
    write(delays_table(year_of(count)), out / "delays.csv")
    write_whole(out / "flights.html", html_of(count, check))
    return out / "flights.html"


@task
def refuse(check: Quality, out: Path = OUT) -> Path:
    """Say what did not pass; nothing is counted."""
    write_whole(out / "refused.html", refusal_of(check))
    return out / "refused.html"


def beside(part: Part, folder: str) -> Path:
    """The month's file in another folder of the same output."""
    path = Path(part.path)
    return path.parents[1] / folder / path.name


def write(frame: pd.DataFrame, path: Path) -> str:
    write_whole(path, frame.to_csv(index=False, lineterminator="\n"))
    return str(path)


def trusted(check: Quality) -> bool:
    return check.passed


def refused(check: Quality) -> bool:
    return not check.passed


flow = Workflow("flights_etl")
flow.add_task(extract)
flow.add_task(clean.map(part="extract"))
flow.add_task(enrich.map(part="clean"))
flow.add_task(check, depends_on=["enrich"])
flow.add_task(count.map(part="enrich"), depends_on=["check"], when=trusted)
flow.add_task(report, depends_on=["count", "check"])
flow.add_task(refuse, depends_on=["check"], when=refused)

if __name__ == "__main__":
    print(*flow.run().values())
