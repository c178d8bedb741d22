"""Both examples as a user runs them: whole workflows, on few modules and few flights."""

import csv
from collections import Counter
from pathlib import Path

import census
import flights_etl
import pytest

import penstock
from penstock import RunFailed
from penstock.model.events import StepStarted


def test_the_census_leaves_a_page_and_a_row_for_every_module(tmp_path: Path) -> None:
    page = census.flow.using(store="ephemeral").run(limit=12, out=tmp_path)
    assert page == tmp_path / "census.html"
    assert "12 modules were read and measured" in page.read_text(encoding="utf-8")
    with (tmp_path / "census.csv").open(encoding="utf-8", newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == census.find_modules(limit=12)


def test_a_census_that_could_not_be_written_is_resumed_from_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    url = f"sqlite:///{tmp_path}/census.db"
    with penstock.open(url) as engine, pytest.raises(RunFailed, match="FileExistsError"):
        census.flow.using(store=engine).run(limit=3, out=tmp_path / "out")
    (tmp_path / "out").unlink()
    with penstock.open(url) as engine:
        run = engine.resume(engine.get("latest").id, census.flow, wait=True)
        assert "3 modules were read" in run.result().read_text(encoding="utf-8")
        started = Counter(event.step for _, _, event in run.events() if isinstance(event, StepStarted))
    assert started == {"find_modules": 1, "measure": 3, "join": 1, "report": 2}


def test_the_flights_are_counted_when_they_can_be_trusted(tmp_path: Path) -> None:
    result = flights_etl.flow.using(store="ephemeral").run(rows=3000, out=tmp_path)
    assert result == {"report": tmp_path / "flights.html"}
    assert "Of 3\u202f000 flights in 2013" in result["report"].read_text(encoding="utf-8")
    assert len(list((tmp_path / "flights").glob("2013-*.csv"))) == 12
    with (tmp_path / "delays.csv").open(encoding="utf-8", newline="") as file:
        by_month = [int(row["flights"]) for row in csv.DictReader(file) if row["dimension"] == "month"]
    assert (len(by_month), sum(by_month)) == (12, 3000)


def test_flights_that_cannot_be_trusted_are_refused_and_not_counted(tmp_path: Path) -> None:
    result = flights_etl.flow.using(store="ephemeral").run(rows=3000, out=tmp_path, known_planes=0.99)
    assert result == {"refuse": tmp_path / "refused.html"}
    assert flights_etl.flow.get_task("count").status == "skipped"
    assert not (tmp_path / "flights.html").exists()
    assert not (tmp_path / "delays.csv").exists()
