"""Runs whose code has changed since they began: what has is said, and they go on as their author chose."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import penstock
from penstock.app import Engine, Run
from penstock.app.changes import Outlook, StepChange, check_goes_on
from penstock.app.worker import Worker
from penstock.errors import CodeChanged, CommandRefused, RunFailed, RunNotFound, SettingsError
from penstock.model import events as e
from tests.cache.projects import project

SHOP = """
    from penstock import Workflow, task
    from rates import rate, log

    @task
    def load(n: int) -> int:
        log("load")
        return n

    @task
    def left(load: int) -> int:
        log("left")
        return load * rate()

    @task
    def right(load: int) -> int:
        log("right")
        return load + 1

    @task
    def last(left: int, right: int) -> int:
        log("last")
        if BROKEN:
            raise ValueError("not yet")
        return left + right

    BROKEN = True
    flow = Workflow("shop"{options})
    flow.add_task(load)
    flow.add_task(left, depends_on=["load"])
    flow.add_task(right, depends_on=["load"])
    flow.add_task(last, depends_on=["left", "right"])
    """
RATES = """
    from pathlib import Path
    def log(name):
        with open(Path(__file__).parent.parent / "log", "a") as out:
            out.write(name + " ")
    def rate():
        return 2
    """
FUNCTION = """
    from penstock import task
    from penstock.functions import workflow
    from rates import rate, log

    @task
    def load(n):
        log("load")
        return n
    @task
    def scale(n):
        log("scale")
        return n * rate()
    @task
    def last(n):
        log("last")
        if BROKEN:
            raise ValueError("not yet")
        return n

    BROKEN = True

    @workflow
    async def flow(n: int):
        one = await load(n)
        two = await load(n + 1)
        return await last(await scale(one + two))
    """


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    penstock.close_all()


def engine_at(folder: Path) -> Engine:
    return penstock.open(f"sqlite:///{folder}/runs.db", durability="crash")


def failed(folder: Path, module: ModuleType, **inputs: Any) -> str:
    with engine_at(folder) as engine:
        run = engine.run(module.flow, inputs)
        with pytest.raises(RunFailed):
            run.result()
    (folder / "log").write_text("")
    return run.id


def mended(text: str) -> str:
    return text.replace("BROKEN = True", "BROKEN = False")


def logged(folder: Path) -> list[str]:
    return sorted((folder / "log").read_text().split())


def shop(options: str = "") -> str:
    return SHOP.replace("{options}", options)


def test_a_resumed_run_says_which_steps_changed_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with project(tmp_path / "a", shop=shop(), rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    rates = RATES.replace("return 2", "return 5")
    with project(tmp_path / "b", shop=mended(shop()), rates=rates) as module, engine_at(tmp_path) as engine:
        changes = {each.step: each.parts for each in engine.changes(run_id, module.flow)}
        assert changes == {"left": ("rates.rate",), "last": ("shop.BROKEN",)}
        with caplog.at_level(logging.WARNING, "penstock"):
            run = engine.resume(run_id, module.flow, wait=True)
        assert (run.id, run.result()) == (run_id, 10)
        assert "left (changed: rates.rate)" in caplog.text
        notes = [each for _, _, each in run.events() if isinstance(each, e.Noted)]
        assert [(each.topic, sorted(each.data)) for each in notes] == [
            ("code_changed", ["last", "left"]),
            ("code", ["began", "code", "version"]),
        ]
    assert logged(tmp_path) == ["last"]


def test_who_takes_a_run_up_again_with_the_code_that_it_went_on_with_is_told_nothing(tmp_path: Path) -> None:
    refusing = shop(", on_change='refuse'")
    with project(tmp_path / "a", shop=refusing, rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    rates = RATES.replace("return 2", "return 5")
    with project(tmp_path / "b", shop=refusing, rates=rates) as module:
        for insisting in ("continue", None):
            with engine_at(tmp_path) as engine, pytest.raises(RunFailed):
                engine.resume(run_id, module.flow, wait=True, on_change=insisting).result()  # type: ignore[arg-type]
        with engine_at(tmp_path) as engine:
            assert [each.step for each in engine.changes(run_id, module.flow)] == ["left"]
            notes = [each.topic for _, _, each in engine.get(run_id).events() if isinstance(each, e.Noted)]
    assert notes == ["code_changed", "code"]
    other = RATES.replace("return 2", "return 7")
    with (
        project(tmp_path / "c", shop=refusing, rates=other) as module,
        engine_at(tmp_path) as engine,
        pytest.raises(CodeChanged, match=r"left \(changed"),
    ):
        engine.resume(run_id, module.flow, wait=True)


def test_a_run_begins_with_the_code_of_whoever_takes_it_first(tmp_path: Path) -> None:
    waiting = (
        shop()
        + """
    flow = Workflow("shop", on_change="refuse")
    flow.add_task(load)
    flow.add_signal("go", depends_on=["load"])
    """
    )
    more = waiting + '\n    flow.add_task(right, depends_on=["load"])\n'
    with project(tmp_path / "a", shop=waiting, rates=RATES) as module, engine_at(tmp_path) as engine:
        run_id = engine.submit(module.flow, {"n": 3}).id
    with project(tmp_path / "b", shop=more, rates=RATES) as module:
        with engine_at(tmp_path) as engine:
            _work(engine, module, engine.get(run_id), "right")
        with engine_at(tmp_path) as engine:
            assert engine.changes(run_id, module.flow) == []
            engine.signal(run_id, "go", None)
            worker = Worker(engine, [module.flow])
            worker.serve(until_idle=True)
            run = engine.get(run_id)
            assert (worker.refused, run.status) == ({}, "completed")
            notes = [
                (each.topic, each.data["began"]) for _, _, each in run.events() if isinstance(each, e.Noted)
            ]
    assert notes == [("code", True)]


def test_the_code_that_a_run_was_submitted_with_is_another_once_it_began(tmp_path: Path) -> None:
    waiting = (
        (
            shop()
            + """
    flow = Workflow("shop", on_change="refuse")
    flow.add_task(left, name="load")
    flow.add_signal("go", depends_on=["load"])
    """
        )
        .replace("left(load: int)", "left(n: int)")
        .replace("return load *", "return n *")
    )
    other = RATES.replace("return 2", "return 5")
    with project(tmp_path / "a", shop=waiting, rates=RATES) as module, engine_at(tmp_path) as engine:
        run_id = engine.submit(module.flow, {"n": 3}).id
    with project(tmp_path / "b", shop=waiting, rates=other) as module, engine_at(tmp_path) as engine:
        _work(engine, module, engine.get(run_id), "load")
    with project(tmp_path / "c", shop=waiting, rates=RATES) as module, engine_at(tmp_path) as engine:
        assert [each.parts for each in engine.changes(run_id, module.flow)] == [("rates.rate",)]
        with pytest.raises(CodeChanged, match=r"rates\.rate"):
            engine.resume(run_id, module.flow)


def test_a_worker_lets_a_paused_run_be_where_it_would_go_on_in_a_new_one(tmp_path: Path) -> None:
    waits = '\n    flow.add_signal("go")\n'  # so that it cannot be over before it is paused
    renewing = mended(shop(", on_change='new_run'")) + waits
    with project(tmp_path / "a", shop=renewing, rates=RATES) as module, engine_at(tmp_path) as engine:
        run = engine.submit(module.flow, {"n": 3})
        run.pause()
        _work_until(engine, module, lambda: run.status == "paused")
    rates = RATES.replace("return 2", "return 5")
    with project(tmp_path / "b", shop=renewing, rates=rates) as module, engine_at(tmp_path) as engine:
        worker = Worker(engine, [module.flow])
        worker.serve(until_idle=True)
        assert "is paused, and its code has changed" in worker.refused[run.id][1]
        assert [each.id for each in engine.list()] == [run.id]
        fresh = engine.resume(run.id, module.flow)
        fresh.signal("go")
        assert (fresh.result(60), fresh.id != run.id) == ({"last": 19, "go": None}, True)


PARENT = """
    from penstock import Workflow, task
    from rates import rate, log

    @task
    def load(n: int) -> int:
        log("load")
        return n

    child = Workflow("child"{options})
    child.add_task(load)
    child.add_signal("go", depends_on=["load"])
    @task
    def scale(go: int) -> int:
        return go * rate()
    child.add_task(scale, depends_on=["go"])

    flow = Workflow("parent")
    flow.add_workflow(child, own_run=True)
    """


@pytest.mark.parametrize("options", ["", ", on_change='refuse'"])
def test_a_step_that_is_a_run_of_its_own_is_minded_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: str
) -> None:
    text = PARENT.replace("{options}", options)
    with project(tmp_path / "a", shop=text, rates=RATES) as module, engine_at(tmp_path) as engine:
        parent = engine.start(module.flow, {"n": 3}).id
        child = _child_of(engine)
        _until_done(engine.get(child), "load")
    rates = RATES.replace("return 2", "return 5")
    with project(tmp_path / "b", shop=text, rates=rates) as module, engine_at(tmp_path) as engine:
        with caplog.at_level(logging.WARNING, "penstock"):
            run = engine.resume(parent, module.flow)
            _until(lambda: child in caplog.text and "scale (changed: rates.rate)" in caplog.text)
        if options:
            assert f"run {child} is left to others: the code of run {child} has changed" in caplog.text
            engine.resume(child, module.child, on_change="continue")
        engine.signal(child, "go", 4)
        assert run.result(20) == 20
        notes = [each.topic for _, _, each in engine.get(child).events() if isinstance(each, e.Noted)]
    assert notes == ["code_changed", "code"]
    assert logged(tmp_path) == ["load"]


def _child_of(engine: Engine) -> str:
    _until(lambda: any(row["workflow"] == "child" for row in engine.rows()))
    (child,) = [row["id"] for row in engine.rows() if row["workflow"] == "child"]
    return str(child)


def _until(true: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def _work(engine: Engine, module: ModuleType, run: Run[Any], step: str) -> None:
    """Have a worker drive a run until that step is done, and then leave it."""
    _work_until(engine, module, lambda: _is_done(run, step))


def _work_until(engine: Engine, module: ModuleType, true: Callable[[], bool]) -> None:
    worker = Worker(engine, [module.flow])
    thread = threading.Thread(target=worker.serve, kwargs={"drain_seconds": 0.0})
    thread.start()
    try:
        _until(true)
    finally:
        worker.stop()
        thread.join()


def test_a_run_that_was_only_submitted_can_be_resumed_with_another_structure(tmp_path: Path) -> None:
    refusing = mended(shop(", on_change='refuse'"))
    with project(tmp_path / "a", shop=refusing, rates=RATES) as module, engine_at(tmp_path) as engine:
        run_id = engine.submit(module.flow, {"n": 3}).id
    more = refusing + '\n    flow.add_task(right, name="more", depends_on=["load"])\n'
    with project(tmp_path / "b", shop=more, rates=RATES) as module, engine_at(tmp_path) as engine:
        run = engine.resume(run_id, module.flow, wait=True)
        assert run.result() == {"more": 4, "last": 10}
        assert engine.changes(run_id, module.flow) == []


def test_a_run_whose_lease_was_lost_goes_on_in_no_new_one(tmp_path: Path) -> None:
    with project(tmp_path / "a", shop=shop(), rates=RATES) as module, engine_at(tmp_path) as engine:
        run = engine.submit(module.flow, {"n": 3})
        with pytest.raises(CommandRefused, match="is being driven"):
            engine.begin_anew(run.id, module.flow, [StepChange("left")], epoch=7)
        assert [(each.id, each.status) for each in engine.list()] == [(run.id, "pending")]


def test_a_step_of_another_run_cannot_go_on_in_a_new_one() -> None:
    outlook = Outlook("new_run", [StepChange("left")])
    check_goes_on("r", outlook, None)
    with pytest.raises(CodeChanged, match=r"left \(changed\).*it is a step of run p"):
        check_goes_on("r", outlook, "p")


def test_nothing_is_said_where_nothing_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with project(tmp_path / "a", shop=shop(), rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    text = shop().replace("return n", "return n  # as it came")
    with project(tmp_path / "b", shop=text, rates=RATES) as module, engine_at(tmp_path) as engine:
        assert engine.changes(run_id, module.flow) == []
        with pytest.raises(RunFailed):
            engine.resume(run_id, module.flow, wait=True).result()
    assert "other code" not in caplog.text


def test_an_author_may_refuse_and_whoever_resumes_may_insist(tmp_path: Path) -> None:
    refusing = shop(", on_change='refuse'")
    with project(tmp_path / "a", shop=refusing, rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    with project(tmp_path / "b", shop=mended(refusing), rates=RATES) as module, engine_at(tmp_path) as engine:
        with pytest.raises(CodeChanged, match=r"last \(changed: shop.BROKEN\)"):
            engine.resume(run_id, module.flow, wait=True)
        assert engine.resume(run_id, module.flow, wait=True, on_change="continue").result() == 10


def test_a_new_run_does_again_what_changed_and_what_depends_on_it(tmp_path: Path) -> None:
    renewing = shop(", on_change='new_run'")
    with project(tmp_path / "a", shop=renewing, rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    rates = RATES.replace("return 2", "return 5")
    with project(tmp_path / "b", shop=mended(renewing), rates=rates) as module, engine_at(tmp_path) as engine:
        run = engine.resume(run_id, module.flow, wait=True)
        assert run.id != run_id
        assert run.result() == 19
        assert {each.step for _, _, each in run.events() if isinstance(each, e.StepReused)} == {
            "load",
            "right",
        }
        assert engine.get(run_id).status == "failed"
    assert logged(tmp_path) == ["last", "left"]


def test_a_changed_structure_goes_on_in_a_new_run(tmp_path: Path) -> None:
    with project(tmp_path / "a", shop=shop(), rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    more = mended(shop()).replace(
        "flow.add_task(right",
        "flow.add_task(left, name='extra', depends_on=['load'])\n    flow.add_task(right",
    )
    with project(tmp_path / "b", shop=more, rates=RATES) as module, engine_at(tmp_path) as engine:
        with pytest.raises(CodeChanged):
            engine.resume(run_id, module.flow, wait=True)
        run = engine.resume(run_id, module.flow, wait=True, on_change="new_run")
        assert run.result() == {"extra": 6, "last": 10}
    assert logged(tmp_path) == ["last", "left"]


def test_a_run_that_was_under_way_is_paused_when_another_takes_its_place(tmp_path: Path) -> None:
    waiting = (
        shop()
        + """
    flow = Workflow("shop")
    flow.add_task(load)
    flow.add_task(right, depends_on=["load"])
    flow.add_signal("go")
    """
    )
    with project(tmp_path / "a", shop=waiting, rates=RATES) as module, engine_at(tmp_path) as engine:
        begun = engine.start(module.flow, {"n": 3})
        _until_done(begun, "right")
    (tmp_path / "log").write_text("")
    changed = waiting.replace("load + 1", "load + 2")
    with project(tmp_path / "b", shop=changed, rates=RATES) as module, engine_at(tmp_path) as engine:
        run = engine.resume(begun.id, module.flow, on_change="new_run")
        _until_done(run, "right")
        old = engine.get(begun.id)
        assert old.status == "paused"
        assert run.id in next(each.reason for _, _, each in old.events() if isinstance(each, e.Paused))
    assert logged(tmp_path) == ["right"]


def test_functions_run_again_from_the_first_changed_step_on(tmp_path: Path) -> None:
    with project(tmp_path / "a", shop=FUNCTION, rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    rates = RATES.replace("return 2", "return 5")
    again = mended(FUNCTION).replace("@workflow", "@workflow(on_change='new_run')")
    with project(tmp_path / "b", shop=again, rates=rates) as module, engine_at(tmp_path) as engine:
        assert {each.step for each in engine.changes(run_id, module.flow)} == {"scale", "last"}
        assert engine.resume(run_id, module.flow, wait=True).result() == 35
    assert logged(tmp_path) == ["last", "scale"]


def test_a_function_that_changed_itself_is_run_from_the_beginning(tmp_path: Path) -> None:
    with project(tmp_path / "a", shop=FUNCTION, rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    other = mended(FUNCTION).replace("n + 1", "n + 2")
    with project(tmp_path / "b", shop=other, rates=RATES) as module, engine_at(tmp_path) as engine:
        assert str(engine.changes(run_id, module.flow)[0]) == "the workflow itself (changed: shop.flow)"
        assert engine.resume(run_id, module.flow, wait=True, on_change="new_run").result() == 16
    assert logged(tmp_path) == ["last", "load", "load", "scale"]


def test_a_strange_choice_is_refused(tmp_path: Path) -> None:
    with project(tmp_path / "a", shop=shop(), rates=RATES) as module:
        run_id = failed(tmp_path, module, n=3)
    with (
        project(tmp_path / "b", shop=mended(shop()), rates=RATES) as module,
        engine_at(tmp_path) as engine,
        pytest.raises(
            SettingsError, match="on_change='perhaps' must be one of 'continue', 'refuse', 'new_run'"
        ),
    ):
        engine.resume(run_id, module.flow, on_change="perhaps")  # type: ignore[arg-type]


def test_large_programs_are_compared_by_their_functions(tmp_path: Path) -> None:
    text = """
        from penstock import Workflow
        def one(n): return n
        def two(n): raise ValueError(n)
        flow = Workflow("large")
        for number in range(1_200):
            flow.add_task(one, name=f"one{number}")
        flow.add_task(two)
        """
    with project(tmp_path / "a", shop=text) as module:
        run_id = failed(tmp_path, module, n=3)
    other = text.replace("raise ValueError(n)", "return n")
    with project(tmp_path / "b", shop=other) as module, engine_at(tmp_path) as engine:
        assert [each.step for each in engine.changes(run_id, module.flow)] == ["shop.two"]


def _until_done(run: Run[Any], step: str) -> None:
    _until(lambda: _is_done(run, step))


def _is_done(run: Run[Any], step: str) -> bool:
    with suppress(RunNotFound):  # it is not recorded yet
        return any(isinstance(each, e.StepDone) and each.step == step for _, _, each in run.events())
    return False
