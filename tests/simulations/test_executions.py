"""Executions: every way out is recorded, with what was measured until then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

import penstock
from penstock.errors import CommandRefused, InputError, RunNotFound, SettingsError
from penstock.model import events as e
from penstock.model.published import PUBLISHED, published_in
from penstock.simulations import Limits, WorkflowRunner
from penstock.simulations.messages import MEASURED
from tests.simulations.conftest import Write

TOLD = ('self.runner.publish("stf_gen")', "yield env.timeout(5)")


def test_an_execution_that_completes_says_all_there_is(runner: WorkflowRunner, write: Write) -> None:
    write("w", *TOLD, constructor="parameters, runner, execution_id")
    before = datetime.now(UTC)
    found = runner.run("w", overrides={})
    assert found.status == "completed"
    assert found.error_message is None
    assert found.end_time is not None
    assert before <= found.start_time <= found.end_time <= datetime.now(UTC)
    assert found.executed_by
    assert found.workflow_definition.key == "w@1.0"
    figures = found.performance_metrics
    assert figures is not None
    assert (figures["virtual_seconds"], figures["stfs"], figures["messages"]) == (5, 1, {"stf_gen": 1})
    assert figures["events"] == 3  # its start, its wait, its end
    assert figures["worker_utilisation"] is None
    assert runner.executions.get(found.execution_id) == found


def test_one_that_raises_has_failed_and_keeps_its_figures(runner: WorkflowRunner, write: Write) -> None:
    write("w", *TOLD, 'raise ValueError("no beam")', constructor="parameters, runner, execution_id")
    found = runner.run("w")
    assert found.status == "failed"
    assert found.error_message == "ValueError: no beam"
    assert found.end_time is not None
    assert found.performance_metrics is not None
    assert found.performance_metrics["virtual_seconds"] == 5
    assert found.performance_metrics["stfs"] == 1
    log = [event for _, _, event in runner.engine.events_of(str(found.run_id))]
    assert {event.data["attempt"] for event in log if isinstance(event, e.Noted)} == {1}
    assert {event.topic for event in log if isinstance(event, e.Noted)} == {PUBLISHED, MEASURED}


def test_a_process_that_the_workflow_starts_fails_it_too(runner: WorkflowRunner, write: Write) -> None:
    write(
        "w",
        "env.process(self.fall(env))",
        "yield env.timeout(9)\n\n    def fall(self, env):",
        "yield env.timeout(2)",
        "1 / 0",
    )
    found = runner.run("w")
    assert (found.status, found.error_message) == ("failed", "ZeroDivisionError: division by zero")
    assert found.performance_metrics is not None
    assert found.performance_metrics["virtual_seconds"] == 2


def test_one_that_waits_for_nothing_says_so(runner: WorkflowRunner, write: Write) -> None:
    write("w", "yield env.timeout(3)", "yield env.event()")
    found = runner.run("w")
    assert found.status == "failed"
    assert "waits at 3 s of virtual time for something that will never happen" in str(found.error_message)


def test_too_many_events_are_a_failure_by_that_name(runner: WorkflowRunner, write: Write) -> None:
    write("w", "while True:", "    yield env.timeout(0)")
    found = runner.run("w", limits=Limits(events=10_000))
    assert found.status == "failed"
    assert "had 10,000 events at 0 s of virtual time, which is its limit" in str(found.error_message)
    assert found.performance_metrics is not None
    assert found.performance_metrics["events"] == 10_000


def test_too_much_memory_is_a_failure_and_the_next_one_has_its_own(
    runner: WorkflowRunner, write: Write
) -> None:
    write("greedy", "self.much = bytearray(400_000_000)", "yield env.timeout(1)")
    found = runner.run("greedy", limits=Limits(memory_mb=100))
    assert found.status == "failed"
    assert str(found.error_message).startswith("MemoryError")
    assert runner.run("greedy").status == "completed"


def test_too_much_time_is_a_status_of_its_own(runner: WorkflowRunner, write: Write) -> None:
    write("warm", "yield env.timeout(1)")
    assert (
        runner.run("warm").status == "completed"
    )  # one worker has imported what it needs; another may take its time
    write("w", "while True:", "    yield env.timeout(1)")
    found = runner.run("w", limits=Limits(seconds=5.0, events=None))
    assert found.status == "timed_out"
    assert found.end_time is not None
    assert found.performance_metrics is not None


def test_a_stop_takes_effect_at_once_also_in_real_time(runner: WorkflowRunner, write: Write) -> None:
    write("w", *TOLD, "yield env.timeout(3600)", constructor="parameters, runner, execution_id")
    started = runner.start("w", realtime=1.0)
    await_note(runner, started.run)
    assert started.record.status == "running"
    found = started.stop("enough")  # long before the hour is over
    assert (found.status, found.error_message) == ("terminated", "enough")
    assert found.end_time is not None
    assert started.wait() == found
    with pytest.raises(CommandRefused):
        started.stop()


def await_note(runner: WorkflowRunner, run: penstock.Run[object]) -> None:
    """Until the run's log has a message."""
    given_up = time.monotonic() + 60
    while time.monotonic() < given_up:
        with suppress(RunNotFound):  # a thread is about to record it
            if any(published_in(event) for _, _, event in run.events()):
                return
        time.sleep(0.01)
    raise AssertionError("no message came")


def test_real_time_takes_as_long_as_it_says(runner: WorkflowRunner, write: Write) -> None:
    write("w", "yield env.timeout(20)")
    found = runner.run("w", realtime=0.02)
    assert found.performance_metrics is not None
    assert found.performance_metrics["wall_seconds"] >= 0.4
    assert found.performance_metrics["virtual_seconds"] == 20


def test_a_runner_that_was_killed_leaves_a_failure_and_its_run_can_be_resumed(
    project: Path, write: Write
) -> None:
    wait = ("import time, pathlib", 'while not pathlib.Path("go").exists():', "    time.sleep(0.01)")
    write("w", *TOLD, *wait, constructor="parameters, runner, execution_id")
    path = project / "runs.db"
    code = (
        "from penstock.simulations import WorkflowRunner\n"
        "if __name__ == '__main__':\n"
        f"    WorkflowRunner({str(path)!r}).run('w', realtime=0.01)\n"
    )
    (project / "killed.py").write_text(code)
    child = subprocess.Popen([sys.executable, "killed.py"], cwd=project)
    with penstock.open(path) as engine:
        runner = WorkflowRunner(engine)
        given_up = time.monotonic() + 60
        while not any(
            each.status == "running" and published(engine, each.run_id) for each in runner.executions.all()
        ):
            assert time.monotonic() < given_up
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        (found,) = runner.executions.all()
        assert found.status == "failed"
        assert "its runner is gone; go on: penstock resume" in str(found.error_message)
        assert found.end_time is not None
        assert found.performance_metrics is not None
        (project / "go").touch()
        done = subprocess.run(
            [sys.executable, "-m", "penstock", "resume", str(found.run_id), "--store", str(path), "-q"],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        again = runner.resume(found.execution_id)  # which has ended
        assert (again.status, again.error_message) == ("completed", None)
        assert again.performance_metrics is not None
        assert again.performance_metrics["stfs"] == 1
        attempts = [
            event.data["attempt"]
            for _, _, event in engine.events_of(str(found.run_id))
            if isinstance(event, e.Noted)
        ]
    assert set(attempts) == {1, 2}


def published(engine: penstock.Engine, run_id: str | None) -> bool:
    return any(
        isinstance(event, e.Noted) and event.topic == PUBLISHED
        for _, _, event in engine.events_of(str(run_id))
    )


def test_one_that_failed_can_be_played_again_once_its_cause_is_mended(
    runner: WorkflowRunner, write: Write
) -> None:
    write("w", "from pathlib import Path", "yield env.timeout(1)", 'Path("beam").read_text()')
    found = runner.run("w")
    assert found.status == "failed"
    assert runner.executions.get(found.execution_id) == found
    Path("beam").touch()
    again = runner.resume(found.execution_id)
    assert (again.status, again.error_message) == ("completed", None)
    assert again.end_time is not None
    assert found.end_time is not None
    assert again.end_time > found.end_time
    assert runner.executions.all() == [again]


def test_a_worker_process_that_dies_costs_an_attempt_and_no_figure(
    runner: WorkflowRunner, write: Write
) -> None:
    lines = (
        'self.runner.publish("stf_gen")',
        "yield env.timeout(1)",
        "self.once()",
        "yield env.timeout(1)\n",
    )
    once = ("    def once(self):", "        import os, pathlib", "        here = pathlib.Path('died')")
    die = ("        if not here.exists():", "            here.touch()", "            os.kill(os.getpid(), 9)")
    file = write("w", *lines, constructor="p, runner, execution_id")
    file.write_text(file.read_text() + "\n".join([*once, *die]) + "\n")
    found = runner.run("w")
    assert (found.status, found.error_message) == ("completed", None)
    assert found.performance_metrics is not None
    assert found.performance_metrics["stfs"] == 1
    assert len(list(runner.executions.messages(found.execution_id))) >= 1
    log = [event for _, _, event in runner.engine.events_of(str(found.run_id))]
    assert [event.attempt for event in log if isinstance(event, e.StepStarted)] == [1, 2]


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ids_are_numbered_without_a_gap_whoever_asks(engine: penstock.Engine) -> None:
    runner = WorkflowRunner(engine)
    found: list[str] = []
    threads = [
        Thread(target=lambda: found.extend(runner.generate_execution_id("w") for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [each.rpartition("-")[2] for each in found]
    assert sorted(numbers) == [f"{number:04}" for number in range(1, 81)]
    assert {each.partition("-")[0] for each in found} == {"w"}


def test_leading_zeros_may_be_left_out(runner: WorkflowRunner, write: Write) -> None:
    write("w", "yield env.timeout(1)")
    found = runner.run("w")
    assert found.execution_id.endswith("-0001")
    assert runner.executions.get(found.execution_id.replace("-0001", "-1")) == found
    with pytest.raises(RunNotFound, match=f"did you mean '{found.execution_id}'"):
        runner.executions.get(found.execution_id.replace("-0001", "-0002"))


def test_executions_are_listed_newest_first_and_by_workflow(runner: WorkflowRunner, write: Write) -> None:
    write("w", "yield env.timeout(1)")
    write("w-x", "yield env.timeout(1)")
    ids = [runner.run(name).execution_id for name in ("w", "w-x", "w")]
    assert [each.execution_id for each in runner.executions.all()] == ids[::-1]
    assert [each.execution_id for each in runner.executions.all(workflow="w")] == [ids[2], ids[0]]


# ── what is given ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "constructor",
    [
        "parameters",
        "p",
        "parameters, runner, execution_id",
        "config, runner, execution_id",
        "config, runner, execution_id, container=None",
        "parameters, runner=None, execution_id=None",
    ],
)
def test_constructors_are_told_apart_by_their_signature(
    runner: WorkflowRunner, write: Write, constructor: str
) -> None:
    names = [each.strip().partition("=")[0] for each in constructor.split(",")]
    first = names[0]
    look = 'self.config["parameters"]["x"]' if first == "config" else f'self.{first}["x"]'
    lines = [f"assert {look} == 2, {look}", "assert simpy.__name__ == 'simpy'"]
    if "runner" in names:
        lines += ["assert self.runner.logger.info", "assert self.execution_id.startswith('w-')"]
    write("w", *lines, "yield env.timeout(1)", constructor=constructor)
    config = runner.folder / "w_default.toml"
    config.write_text('[workflow]\nname = "w"\n[parameters]\nx = 1\n')
    assert runner.run("w", overrides={"x": 2}).error_message is None


def test_another_constructor_is_refused_with_those_that_are_known(
    runner: WorkflowRunner, write: Write
) -> None:
    write("w", "yield env.timeout(1)", constructor="a, b, c, d, e")
    assert "its constructor must take (parameters), (parameters, runner, execution_id)" in str(
        runner.run("w").error_message
    )


def test_what_the_code_logs_is_kept_with_its_run(runner: WorkflowRunner, write: Write) -> None:
    lines = (
        'self.runner.logger.info("ready at %s", env.now)',
        'print("and printed")',
        "yield env.timeout(1)",
    )
    write("w", *lines, constructor="parameters, runner, execution_id")
    found = runner.run("w")
    told = [line[-1] for line in runner.engine.durable_store().read_logs(str(found.run_id))]
    assert told == ["INFO penstock.step: ready at 0", "and printed"]


def test_a_message_that_cannot_be_kept_is_its_authors_error(runner: WorkflowRunner, write: Write) -> None:
    write(
        "w",
        'self.runner.publish("stf_gen", what=object())',
        "yield env.timeout(1)",
        constructor="p, runner, execution_id",
    )
    assert "CodecError" in str(runner.run("w").error_message)


def test_messages_of_the_authors_own_are_filled_in(runner: WorkflowRunner, write: Write) -> None:
    message = '{"msg_type": "stf_gen", "state": "mine", "namespace": "other", "extra": [1, 2]}'
    write(
        "w",
        "yield env.timeout(4)",
        f'self.runner.send_message("queue", {message})',
        constructor="p, runner, execution_id",
    )
    found = runner.run("w")
    (note,) = [
        event
        for _, _, event in runner.engine.events_of(str(found.run_id))
        if isinstance(event, e.Noted) and event.topic == PUBLISHED
    ]
    (sent,) = published_in(note)
    assert sent["destination"] == "queue"
    told = sent["message"]
    assert (told["state"], told["namespace"], told["extra"]) == ("mine", "other", [1, 2])
    assert (told["simulation_tick"], told["execution_id"], told["run_id"]) == (
        4,
        found.execution_id,
        found.run_id,
    )
    assert datetime.fromisoformat(told["timestamp"]).tzinfo is not None


def test_parameters_that_the_code_needs_and_nobody_gives_are_named(
    runner: WorkflowRunner, write: Write
) -> None:
    write("w", 'yield env.timeout(self.parameters["how_long"])')
    with pytest.raises(InputError, match=r"needs how_long: give --how-long, or a configuration"):
        runner.run("w")
    assert not runner.executions.all()
    assert runner.run("w", texts={"how_long": "2.5"}).parameter_values == {"how_long": 2.5}


def test_an_engine_that_keeps_nothing_is_refused(project: Path, write: Write) -> None:
    write("w", "yield env.timeout(1)")
    with penstock.open("ephemeral") as engine, pytest.raises(CommandRefused, match="keeps nothing"):
        WorkflowRunner(engine).run("w")


def test_ids_of_several_processes_never_meet(project: Path) -> None:
    code = (
        "import sys, penstock\n"
        "from penstock.simulations import WorkflowRunner\n"
        "with penstock.open(sys.argv[1]) as engine:\n"
        "    print(*[WorkflowRunner(engine).generate_execution_id('w') for _ in range(25)])\n"
    )
    command = [sys.executable, "-c", code, str(project / "runs.db")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    numbers = [
        int(each.rpartition("-")[2])
        for child in children
        for each in child.communicate(timeout=300)[0].split()
    ]
    assert sorted(numbers) == list(range(1, 76))


def test_without_simpy_it_says_how_to_install_it(
    runner: WorkflowRunner, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w", "yield env.timeout(1)")
    monkeypatch.setitem(sys.modules, "simpy", None)
    with pytest.raises(SettingsError, match=r"pip install 'penstock\[simulations\]'"):
        runner.run("w")
    assert not runner.executions.all()


def test_an_execution_outlives_its_run(runner: WorkflowRunner, write: Write) -> None:
    write("w", "yield env.timeout(1)", "1 / 0")
    found = runner.run("w")
    assert runner.engine.durable_store().prune([str(found.run_id)]) == 1
    assert runner.executions.get(found.execution_id) == found


def test_so_many_executions_of_a_workflow_are_found_though_anothers_name_begins_alike(
    runner: WorkflowRunner, write: Write
) -> None:
    for name in ("beam", "beam-test"):
        write(name, *TOLD, constructor="parameters, runner, execution_id")
    for name in ("beam", "beam", *["beam-test"] * 3):
        runner.run_by_name(name)
    found = runner.executions.all(limit=2, workflow="beam")
    assert [each.workflow_definition.workflow_name for each in found] == ["beam", "beam"]
    assert [each.workflow_definition.workflow_name for each in runner.executions.all(limit=2)] == [
        "beam-test"
    ] * 2
