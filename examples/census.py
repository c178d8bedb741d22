"""A census of the running Python's own standard library: a real job on real input.

    python examples/census.py

finds some 700 files, measures each in a pool of processes, adds up, and writes `census.html` and `census.csv` into
`penstock-demo/`. Every file is a step whose result is kept: kill the run half way, and `penstock resume latest`
measures only those that were not yet measured.
"""

import platform
import sysconfig
from pathlib import Path

from census_measure import Module, measure_source, source_files
from census_report import csv_of, html_of
from census_totals import Census, census_of
from report_page import write_whole

from penstock import Workflow, task

LIBRARY = Path(sysconfig.get_path("stdlib"))


@task
def find_modules(limit: int = 0) -> list[str]:
    """The library's files, or the first `limit` of them, named from its folder: the same on every machine."""
    paths = source_files(LIBRARY)
    if not paths:
        raise FileNotFoundError(f"no Python files in {LIBRARY}: this Python keeps its library elsewhere")
    return paths[:limit] if limit else paths


@task(executor="processes", retries=1)
def measure(path: str) -> Module:
    return measure_source(path, (LIBRARY / path).read_bytes())


@task
def join(measure: list[Module]) -> Census:
    return census_of(measure, python=platform.python_version())


@task
def report(join: Census, out: Path = Path("penstock-demo")) -> Path:
    """Write the page and the CSV; the page is what the run gives."""
    write_whole(out / "census.csv", csv_of(join))
    write_whole(out / "census.html", html_of(join))
    return out / "census.html"


flow = Workflow("census")
flow.add_task(find_modules)
flow.add_task(measure.map(path="find_modules"))
flow.add_task(join, depends_on=["measure"])
flow.add_task(report, depends_on=["join"])

if __name__ == "__main__":
    print(flow.run())
