"""Results of steps that are used again in other runs, and why others are not."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Cache, Workflow, task
from penstock.app import Run
from penstock.errors import DefinitionError, RunFailed
from penstock.functions import step, workflow
from penstock.model import events as e
from tests.cache.projects import project

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    calls.clear()
    yield
    penstock.close_all()


@task(cache=True)
def double(x: int) -> int:
    calls.append(x)
    return 2 * x


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def add(double: list[int]) -> int:
    return sum(double)


def single(**options: Any) -> Workflow:
    flow = Workflow("single")
    flow.add_task(double, **options)
    return flow


def mapped() -> Workflow:
    flow = Workflow("mapped")
    flow.add_task(numbers)
    flow.add_task(double.map(x="numbers", window=4))
    flow.add_task(add, depends_on=["double"])
    return flow


def ran(flow: Any, store: Path, **inputs: Any) -> Run[Any]:
    """A run, by an engine of its own."""
    with penstock.open(f"sqlite:///{store}/runs.db", durability="crash") as engine:
        run = engine.run(flow, inputs)
        run.kept = run.events()  # type: ignore[attr-defined]
        return run


def reused(run: Any) -> dict[tuple[str, int | None], str]:
    return {
        (event.step, event.item): event.source for _, _, event in run.kept if isinstance(event, e.StepReused)
    }


def missed(run: Any) -> list[dict[str, Any]]:
    notes = [event for _, _, event in run.kept if isinstance(event, e.Noted) and event.topic == "cache"]
    return [note.data for note in notes]


def test_a_result_is_used_again_by_another_process_of_the_store_and_says_from_which_run(
    tmp_path: Path,
) -> None:
    first, second = ran(single(), tmp_path, x=3), ran(single(), tmp_path, x=3)
    assert (first.result(), second.result(), calls) == (6, 6, [3])
    assert reused(second) == {("double", None): first.id}
    assert missed(first) == [
        {"missed": "new", "why": "no result of tests.cache.test_results.double is kept yet"}
    ]
    assert missed(second) == []


def test_other_inputs_are_another_result(tmp_path: Path) -> None:
    ran(single(), tmp_path, x=3)
    other = ran(single(), tmp_path, x=4)
    assert calls == [3, 4]
    assert missed(other) == [{"missed": "inputs", "why": "no result is kept for these inputs"}]


def test_items_of_a_map_are_used_again_one_by_one(tmp_path: Path) -> None:
    first, second = ran(mapped(), tmp_path, n=10), ran(mapped(), tmp_path, n=12)
    assert (first.result(), second.result()) == (90, 132)
    assert calls == list(range(12))
    assert reused(second) == {("double", item): first.id for item in range(10)}
    assert sum(note["items"] for note in missed(second)) == 2
    assert second.steps["double"].status == "completed"


def test_the_log_of_a_reused_map_is_folded_to_the_same_again(tmp_path: Path) -> None:
    ran(mapped(), tmp_path, n=10)
    second = ran(mapped(), tmp_path, n=10)
    with penstock.open(f"sqlite:///{tmp_path}/runs.db") as engine:
        assert engine.get(second.id).result() == 90
        record = engine.get(second.id).steps["double"]
        assert record.status == "reused"
        fork = engine.fork(second.id, "add", definition=mapped(), wait=True)
        assert fork.result() == 90


def test_a_version_and_a_time_end_the_use_of_a_result(tmp_path: Path) -> None:
    ran(single(cache=Cache(version="1", expires="7d")), tmp_path, x=3)
    other = ran(single(cache=Cache(version="2", expires=timedelta(microseconds=1))), tmp_path, x=3)
    late = ran(single(cache=Cache(version="2")), tmp_path, x=3)
    assert calls == [3, 3, 3]
    assert [missed(other)[0]["missed"], missed(late)[0]["missed"]] == ["version", "expired"]
    assert missed(other)[0]["why"] == "its version was '1' and is '2'"


def test_a_key_says_what_counts_of_the_inputs(tmp_path: Path) -> None:
    flow = Workflow("keyed")

    @flow.task(cache=Cache(key=lambda name: name.lower()))
    def greet(name: str, loud: bool = False) -> str:
        calls.append(name)
        return name.upper() if loud else name

    assert ran(flow, tmp_path, name="Ada").result() == "Ada"
    assert ran(flow, tmp_path, name="ADA", loud=True).result() == "Ada"
    assert calls == ["Ada"]


def test_what_changed_in_the_code_is_told(tmp_path: Path) -> None:
    shop = """
        from penstock import Workflow, task
        from rates import rate
        @task(cache=True)
        def price(x: int) -> float:
            return x * rate()
        flow = Workflow("shop")
        flow.add_task(price)
        """
    rates = "def rate(): return 2\n"
    with project(tmp_path / "a", shop=shop, rates=rates) as module:
        assert ran(module.flow, tmp_path, x=3).result() == 6
    with project(tmp_path / "b", shop=shop, rates=rates + "# no change\n") as module:
        assert reused(ran(module.flow, tmp_path, x=3))
    with project(tmp_path / "c", shop=shop, rates=rates.replace("2", "3")) as module:
        run = ran(module.flow, tmp_path, x=3)
    assert run.result() == 9
    assert missed(run) == [
        {"missed": "code", "why": "its code changed: rates.rate", "changed": ["rates.rate"]}
    ]


def test_large_results_come_back_whole(tmp_path: Path) -> None:
    flow = Workflow("large")

    @flow.task(cache=True)
    def large(n: int) -> str:
        calls.append(n)
        return "x" * n

    assert len(ran(flow, tmp_path, n=200_000).result()) == 200_000
    assert len(ran(flow, tmp_path, n=200_000).result()) == 200_000
    assert calls == [200_000]


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    flow = Workflow("failing")

    @flow.task(cache=True)
    def fail(x: int) -> int:
        calls.append(x)
        raise ValueError(x)

    for _ in range(2):
        with pytest.raises(RunFailed):
            ran(flow, tmp_path, x=1).result()
    assert calls == [1, 1]


def test_durable_functions_and_event_loops_use_results_again(tmp_path: Path) -> None:
    @task(cache=True, executor="asyncio")
    async def later(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0)
        return x + 1

    @workflow
    async def counting(n: int) -> int:
        several = await step(later).map(x=list(range(n)))
        return sum(several) + await later(100)

    async def once() -> int:
        return await counting.using(store=f"sqlite:///{tmp_path}/runs.db").run_async(n=3)

    assert asyncio.run(once()) == 107
    assert asyncio.run(once()) == 107
    assert sorted(calls) == [0, 1, 2, 100]


def test_an_engine_that_keeps_nothing_keeps_no_results() -> None:
    flow = single()
    for _ in range(2):
        assert flow.using(store="ephemeral").run(x=3) == 6
    assert calls == [3, 3]


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("7d", "cache='7d' must be True, False or a Cache"),
        (Cache(expires="soon"), "expires='soon' of a cache must be seconds"),
        (Cache(expires=-1), "expires=-1 of its cache must be a time above 0"),
        (Cache(version=2), "version=2 of its cache must be text"),  # type: ignore[arg-type]
        (Cache(key="x"), "key='x' of its cache must be a function"),  # type: ignore[arg-type]
    ],
)
def test_what_means_nothing_is_refused(cache: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        task(cache=cache)(len)


def test_a_step_in_a_transaction_has_no_cache() -> None:
    with pytest.raises(DefinitionError, match="leave the cache out"):
        task(cache=True, transaction=True)(len)
