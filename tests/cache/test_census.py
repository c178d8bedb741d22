"""One changed function of the census runs only what depends on it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import penstock
from penstock.errors import RunFailed
from penstock.model import events as e
from tests.cache.projects import project

EXAMPLES = Path(__file__).parents[2] / "examples"
MODULES = ("census", "census_measure", "census_totals", "census_report", "census_figures", "report_page")
FILES = 6


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    penstock.close_all()


@contextmanager
def census(folder: Path, **edits: tuple[str, str]) -> Iterator[ModuleType]:
    """A copy of the example, its measuring in this process, each module edited by (old, new)."""
    texts = {name: (EXAMPLES / f"{name}.py").read_text() for name in MODULES}
    texts["census"] = texts["census"].replace('@task(executor="processes", retries=1)', "@task")
    for name, (old, new) in edits.items():
        assert old in texts[name]
        texts[name] = texts[name].replace(old, new)
    folder.mkdir()
    shutil.copy(EXAMPLES / "report_page.css", folder)
    with project(folder, **texts) as module:
        yield module


def ran(store: Path, module: ModuleType, out: Path) -> tuple[set[str], int, int]:
    """A run by an engine of its own: the steps that ran, and how many items were measured and reused."""
    with penstock.open(f"sqlite:///{store}/runs.db", durability="crash") as engine:
        run = engine.run(module.flow, {"limit": FILES, "out": out})
        run.result()
        return done(run.events())


def done(log: list[Any]) -> tuple[set[str], int, int]:
    events = [event for _, _, event in log]
    started = [event for event in events if isinstance(event, e.StepStarted)]
    reused = [event for event in events if isinstance(event, e.StepReused) and event.item is not None]
    return {event.step for event in started}, sum(each.item is not None for each in started), len(reused)


ALL = ("@task", "@task(cache=True)")


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of one census."""
    folder = tmp_path_factory.mktemp("counted")
    with census(folder / "code", census=ALL) as module:
        assert ran(folder, module, folder / "out") == (
            {"find_modules", "measure", "join", "report"}, FILES, 0,
        )  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("edits", "steps", "measured"),
    [
        ({}, set(), 0),
        ({"census_measure": ("The record of the file", "What is known of the file")}, set(), 0),
        ({"census_totals": ("TOP = ", "TOP = 1 or ")}, {"join", "report"}, 0),
        (
            {"census_measure": ("def package_of(path: str)", "def package_of(path: str, /)")},
            {"measure"},
            FILES,
        ),
    ],
    ids=["nothing", "a docstring", "totals", "measuring, with the same outcome"],
)
def test_results_are_used_again_but_for_what_depends_on_a_change(
    tmp_path: Path, counted: Path, edits: dict[str, tuple[str, str]], steps: set[str], measured: int
) -> None:
    shutil.copy(counted / "runs.db", tmp_path)
    with census(tmp_path / "code", census=ALL, **edits) as module:
        assert ran(tmp_path, module, counted / "out") == (steps, measured, FILES - measured)


def test_a_failed_census_goes_on_in_a_new_run_with_what_depends_on_the_change(tmp_path: Path) -> None:
    broken = ("def html_of(", "def html_of(*_): raise ValueError('not yet')\n\n\ndef _html_of(")
    store = f"sqlite:///{tmp_path}/runs.db"
    with census(tmp_path / "a", census_report=broken) as module, penstock.open(store) as engine:
        run = engine.run(module.flow, {"limit": FILES, "out": tmp_path / "out"})
        with pytest.raises(RunFailed):
            run.result()
    other = ("TOP = ", "TOP = 1 + ")
    with census(tmp_path / "b", census_totals=other) as module, penstock.open(store) as engine:
        changes = {each.step: each.parts for each in engine.changes(run.id, module.flow)}
        assert changes.keys() == {"join", "report"}
        assert changes["join"] == ("census_totals.TOP",)
        renewed = engine.resume(run.id, module.flow, wait=True, on_change="new_run")
        assert done(renewed.events()) == ({"join", "report"}, 0, 0)
        assert renewed.status == "completed"
