"""What a running function tells of itself: asked from its own process, from another, and after its end."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import penstock
from penstock import RunFailed
from penstock.app import Run
from penstock.cli.commands import penstock as command_line
from penstock.errors import UserError
from penstock.functions import blocking, gather, publish, step, wait_for_signal, workflow
from penstock.model import events as e
from penstock.testing import Example, ProgramSuite


def double(number: int) -> int:
    return 2 * number


@workflow
async def counting(to: int) -> int:
    publish(done=0, of=to)
    total = 0
    for number in range(to):
        total += await step(double)(number)
        publish(done=number + 1)
    publish(totals=[total], done="all")
    total += await wait_for_signal("more")
    publish(done="all and more")
    return total


@workflow
def counting_blocked(to: int) -> int:
    blocking.publish(of=to)
    total = sum(blocking.step(double)(number) for number in range(to))
    blocking.publish(totals=[total])
    blocking.wait_for_signal("more")
    return total


@workflow
async def two_at_once() -> list[int]:
    publish(stage="both")
    return await gather(counting(2), counting(3))


def until_published(run: Run[Any], name: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while name not in run.published():
        assert time.monotonic() < end
        time.sleep(0.002)
    return run.published()


@pytest.mark.parametrize("function", [counting, counting_blocked])
def test_a_run_is_asked_what_it_published_while_it_waits(function: Any) -> None:
    run = function.start(3)
    found = until_published(run, "totals")
    assert found["of"] == 3
    assert found["totals"] == [6]
    run.signal("more", 1)
    run.result(60)
    assert run.published() == found | ({"done": "all and more"} if function is counting else {})


async def test_on_an_event_loop_too() -> None:
    run = await counting.start_async(2)
    while "totals" not in run.published():
        await asyncio.sleep(0)
    assert run.published() == {"done": "all", "of": 2, "totals": [2]}
    run.signal("more", 1)
    assert await run.result_async() == 3


def test_other_processes_and_later_ones_read_it_in_the_log(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    with penstock.open(address) as engine, penstock.open(address) as other:
        run = counting.using(store=engine).start(3)
        known = until_published(run, "totals")
        assert until_published(other.get(run.id), "totals") == known
        told = CliRunner().invoke(command_line, ["show", run.id, "--store", address, "--json"])
        assert json.loads(told.output)["published"] == known
        told = CliRunner().invoke(command_line, ["show", run.id, "--store", address])
        assert "published" in told.output
        assert "totals = [6]" in told.output
    with penstock.open(address) as engine:
        assert engine.get(run.id).published() == known
        resumed = engine.resume(run.id, counting)
        assert resumed.published() == known
        engine.signal(run.id, "more", 0)
        assert resumed.result(60) == 6
        kinds = [event.data for _, _, event in resumed.events() if isinstance(event, e.Noted)]
        assert [data.get("done") for data in kinds if "done" in data] == [0, 1, 2, 3, "all", "all and more"]


def test_a_part_of_a_run_publishes_under_its_own_name() -> None:
    run = two_at_once.start()
    until_published(run, "counting-2/totals")
    until_published(run, "counting/totals")
    found = run.published()
    assert found["stage"] == "both"
    assert (found["counting/of"], found["counting-2/of"]) == (2, 3)
    run.signal("more", 0)
    run.signal("more", 0)
    assert run.result(60) == [2, 6]


def test_what_cannot_be_stored_is_refused_where_it_is_said() -> None:
    @workflow
    async def wrong() -> None:
        publish(engine=object())

    with pytest.raises(RunFailed, match="engine"):
        wrong.run()


def test_only_a_function_that_runs_can_publish() -> None:
    with pytest.raises(UserError, match=r"publish\(\) belongs into a durable function"):
        publish(done=1)


class TestWhateverHappens(ProgramSuite):
    """Crashes, takeovers, duplicates: told once each, and the same in every replay."""

    seeds = 5

    def examples(self) -> dict[str, Example]:
        return {
            "counting": Example(counting.as_program(), {"to": 4}, signals=[("more", 1)], value=13),
            "parts": Example(two_at_once.as_program(), {}, signals=[("more", 0), ("more", 0)], value=[2, 6]),
        }
