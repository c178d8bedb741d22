"""A real run becomes a pytest file; pytest runs it in a process of its own, before and after the workflow changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock import Workflow
from penstock import open as open_engine
from penstock.cli.commands import penstock
from penstock.errors import CommandRefused
from penstock.testing import record

SHOP = """
import time
from dataclasses import dataclass

from penstock import Workflow, context, task


@dataclass
class Order:
    number: int
    weights: tuple


@task
def fetch(order: int) -> Order:
    return Order(order, (1.5, 2.5))


@task(retries=3, retry_delay=0.01)
def charge(fetch: Order) -> str:
    if context().attempt < 3:
        raise ConnectionError("the line was cut")
    return "paid"


@task(executor="threads")
def weigh(weight: float) -> float:
    time.sleep(weight / 100)
    return weight * 2


@task
def pack(weigh: list, charge: str) -> dict:
    return {"weights": weigh, "seals": {b"a"}}


@task
def complain(pack: dict) -> None:
    pass


flow = Workflow("orders")
flow.add_task(fetch)
flow.add_task(charge, depends_on=["fetch"])
flow.add_task(lambda fetch: list(fetch.weights), name="weights", depends_on=["fetch"])
flow.add_task(weigh.map(weight="weights"))
flow.add_task(pack, depends_on=["weigh", "charge"])
flow.add_task(complain, depends_on=["pack"], when=lambda pack: not pack)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_STORE", str(tmp_path / "runs.db"))
    file = tmp_path / "flows" / "shop.py"
    file.parent.mkdir()
    file.write_text(SHOP)
    return file


def type_in(*words: str) -> Result:
    return CliRunner().invoke(penstock, list(words))


def penstock_in_a_process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock", *words], capture_output=True, text=True, check=False
    )


def replayed(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # it starts in half the time
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent, env=bare)


def test_a_real_run_is_replayed_until_its_workflow_changes(shop: Path, tmp_path: Path) -> None:
    assert penstock_in_a_process("run", str(shop), "--order", "7").returncode == 0
    test = tmp_path / "checks" / "test_orders.py"
    test.parent.mkdir()
    written = type_in("record", "latest", "--to", str(test))
    assert written.output == f"wrote {test}; replay the run: pytest {test}\n"
    assert '"../flows/shop.py:flow"' in test.read_text()

    first = replayed(test)
    assert first.returncode == 0, first.stdout

    shop.write_text(SHOP.replace("time.sleep", "raise_if_run").replace('return "paid"', 'return "owed"'))
    same = replayed(test)
    assert same.returncode == 0, "what functions do may change"

    for change, says in (
        (("retries=3", "retries=1"), "in another order: fetch, "),
        ((', name="weights", depends_on=["fetch"]', ', name="masses", depends_on=["fetch"]'), "masses"),
        (
            ("when=lambda pack: not pack", "when=lambda pack: True"),
            "complain did not run when this was recorded",
        ),
        (
            ("flow.add_task(complain", "flow.add_task(lambda: 1, name='extra')\nflow.add_task(complain"),
            "extra did not run when this was recorded",
        ),
        (
            ('depends_on=["weigh", "charge"]', 'depends_on=["weigh", "charge", "fetch"]'),
            "depends on, has changed",
        ),
    ):
        assert SHOP.replace(*change) != SHOP
        changed = SHOP.replace(*change)
        shop.write_text(
            changed.replace('weight="weights"', 'weight="masses"') if "masses" in changed else changed
        )
        failed = replayed(test)
        assert failed.returncode == 1, change
        assert says.replace('"', "'") in failed.stdout, failed.stdout


def test_a_failed_run_that_was_resumed_is_replayed(shop: Path, tmp_path: Path) -> None:
    shop.write_text(SHOP.replace("retries=3, retry_delay=0.01", "retries=0"))
    assert penstock_in_a_process("run", str(shop), "--order", "7").returncode == 1
    test = tmp_path / "test_failed.py"
    test.write_text(record("latest"))
    assert 'run.status == "failed"' in test.read_text()
    assert replayed(test).returncode == 0

    assert penstock_in_a_process("resume", "latest").returncode == 1
    assert penstock_in_a_process("resume", "latest").returncode == 0
    text = record("latest")
    assert "resumed=2" in text
    test.write_text(text)
    again = replayed(test)
    assert again.returncode == 0, again.stdout


def test_without_a_file_the_test_is_printed_and_a_file_that_is_there_is_not_written_over(
    shop: Path, tmp_path: Path
) -> None:
    assert penstock_in_a_process("run", str(shop), "--order", "7").returncode == 0
    shown = type_in("record", "latest")
    assert shown.output == record("latest")
    compile(shown.output, "test_shown.py", "exec")
    assert '"flows/shop.py:flow"' in shown.output

    (tmp_path / "mine.py").write_text("mine")
    refused = type_in("record", "latest", "--to", "mine.py")
    assert refused.exit_code == 2
    assert "mine.py is there already" in refused.output
    assert (tmp_path / "mine.py").read_text() == "mine"


def test_a_run_that_did_not_end_by_itself_is_refused() -> None:
    def fail() -> None:
        raise OSError

    flow = Workflow("long")
    flow.add_task(fail, name="one", retries=1, retry_delay=3600)
    with open_engine("memory:") as engine:
        run = flow.using(store=engine).start()
        run.cancel()
        run.wait(timeout=60)
        with pytest.raises(CommandRefused, match="is cancelled: a test can be made of a run that completed"):
            record(run.id, store=engine)
