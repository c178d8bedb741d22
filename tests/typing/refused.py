"""What a type checker must not let pass: the marked lines and no others, by mypy's code and by pyright's rule."""

from __future__ import annotations

from penstock import Run, Task, Workflow, task
from penstock.functions import sleep, step, wait_for_signal, workflow
from penstock.testing import raising, simulated


@task
def load(path: str) -> list[int]:
    return []


@task(retries="3")  # error: call-overload, reportArgumentType
def eager() -> None: ...


@task(retires=3)  # error: call-overload, reportCallIssue
def misspelt() -> None: ...


load(7)  # error: arg-type, reportArgumentType
load()  # error: call-arg, reportCallIssue
load(file="a")  # error: call-arg, reportCallIssue
text: str = load("a")  # error: assignment, reportAssignmentType
wrong: Task[[int], list[int]] = load  # error: assignment, reportAssignmentType

flow = Workflow("flow")
loaded = flow.add_task(load)
loaded(7)  # error: arg-type, reportArgumentType
flow.add_task("load")  # error: arg-type, reportArgumentType
flow.add_task(load, name="again", trigger="any")  # error: arg-type, reportArgumentType
flow.add_task(load, name="again", retires=3)  # error: call-arg, reportCallIssue
Workflow("flow", limit="many")  # error: arg-type, reportArgumentType
Workflow()  # error: call-arg, reportCallIssue


@flow.task
def count(load: list[int]) -> int:
    return len(load)


@flow.task(depends_on=["load"])
def add_up(load: list[int]) -> int:
    return sum(load)


@flow.task(depends_on=["load"], trigger="any")  # error: call-overload, reportArgumentType
def hasty(load: list[int]) -> int:
    return 0


count("a")  # error: arg-type, reportArgumentType
add_up("a")  # error: arg-type, reportArgumentType

run: Run[str] = flow.start(path="a")
number: int = run.result()  # error: assignment, reportAssignmentType
run.results()  # error: attr-defined, reportAttributeAccessIssue
flow.using(stoer="runs.db")  # error: call-arg, reportCallIssue

simulated(load)  # error: arg-type, reportArgumentType
raising("an error")  # error: arg-type, reportArgumentType


@workflow
async def order(path: str) -> int:
    await load(path)  # error: misc, reportGeneralTypeIssues
    await step(load)(7)  # error: arg-type, reportArgumentType
    wrong: str = await step(load)(path)  # error: assignment, reportAssignmentType
    await sleep("a minute")  # error: arg-type, reportArgumentType
    await wait_for_signal("go", int)  # error: call-overload, reportCallIssue
    return len(wrong)


@workflow(timeot=3)  # error: call-overload, reportCallIssue
async def hurried() -> None: ...


order.run()  # error: call-arg, reportCallIssue
order.run(7)  # error: arg-type, reportArgumentType
order.start(file="a")  # error: call-arg, reportCallIssue
title: str = order.run("a")  # error: assignment, reportAssignmentType
order.using(stoer="runs.db")  # error: call-arg, reportCallIssue
