"""Definitions: kept once, never changed, never executed when they are kept, and trusted only where their author's file is."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest
import simpy

import penstock
from penstock.errors import CommandRefused, DefinitionError, RunNotFound, UserError
from penstock.simulations import WorkflowRunner, WorkflowSimulator
from tests.simulations.conftest import Write

WAIT = "yield env.timeout(1)"


def defaults(project: Path, stem: str, **values: float) -> Path:
    path = project / "workflows" / f"{stem}.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    path.write_text(f'[workflow]\nname = "w"\nversion = "1.0"\n[parameters]\n{lines}')
    return path


def test_what_is_first_run_is_kept_with_its_defaults(
    runner: WorkflowRunner, write: Write, project: Path
) -> None:
    file = write("w", WAIT)
    defaults(project, "w_default", x=1)
    found = runner.register_workflow_from_file("w", "1.0")
    assert (found.workflow_name, found.version, found.workflow_type) == ("w", "1.0", "w")
    assert found.definition == file.read_text()
    assert found.parameter_values == {"x": 1}
    assert found.created_by
    assert runner.definitions.get("w", "1.0") == found
    assert runner.run("w").workflow_definition == found


def test_keeping_does_not_execute(runner: WorkflowRunner, write: Write, project: Path) -> None:
    write("w", WAIT, head='open("executed", "w")')
    runner.register_workflow_from_file("w")
    assert not (project / "executed").exists()


def test_code_of_any_length_is_kept(runner: WorkflowRunner, write: Write) -> None:
    write("w", WAIT, head="# long\n" * 20_000)
    assert len(runner.register_workflow_from_file("w").definition) > 100_000
    assert runner.run("w").status == "completed"


def test_changed_code_under_the_same_version_is_refused_with_the_remedy(
    runner: WorkflowRunner, write: Write
) -> None:
    write("w", WAIT)
    runner.run("w", "1.0")
    write("w", "yield env.timeout(2)")
    with pytest.raises(
        DefinitionError, match=r"not what is kept as version 1.0 .*another version \(--version 1.1\)"
    ):
        runner.run("w", "1.0")
    found = runner.run("w", "1.1")
    assert found.performance_metrics is not None
    assert found.performance_metrics["virtual_seconds"] == 2
    assert [each.version for each in runner.definitions.of("w")] == ["1.1", "1.0"]


def test_changed_defaults_are_refused_too(runner: WorkflowRunner, write: Write, project: Path) -> None:
    write("w", WAIT)
    defaults(project, "w_default", x=1)
    runner.run("w")
    defaults(project, "w_default", x=2)
    with pytest.raises(DefinitionError, match=r"\(x changed\).*--config FILE"):
        runner.run("w")


def test_a_configuration_goes_over_the_stored_defaults(
    runner: WorkflowRunner, write: Write, project: Path
) -> None:
    write("w", WAIT)
    defaults(project, "w_default", x=1, y=1)
    tuned = defaults(project, "w_tuned", y=2)
    assert runner.run("w", config=tuned).parameter_values == {"x": 1, "y": 2}
    assert runner.run("w_tuned", overrides={"x": 3}).parameter_values == {"x": 3, "y": 2}
    assert runner.run("w").parameter_values == {"x": 1, "y": 1}


def test_a_configuration_of_another_workflow_is_refused(
    runner: WorkflowRunner, write: Write, project: Path
) -> None:
    write("v", WAIT)
    with pytest.raises(DefinitionError, match=r"is of workflow 'w', not of 'v'"):
        runner.run("v", config=defaults(project, "w_default", x=1))


def test_of_two_who_keep_the_same_at_once_both_have_it(engine: penstock.Engine, write: Write) -> None:
    write("w", WAIT)
    found = []
    threads = [
        Thread(target=lambda: found.append(WorkflowRunner(engine).register_workflow_from_file("w")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({each.code_hash for each in found}) == 1
    assert len(WorkflowRunner(engine).definitions.all()) == 1


def test_what_is_nowhere_is_named_with_what_was_tried(runner: WorkflowRunner, write: Write) -> None:
    write("daily_run", WAIT)
    with pytest.raises(
        RunNotFound, match=r"no workflow 'dayly_run'.*workflows/dayly_run.py.*did you mean 'daily_run'"
    ):
        runner.run("dayly_run")


def test_a_kept_definition_runs_without_its_file(runner: WorkflowRunner, write: Write) -> None:
    file = write("w", WAIT)
    runner.run("w", "2.0")
    file.unlink()
    assert runner.run("w").workflow_definition.version == "2.0"
    with pytest.raises(RunNotFound, match=r"no version '3.0'; there are 2.0"):
        runner.run("w", "3.0")


def test_code_from_the_network_runs_only_where_an_operator_allowed_it(
    engine: penstock.Engine, write: Write
) -> None:
    code = write("w", WAIT).read_text()
    (Path("workflows") / "w.py").unlink()
    WorkflowRunner(engine).register("sent", "1.0", code)
    with pytest.raises(CommandRefused, match=r"came over the network.*allow_network=True"):
        WorkflowRunner(engine).run("sent")
    assert WorkflowRunner(engine, allow_network=True).run("sent").status == "completed"


# ── in the caller's own process ─────────────────────────────────────────────────────────────────────────────────────


def test_the_callers_environment_drives_what_is_its_authors_file(
    runner: WorkflowRunner, write: Write
) -> None:
    write(
        "w",
        'self.runner.publish("stf_gen")',
        "yield env.timeout(7)",
        "return 'over'",
        constructor="p, runner, execution_id",
    )
    env = simpy.Environment(initial_time=3)
    executor = runner.run_by_name("w", "1.0", {})
    (found,) = runner.executions.all()
    assert (found.status, found.run_id) == ("running", None)
    assert env.run(env.process(executor.execute(env))) == "over"
    (found,) = runner.executions.all()
    assert (found.status, found.error_message) == ("completed", None)
    assert found.end_time is not None
    assert found.performance_metrics is not None
    assert found.performance_metrics["virtual_seconds"] == 7
    assert found.performance_metrics["events"] == 1  # its wait: its process was begun by the caller
    assert found.performance_metrics["stfs"] == 1


def test_its_messages_are_handed_to_who_asked_for_them(engine: penstock.Engine, write: Write) -> None:
    write("w", 'self.runner.publish("run_imminent")', WAIT, constructor="p, runner, execution_id")
    got: list[str] = []
    runner = WorkflowRunner(
        engine, deliver=lambda messages: got.extend(each["message"]["msg_type"] for each in messages)
    )
    env = simpy.Environment()
    env.process(runner.run_by_name("w").execute(env))
    env.run()
    runner.publish("end_run")
    assert got == ["run_imminent", "end_run"]


def test_one_that_raises_there_has_failed_and_one_left_alone_is_terminated(
    runner: WorkflowRunner, write: Write
) -> None:
    write("w", WAIT, 'raise ValueError("no beam")')
    write("v", "yield env.timeout(100)")
    env = simpy.Environment()
    process = env.process(runner.run_by_name("w").execute(env))
    with pytest.raises(ValueError, match="no beam"):
        env.run(process)
    generator = runner.run_by_name("v").execute(env)
    next(generator)
    generator.close()
    assert [(each.status, each.error_message) for each in runner.executions.all()] == [
        ("terminated", "its environment went on no more"),
        ("failed", "ValueError: no beam"),
    ]


def test_stored_code_without_its_file_does_not_run_there(runner: WorkflowRunner, write: Write) -> None:
    file = write("w", WAIT, head='open("executed", "w")')
    runner.register_workflow_from_file("w")
    file.unlink()
    with pytest.raises(
        CommandRefused,
        match=r"only its author's own file runs inside the caller's process: put its file there",
    ):
        runner.run_by_name("w")
    assert not Path("executed").exists()


def test_changed_code_does_not_run_there(runner: WorkflowRunner, write: Write) -> None:
    write("w", WAIT)
    runner.register_workflow_from_file("w")
    write("w", "yield env.timeout(2)", head='open("executed", "w")')
    with pytest.raises(UserError, match="another version"):
        runner.run_by_name("w")
    assert not Path("executed").exists()


def test_a_simulator_plays_by_name_and_by_configuration(
    runner: WorkflowRunner, write: Write, project: Path
) -> None:
    write("w", 'yield env.timeout(self.parameters["x"])')
    defaults(project, "w_default", x=4)
    env = simpy.Environment()
    simulator = WorkflowSimulator(env, "w", "1.0", runner=runner)
    env.run(env.process(simulator.run_simulation()))
    assert env.now == 4
    by_file = WorkflowSimulator(env, "else", config_file=defaults(project, "w_tuned", x=6), runner=runner)
    assert by_file.config is not None
    assert by_file.config["workflow"]["name"] == "w"
    env.run(env.process(by_file.run_simulation()))
    assert env.now == 10
    assert [each.status for each in runner.executions.all()] == ["completed", "completed"]


def test_stored_code_runs_in_a_process_of_its_own(
    runner: WorkflowRunner, write: Write, project: Path
) -> None:
    write("w", WAIT, head='import os\nopen(f"{os.getpid()}.pid", "w")')
    assert runner.run("w").status == "completed"
    (file,) = project.glob("*.pid")
    assert file.stem != str(os.getpid())


def test_workflows_are_looked_for_upward(
    runner: WorkflowRunner, write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w", WAIT)
    below = project / "some" / "where"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert runner.folder == project / "workflows"
    assert runner.register_workflow_from_file("w").workflow_name == "w"
    with pytest.raises(DefinitionError, match="'nowhere' is no folder of workflows"):
        WorkflowRunner(runner.engine, folder="nowhere").run("w")
