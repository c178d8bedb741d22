"""Durable functions go on after crashes, where their log ends; code that would go another way is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import penstock
from penstock import RunFailed
from penstock.cli.commands import penstock as command_line
from penstock.errors import Nondeterminism
from penstock.functions import gather, sleep, step, wait_for_signal, workflow
from penstock.stores.sqlite import SqliteStore

SCRIPT = Path(__file__).with_name("ordering.py")
RESULT = "['CHAIR', 'TABLE', 'no lamp', 'DESK']"


class Script:
    """The script in processes of its own, with a store of its own."""

    def __init__(self, folder: Path, function: str) -> None:
        self.store, self.side, self.function = folder / "runs.db", folder / "side", function

    def __call__(self, *run: str, dies_at: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), str(self.store), str(self.side), self.function, *run],
            env={**os.environ, "DIES_AT": dies_at},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def row(self) -> dict[str, object]:
        store = SqliteStore(self.store)
        try:
            (row,) = store.find("runs")
            return row
        finally:
            store.close()

    def ran(self) -> list[str]:
        return self.side.read_text().splitlines()


@pytest.mark.parametrize("function", ["order", "order_blocked"])
@pytest.mark.parametrize("dies_at", ["reserve desk", "end"])
def test_a_killed_process_is_gone_on_from_and_no_finished_step_runs_again(
    tmp_path: Path, function: str, dies_at: str
) -> None:
    script = Script(tmp_path, function)
    assert script(dies_at=dies_at).returncode == -9
    run = str(script.row()["id"])
    done = [*script.ran()]
    resumed = script(run)
    assert resumed.stdout.strip() == RESULT, resumed.stderr
    again = script.ran()[len(done) :]
    assert again[0] == dies_at
    assert not set(done[:-1]) & set(again)
    assert script.row()["status"] == "completed"


def test_the_command_line_goes_on_with_what_a_script_began(tmp_path: Path) -> None:
    """Where exceptions are of module `ordering`, which was `__main__` when they were raised."""
    script = Script(tmp_path, "order")
    script(dies_at="reserve desk")
    told = subprocess.run(
        [sys.executable, "-m", "penstock", "resume", "latest", "--store", str(script.store), "--quiet"],
        capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path,
        env={**os.environ, "DIES_AT": ""},
    )  # fmt: skip
    assert told.stdout.strip() == RESULT, told.stderr
    assert script.row()["status"] == "completed"


SUSPENDED = """
import sys, time
from penstock import task
from penstock.functions import start, wait_for_signal, workflow


@task
def release() -> None:
    print("released", flush=True)


@workflow
async def held() -> None:
    try:
        print("waits", flush=True)
        await wait_for_signal("never")
    finally:
        await release()


@workflow
def held_blocked() -> None:
    try:
        print("waits", flush=True)
        wait_for_signal("never")
    finally:
        release()


runs = [held.start(), held_blocked.start()]
while len([step for run in runs for step in run.steps]) < 2:
    time.sleep(0.01)
"""


def test_a_process_that_ends_does_no_step_of_suspended_functions(tmp_path: Path) -> None:
    script = tmp_path / "suspended.py"
    script.write_text(SUSPENDED)
    told = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path
    )
    assert (told.stdout.split(), told.stderr) == (["waits", "waits"], "")


# ── code that has changed ───────────────────────────────────────────────────────────────────────────────────────────


def first(number: int) -> int:
    return number + 1


def second(number: int) -> int:
    return number * 2


def third(number: int) -> int:
    return number * 3


@workflow(name="changing")
async def as_recorded(number: int) -> int:
    number = await step(first)(number)
    number = await step(second)(number)
    await wait_for_signal("go")
    return await step(third)(number)


@workflow(name="changing")
async def renamed(number: int) -> int:
    number = await step(first)(number)
    number = await step(third)(number)
    await wait_for_signal("go")
    return number


@workflow(name="changing")
async def shorter(number: int) -> int:
    return await step(first)(number)


@workflow(name="changing")
async def mended_further_on(number: int) -> int:
    number = await step(first)(number)
    number = await step(second)(number)
    await gather(sleep(0), wait_for_signal("go"))
    return number


@pytest.fixture
def unfinished(tmp_path: Path) -> tuple[str, str]:
    """A store with a run that waits for its signal, and the run's id."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(store) as engine:
        run = as_recorded.using(store=engine).start(1)
        while not any(step.name == "signal go" for step in run.steps.values()):
            run.steps  # noqa: B018 - until it is there
    return store, run.id


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (renamed, r"speaks of step 'second', which the program did not ask for; open are: third"),
        (shorter, r"speaks of step 'second', which the program did not ask for; open are: none"),
    ],
)
def test_code_that_would_go_another_way_is_refused_with_both_sides(
    unfinished: tuple[str, str], code: object, said: str
) -> None:
    store, run = unfinished
    with penstock.open(store) as engine:
        with pytest.raises(Nondeterminism, match=said) as refused:
            engine.resume(run, code)  # type: ignore[arg-type]
        assert "`penstock replay FILE`" in refused.value.__notes__[0]
        assert engine.get(run).status == "running"


def test_code_that_changed_where_the_run_has_not_been_goes_on(unfinished: tuple[str, str]) -> None:
    store, run = unfinished
    with penstock.open(store) as engine:
        engine.signal(run, "go", None)
        assert engine.resume(run, mended_further_on, wait=True).result(60) == 4


@workflow(name="changing")
async def wrong(number: int) -> int:
    number = await step(first)(number)
    raise ZeroDivisionError(number)


def test_a_fault_of_the_functions_own_is_mended_by_mending_the_function(tmp_path: Path) -> None:
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        run = wrong.using(store=engine).start(1)
        with pytest.raises(RunFailed, match="ZeroDivisionError: 2"):
            run.result(60)
        with pytest.raises(RunFailed, match="ZeroDivisionError: 2"):
            engine.resume(run.id, wrong, wait=True).result(60)
        assert engine.resume(run.id, shorter, wait=True).result(60) == 2


# ── penstock replay ─────────────────────────────────────────────────────────────────────────────────────────────────

FLOW = """
import sys
from penstock import task
from penstock.functions import step, wait_for_signal, workflow


def first(number: int) -> int:
    print("first ran")
    return number + 1


def second(number: int) -> int:
    return number * 2


@workflow
async def flow(number: int = 1, wait: bool = False) -> int:
    number = await step(first)(number)
    if wait:
        await wait_for_signal("go", timeout=0.01)
    return await step(second)(number)
"""


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Replays three recorded runs (completed, completed, failed) against another text of their file."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "flow.py"
    file.write_text(FLOW)
    for more in ([], ["--number", "5"], ["--wait"]):
        subprocess.run(
            [sys.executable, "-m", "penstock", "run", "flow.py", "--store", "runs.db", "-q", *more],
            capture_output=True, check=False, timeout=300, cwd=tmp_path,
        )  # fmt: skip

    def replay(old: str, new: str, *options: str) -> Result:
        assert old in FLOW
        other = tmp_path / f"flow{len(list(tmp_path.glob('*.py')))}.py"
        other.write_text(FLOW.replace(old, new))
        return CliRunner().invoke(command_line, ["replay", other.name, "--store", "runs.db", *options])

    return replay


def test_replay_says_of_every_run_whether_the_code_fits(replay: Callable[..., Result]) -> None:
    told = replay("import sys", "import os")
    assert told.exit_code == 0, told.output
    assert told.output.count("✓") == 3
    assert "3 runs replayed: the code fits them all" in told.output
    assert "first ran" not in told.output


def test_replay_shows_where_log_and_code_part_and_ends_with_1(replay: Callable[..., Result]) -> None:
    told = replay("step(second)", "step(first)")
    assert told.exit_code == 1
    assert "speaks of step 'second', which the program did not ask for; open are: first-2" in told.output
    assert "2 runs of 3 would go another way" in told.output
    told = replay(
        "return await step(second)(number)", "return 1 + await step(second)(number)", "--runs", "latest"
    )
    assert told.exit_code == 0  # it failed before it came there
    told = replay("return await step(second)(number)", "return 1 + await step(second)(number)", "--json")
    assert told.exit_code == 1
    assert '"divergence": "the log returned 4; the code returned 5"' in told.output
    told = replay("if wait:", "if False:")
    assert "the log failed with" in told.output or "speaks of step 'signal go'" in told.output


def test_replay_refuses_a_run_of_another_workflow(replay: Callable[..., Result]) -> None:
    told = replay("async def flow", "async def other", "--runs", "latest")
    assert told.exit_code == 2


def test_replay_without_runs_says_so(replay: Callable[..., Result]) -> None:
    told = replay("async def flow", "async def other")
    assert (told.exit_code, told.output.strip()) == (0, "no run of other to replay")
