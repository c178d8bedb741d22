"""The small examples, as they stand: what they find is true, and each runs as a script."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import unicodedata
from contextlib import closing
from pathlib import Path

import async_aggregation
import etl_pipeline
import ml_pipeline
import parallel_run
import pytest

from penstock.tasks import AsyncExecutor, SequentialExecutor, ThreadedExecutor, WorkflowExecutionError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = [
    "parallel_run", "ml_pipeline", "etl_pipeline", "async_aggregation",
    "basic_example", "data_processing", "error_handling_example", "state_management_example",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_as_a_script(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_four_compressors_are_compared_with_data_left_as_it_is() -> None:
    ThreadedExecutor(max_workers=4).execute(parallel_run.flow)
    lines = parallel_run.flow.get_task_result("compare")
    assert sorted(line.split()[0] for line in lines) == ["bz2", "lzma", "zlib"]
    sizes = [parallel_run.flow.get_task_result(line.split()[0]).size for line in lines]
    assert sizes == sorted(sizes)
    assert sizes[-1] < parallel_run.flow.get_task_result("stored").size


def test_the_classifier_is_better_than_chance_on_files_it_has_not_seen() -> None:
    ThreadedExecutor(max_workers=3).execute(ml_pipeline.flow)
    found = ml_pipeline.flow.get_task_result("evaluate")
    assert found["right"] > found["by_chance"] + 0.2
    parts = ml_pipeline.flow.get_task_result("split")
    assert sum(map(len, parts.values())) == len(ml_pipeline.flow.get_task_result("load"))


def test_every_named_character_is_loaded_once(tmp_path: Path) -> None:
    out = tmp_path / "characters.db"
    for _ in range(2):  # a second load takes the place of the first
        SequentialExecutor().execute(etl_pipeline.flow, out=out)
    with closing(sqlite3.connect(out)) as database:
        rows = database.execute("SELECT code, name, kind FROM characters").fetchall()
    assert len(rows) == etl_pipeline.flow.get_task_result("load") > 20_000
    assert all(unicodedata.name(chr(code)).lower() == name for code, name, _ in rows)
    assert (0x41, "latin capital letter a", "letter") in rows
    assert [path.name for path in tmp_path.iterdir()] == ["characters.db"]


def test_a_table_that_is_not_what_was_loaded_is_refused(tmp_path: Path) -> None:
    etl_pipeline.load([(65, "latin capital letter a", "letter", "latin")], tmp_path / "one.db")
    with pytest.raises(ValueError, match="has 1 rows, 2 were loaded"):
        etl_pipeline.check(2, tmp_path / "one.db")


async def test_a_station_that_hangs_up_twice_is_asked_three_times() -> None:
    async with async_aggregation.station("east", 12.0, failures=2) as port:
        flow = async_aggregation.flow_for({"east": port})
        await AsyncExecutor().execute(flow)
    assert flow.latest is not None
    assert len(flow.latest.steps["ask_east"].attempts) == 3
    readings = flow.get_task_result("ask_east")
    assert flow.get_task_result("aggregate")["east"]["low"] == min(readings)


async def test_a_station_that_keeps_hanging_up_is_named() -> None:
    async with async_aggregation.station("east", 12.0, failures=3) as port:
        with pytest.raises(WorkflowExecutionError, match="hung up") as caught:
            await AsyncExecutor().execute(async_aggregation.flow_for({"east": port}))
    assert caught.value.failed_task == "ask_east"
