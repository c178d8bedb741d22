"""Sweeps: one workflow with several values of its parameters, checked before any begins, shown side by side and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from penstock.cli.commands import penstock
from penstock.cli.drawing.curves import Line, Panel, curves, ticks
from penstock.errors import InputError
from penstock.simulations import WorkflowRunner
from penstock.simulations.sweeping import combinations
from tests.simulations.conftest import WORKFLOWS, Write

SHORT = ("--physics-duration-min", "2", "--workflows", str(WORKFLOWS))


def sweep(*arguments: str) -> Result:
    return CliRunner().invoke(penstock, ["sweep", *arguments])


def test_every_combination_is_executed_the_last_going_round_quickest(shipped: WorkflowRunner) -> None:
    over: dict[str, Any] = {"worker_count": [2, 4], "sample_fraction": [0.5, 1.0]}
    found = shipped.sweep("epic_fast_processing", over, overrides={"physics_duration_min": 1}, seed=3)
    assert [(each.parameter_values["worker_count"], each.parameter_values["sample_fraction"]) for each in found] == [
        (2, 0.5), (2, 1.0), (4, 0.5), (4, 1.0),
    ]  # fmt: skip
    assert {each.status for each in found} == {"completed"}
    assert {(each.parameter_values["physics_duration_min"], each.seed) for each in found} == {(1, 3)}
    assert [each.execution_id[-4:] for each in found] == ["0001", "0002", "0003", "0004"]


def test_nothing_begins_unless_all_is_right(shipped: WorkflowRunner) -> None:
    with pytest.raises(InputError, match="worker_count: 0 must be a whole number of at least 1"):
        shipped.sweep("epic_fast_processing", {"worker_count": [1, 2, 0]})
    assert shipped.executions.all() == []


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({}, "there is nothing to sweep over"),
        ({"a": [1], "b": []}, "there are no values of 'b' to sweep over"),
        ({"a": range(100), "b": range(11)}, "1,100 combinations are more than the 1,000"),
    ],
)
def test_a_sweep_over_nothing_or_too_much_is_refused(over: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        combinations(over)


def test_an_interrupt_stops_all_that_go_on(
    runner: WorkflowRunner, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w", 'yield env.timeout(self.parameters["x"])')
    started: list[Any] = []
    begin = runner.begin

    def interrupted(ready: Any) -> Any:
        started.append(begin(ready))
        if len(started) == 2:
            raise KeyboardInterrupt
        return started[-1]

    monkeypatch.setattr(runner, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.sweep("w", {"x": [500, 600]}, jobs=2, realtime=1.0)
    assert started[0].record.status == "terminated"
    started[1].stop()


def test_the_command_shows_them_side_by_side_and_draws_them(project: Path) -> None:
    result = sweep(
        "epic_fast_processing", "--worker-count", "5,25", "--sample-fraction", "1", *SHORT, "--plot", "plot.svg"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    head, few, many = result.output.splitlines()
    assert head.split()[:6] == ["WORKER_COUNT", "STATUS", "STFS", "TASKS", "BUSY", "QUEUE"]
    assert few.split()[1:5] == ["5", "completed", "58", "58"]
    assert many.split()[1:3] == ["25", "completed"]
    assert float(few.split()[5].rstrip("%")) > 90 > float(many.split()[5].rstrip("%"))
    drawing = ElementTree.fromstring((project / "plot.svg").read_text())
    texts = ["".join(each.itertext()) for each in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"worker_count 5", "worker_count 25", "workers busy, %", "units waiting", "units done"} <= set(
        texts
    )


def test_for_programs_it_answers_with_what_was_swept(project: Path) -> None:
    found = json.loads(sweep("epic_fast_processing", "--worker-count", "1, 2", *SHORT, "--json").output)
    assert [each["swept"] for each in found] == [{"worker_count": 1}, {"worker_count": 2}]
    assert {each["status"] for each in found} == {"completed"}


def test_one_that_fails_is_told_and_the_others_are_shown(project: Path, write: Write) -> None:
    write("w", 'yield env.timeout(1 / self.parameters["x"])')
    result = sweep("w", "--x", "1,0")
    assert result.exit_code == 1
    assert [line.split()[2] for line in result.output.splitlines()[1:3]] == ["completed", "failed"]
    assert "-0002: ZeroDivisionError: division by zero" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("epic_fast_processing", *SHORT), "give a parameter several values, as in --worker-count 10,25,50"),
        (("epic_fast_processing", "--worker-cuont", "1,2", *SHORT), "did you mean 'worker_count'?"),
        (("stf_processing", "--stf-interval-sec", "1,2", *SHORT, "--plot", "x.svg"), "had a pool of workers"),
    ],
)
def test_slips_are_refused_with_the_remedy(project: Path, arguments: tuple[str, ...], said: str) -> None:
    result = sweep(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not Path("x.svg").exists()


def test_a_list_in_brackets_is_one_value(project: Path, write: Write) -> None:
    write("w", 'yield env.timeout(sum(self.parameters["x"]) + self.parameters["y"])')
    found = json.loads(sweep("w", "--x", "[1, 2]", "--y", "3,4", "--json").output)
    assert [each["metrics"]["virtual_seconds"] for each in found] == [6, 7]


def test_lines_of_one_name_have_one_colour_and_heights_fit_the_panel() -> None:
    panels = [
        Panel("up", [Line("a<b", [(0, 0), (10, 5)]), Line("c", [(0, 5)])]),
        Panel("down", [Line("c", [])], 100.0),
    ]
    drawing = ElementTree.fromstring(curves("a & b", panels, "seconds"))
    lines = [
        each for each in drawing.iter("{http://www.w3.org/2000/svg}path") if "line" in each.attrib["class"]
    ]
    assert [each.attrib["class"] for each in lines] == ["line c0", "line c1", "line c0", "line c1"]
    heights = [
        float(place.partition(",")[2]) for each in lines[2:] for place in each.attrib["d"][1:].split(" L")
    ]
    assert max(heights) - min(heights) == 134


@pytest.mark.parametrize(
    ("most", "expected"), [(100, [0, 50, 100]), (600, [0, 200, 400, 600]), (0.3, [0, 0.1, 0.2, 0.3])]
)
def test_ticks_are_round(most: float, expected: list[float]) -> None:
    assert ticks(most, 4) == pytest.approx(expected)
