"""Bad inputs of every kind, each told in one message that holds what was given, where, and what to do.

A row is a workflow file, which is run, or a command line, and the words that must be said. `{here}` is the file and line of
the comment `# here`.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.conftest import Cli, Spawned

HEAD = """
import threading

import penstock
from penstock import RetryPolicy, Workflow, task


def add(a: int = 1, b: int = 2) -> int:
    return a + b


def boom() -> None:
    raise OSError("boom")


flow = Workflow("made")
"""

TWO = """
from penstock import Workflow, task

@task
def take(number: int, deep: dict[str, int] | None = None, many: list[int] | None = None) -> int:
    return number

one = Workflow("one")
one.add_task(take)
two = Workflow("two")
two.add_task(take)
"""


class Row(NamedTuple):
    """What is done, what must be said of it, and the exit code."""

    done: str
    words: tuple[str, ...]
    code: int = 2


def flow(code: str, *words: str) -> Row:
    """A workflow file that is wrong where its comment says."""
    return Row(code, ("{here}: ", *words) if "# here" in code else words)


def fails(code: str, *words: str) -> Row:
    """A workflow file whose run fails."""
    return Row(code, words, 1)


def typed(line: str, *words: str, code: int = 2) -> Row:
    """A command line."""
    return Row(f"$ {line}", words, code)


def option(given: str, *words: str) -> Row:
    return flow(f"flow.add_task(add, {given})  # here\n", "task 'add'", *words)


def setting(given: str, *words: str) -> Row:
    return flow(f"Workflow('mine', {given})  # here\n", "workflow 'mine'", *words)


ROWS = {
    # options of tasks
    "negative retries": option("retries=-1", "retries=-1", "a whole number from 0 up"),
    "retries as text": option("retries='three'", "'three'", "a whole number from 0 up"),
    "retries beyond reason": option("retries=10**100", "retries=1000", "a million at most"),
    "a policy without attempts": option("retries=RetryPolicy(attempts=0)", "attempts=0", "at least one attempt"),
    "a policy of text": option("retries=RetryPolicy(attempts='x')", "attempts='x'", "RetryPolicy of numbers"),
    "no time at all": option("timeout=0", "timeout=0", "above 0, or None"),
    "a time of NaN": option("timeout=float('nan')", "timeout=nan", "above 0, or None"),
    "an endless time": option("timeout=float('inf')", "timeout=inf", "or None"),
    "a time as text": option("timeout='10s'", "timeout='10s'", "a number of seconds"),
    "a delay of NaN": option("retries=1, retry_delay=float('nan')", "retry_delay=nan", "a number from 0 up"),
    "a delay of 401 digits": option("retry_delay=10**400", "(401 characters)", "at most 1e12"),
    "a shrinking backoff": option("retry_backoff=-2", "retry_backoff=-2", "a number from 0 up"),
    "a jitter that is none": option("retry_jitter='ful'", "'ful'", "'none', 'full' or 'equal'"),
    "an exception by name": option("retry_on='OSError'", "retry_on='OSError'", "an exception class"),
    "a truth as text": option("pure='no'", "pure='no'", "True or False"),
    "a mistyped option": option("retrys=3", "no option 'retrys'", "did you mean 'retries'?"),
    "an executor that is a number": option("executor=3", "executor=3", "such as 'threads'"),
    "a mistyped executor": flow(
        "@task(executor='thread')  # here\ndef f():\n    pass\nflow.add_task(f)\n",
        "no executor 'thread'", "there are asyncio, inline, processes, threads",
    ),
    "a lambda for another process": flow(
        "flow.add_task(lambda: 1, name='f', executor='processes')  # here\n", "is a lambda", "run the step on threads"
    ),
    "a time on the caller's thread": flow(
        "def f():  # here\n    pass\nflow.add_task(f, executor='inline', timeout=1)\n",
        "timeout=1", "say executor='threads'",
    ),
    # what is said of a workflow
    "a limit of nothing": setting("limit=0", "limit=0", "at least 1"),
    "a limit as text": setting("limit='4'", "limit='4'", "a whole number"),
    "a limit beyond reason": setting("limit=10**100", "limit=1000", "at most a million"),
    "a workflow's time of NaN": setting("timeout=float('nan')", "timeout=nan", "or None"),
    "inputs as a list": setting("inputs=['a']", "inputs=['a']", "a dict of names and types"),
    "a hook that is no function": setting("on_success='mail'", "on_success='mail'", "a function, or None"),
    "tags that are no texts": setting("tags={'a': 1}", "tags={'a': 1}", "a dict of texts"),
    "a workflow without a name": flow("Workflow('')  # here\n", "''", "needs a name"),
    "a name that is a number": flow("Workflow(7)  # here\n", "7 is none", "some text"),
    "half a character as a name": flow("Workflow('a\\udc80')  # here\n", "'a\\udc80'", "can be shown"),
    "a name of two lines": flow("Workflow('a\\nb')  # here\n", r"'a\nb'", "can be shown"),
    "a name of 100,000 characters": flow(
        "flow.add_task(add, name='y' * 100_000)  # here\n", "100,000 characters", "use 200 or fewer"
    ),
    "a path as a name": flow("flow.add_task(add, name='a/b')  # here\n", "'a/b'", "say '-'"),
    "a name used twice": flow(
        "flow.add_task(add)\nflow.add_task(add)  # here\n", "'add' already", "add_task(..., name=...)"
    ),
    "a workflow of nothing": flow("del flow\nempty = Workflow('empty')  # here\n", "'empty'", "add_task(...)"),
    # what depends on what
    "a task that is not there": flow(
        "flow.add_task(add, depends_on=['ad'])  # here\n", "depends on 'ad'", "did you mean 'add'?"
    ),
    "an umlaut in two spellings": flow(
        "def Größe(): pass\nflow.add_task(Größe, depends_on=['Grösse'])  # here\n", "'Grösse'", "mean 'Größe'?"
    ),
    "one task among thousands": flow(
        "for n in range(3000):\n    flow.add_task(add, name=f'n{n}')\n"
        "flow.add_task(boom, depends_on=['zzz'])  # here\n",
        "'zzz'", "and 2,989 more",
    ),
    "a dependency that is a number": flow(
        "flow.add_task(add, depends_on=[3])  # here\n", "3 names no task", "give a task, its name"
    ),
    "a task that waits for itself": flow(
        "flow.add_task(add, depends_on=['add'])  # here\n", "add -> add", "remove one of these dependencies"
    ),
    "a circle of two": flow(
        "flow.add_task(boom, depends_on=['add'])\nflow.add_task(add, depends_on=['boom'])  # here\n",
        "add -> boom -> add", "remove one",
    ),
    "a circle of a thousand": flow(
        "for n in range(1000):\n    flow.add_task(boom, name=f'n{n}', depends_on=[f'n{(n + 1) % 1000}'])  # here\n",
        " -> … -> ", "remove one",
    ),
    "a workflow that holds itself": flow(
        "flow.add_task(add)\nflow.add_workflow(flow, values={})\n", "made.py:16: ", "'made' holds itself", "take this"
    ),
    "a forgotten dependency": flow(
        "flow.add_task(boom)\nflow.add_task(lambda boom: 1, name='f')  # here\n",
        "'boom'", "say depends_on=['boom']",
    ),
    "an argument nobody gives": flow(
        "w = Workflow('w', inputs={})\ndel flow\nw.add_task(lambda x: x, name='f')  # here\n",
        "nobody provides 'x'", "nor a declared input",
    ),
    "a parameter that has no name": flow(
        "def f(a, /): pass  # here\nflow.add_task(f)\n", "parameter 'a'", "remove the '/'"
    ),
    "a task that was called": flow("flow.add_task(add())  # here\n", "3 is no task", "without the ()"),
    "a value for no parameter": flow(
        "flow.add_task(add, values={'c': 1})  # here\n", "no parameter 'c'", "it has a, b"
    ),
    "values as a list": flow("flow.add_task(add, values=[1])  # here\n", "values=[1]", "must be a dict"),
    "a mistyped trigger": flow(
        "flow.add_task(add, trigger='all_suceeded')  # here\n", "'all_suceeded'", "mean 'all_succeeded'?"
    ),
    "a condition that is none": flow("flow.add_task(add, when=True)  # here\n", "when=True", "a function"),
    "an arrow outside": flow("task(add) >> task(boom)  # here\n", "<Task add>", "inside `with Workflow"),
    "a resource that is none": flow(
        "w = Workflow('w', resources={'a': 3})\ndel flow\nw.add_task(add)  # here\n", "a=3", "with @resource"
    ),
    "a task by a wrong name": flow(
        "flow.add_task(add)\nflow.get_task('ad')  # here\n", "no task 'ad'", "did you mean 'add'?"
    ),
    # maps
    "a map over nothing": flow("task(add).map()  # here\n", "add.map()", "such as add.map(a=...)"),
    "a map over a number": flow("flow.add_task(task(add).map(a=3))  # here\n", "over 3", "give it a list"),
    "a window of nothing": flow("task(add).map(a=[1], window=0)  # here\n", "window=0", "at least 1"),
    "a map of unequal lists": fails(
        "flow.add_task(task(add).map(a=[1], b=[1, 2]))\n", "{'a': 1, 'b': 2}", "lists of one length"
    ),
    "a map over a result that is none": fails(
        "flow.add_task(lambda: 3, name='n')\nflow.add_task(task(add).map(a='n'))\n", "which is int", "give it a list"
    ),
    # values that cannot be kept
    "code as a result": fails("def f(): return {'x': [add]}  # here\nflow.add_task(f)\n",
        "{here}: ", "$.x[0]", "function", "pass a name"),
    "a lock as a result": fails("flow.add_task(lambda: threading.Lock(), name='f')  # here\n",
        "{here}: ", "_thread.lock", "inside the step that uses it"),
    "an open file as a result": fails("flow.add_task(lambda: open(__file__), name='f')  # here\n",
        "{here}: ", "TextIOWrapper", "pass its path"),
    "a result that holds itself": fails(
        "def f():  # here\n    a = []\n    a.append(a)\n    return a\nflow.add_task(f)\n",
        "{here}: ", "contains itself", "store ids"),
    "a hundred thousand brackets": fails(
        "def f():  # here\n    a = []\n    for _ in range(100_000):\n        a = [a]\n    return a\nflow.add_task(f)\n",
        "{here}: ", "[0][0]", "levels"),
    "code as an input": flow("flow.add_task(add)\nflow.run(a=add)\n", "made.py:16: ", "input 'a'", "must be int"),
    # runs from Python
    "an input of a wrong type": flow("flow.add_task(add)\nflow.run(a='x')\n", "'x' is str", "must be int"),
    "a huge input of a wrong type": flow(
        "flow.add_task(add)\nflow.run(a='x' * 10**6)\n", "(1,000,002 characters)", "must be int"
    ),
    "an unknown input": flow("flow.add_task(add, name='x')\nflow.run(aa=1)\n", "made.py:16: ", "'aa'", "did you mean 'a'?"),
    "a run's time below nothing": flow(
        "flow.add_task(add)\nflow.using(timeout=-1).run()  # here\n", "timeout=-1", "above 0"
    ),
    "a key that is a number": flow("flow.add_task(add)\nflow.using(key=3).run()  # here\n", "key=3", "some text"),
    "a store that is a number": flow("penstock.open(3)  # here\n", "store 3", "say 'sqlite:///PATH'"),
    "a NUL in a store's path": flow("penstock.open('a\\0b')  # here\n", r"'a\x00b'", "sqlite:///path"),
    "a mistyped option of an engine": flow(
        "penstock.open('ephemeral', durabilty='crash')  # here\n", "'durabilty'", "did you mean 'durability'?"
    ),
    "a mistyped durability": flow(
        "penstock.open('x.db', durability='pwer')  # here\n", "'pwer'", "'power' (survives a power cut)"
    ),
    "a status that is none": flow(
        "with penstock.open('x.db') as engine:\n    engine.list(status='done')  # here\n",
        "status='done'", "completed, failed, cancelled",
    ),
    "a context outside a step": flow("penstock.context()  # here\n", "outside a step", "inside a step's function"),
    "a resumed run that was cancelled": flow(
        "gate = threading.Event()\nflow.add_task(lambda: gate.wait(9), name='f', executor='threads')\n"
        "run = flow.start()\nrun.cancel()\nrun.wait()\ngate.set()\nrun.resume()  # here\n",
        "was cancelled", "start a new one",
    ),
    "a result of a task that was not run": flow("task(add).result  # here\n", "'add'", "say flow.run(...)"),
    # files
    "no file": typed("run nowhere.py", "'nowhere.py'", "looked in"),
    "a folder": typed("run shelf", "'shelf' is a folder", "shelf/flow.py"),
    "a file of other letters": typed("run latin.py", "latin.py:1: ", "0xff"),
    "a syntax error": typed("run unclosed.py", "unclosed.py:2: ", "'(' was never closed"),
    "a missing module": typed("run importing.py", "importing.py:1, in", "No module named 'not_there'"),
    "a file that exits": typed("run leaves.py", "leaves.py:1, in", "SystemExit: 3"),
    "no workflow in it": typed("run empty.py", "empty.py holds no workflow", "flow = Workflow('name')"),
    "two workflows in it": typed("run two.py", "holds 2 workflows", "two.py:one", "two.py:two"),
    "a workflow by a wrong name": typed("run two.py:oen", "'oen'", "did you mean 'one'?"),
    # inputs on the command line
    "no input": typed("run two.py:one", "two.py:8: ", "input 'number'", "--number"),
    "text for a number": typed("run two.py:one --number x", "two.py:8: ", "'x' is not", "must be int"),
    "JSON that is cut off": typed("run two.py:one --number 1 --deep {", "'{' is not", "dict"),
    "JSON of a wrong type": typed('run two.py:one --number 1 --deep {"a":"b"}', '{"a":"b"}', "Expected `int`"),
    "text in a list": typed("run two.py:one --number 1 --many 1 --many x", "'x' is not", "must be int"),
    "a mistyped input": typed("run two.py:one --numbr 1", "--numbr", "--number"),
    "an unknown pair": typed("run two.py:one --number 1 --input x=1", "no input 'x'", "'number', 'deep'"),
    "a tag without a value": typed("run two.py:one --number 1 --tag x", "'x'", "NAME=VALUE"),
    "a time of NaN as typed": typed("run two.py:one --number 1 --timeout nan", "timeout=nan", "above 0"),
    "an executor as mistyped": typed("run two.py:one --executor thread", "'thread'", "'threads'"),
    # commands
    "an unknown command": typed("rum", "'rum'", "did you mean 'run'?"),
    "a file for a command": typed("two.py", "'two.py'", "penstock run two.py"),
    "a mistyped option of a command": typed("runs --stroe x", "--stroe", "see: penstock runs --help"),
    "a run that is not there": typed("show beef", "'beef'", "see `penstock runs`"),
    "a run to resume that is not there": typed("resume nope", "'nope'", "see `penstock runs`"),
    "a run's step that is not there": typed("logs latest grete", "'grete'", "did you mean 'greet'?"),
    "a cancel after the end": typed("cancel latest", "is completed", "paused or pending or running"),
    "a list of fewer than none": typed("runs --limit -1", "-1", "x>=1"),
    # stores
    "a store of an unknown kind": typed("runs --store redis://x", "'redis'", "use sqlite:///PATH"),
    "a store's kind mistyped": typed("runs --store memry:", "'memry:'", "did you mean 'memory:'?"),
    "a store without a path": typed("runs --store sqlite://x", "'sqlite://x'", "sqlite:///path/to/file.db"),
    "a store that is a folder": typed("run greetings.py --store shelf", "shelf is no file", "name a file"),
    "a store not made yet": typed("show latest --store none.db", "none.db", "`penstock run FILE` makes one"),
    "a store that is text": typed("runs --store notes.txt", "notes.txt", "name another file", code=3),
    "another program's database": typed("runs --store other.db", "other.db", "name another file", code=3),
    "a store of the future": typed("runs --store newer.db", "schema 9999", "install the newer", code=3),
    "a damaged store": typed("runs --store damaged.db", "damaged.db is damaged", "restore a backup", code=3),
    "half a store": typed("run greetings.py --store half.db", "half.db is damaged", "a backup", code=3),
}  # fmt: skip


@pytest.fixture
def bad(cli: Cli, folder: Path) -> Cli:
    """The command line in a folder with all that the rows need, and a run that is completed."""
    for name, text in {
        "two.py": TWO,
        "empty.py": "x = 1\n",
        "importing.py": "import not_there\n",
        "leaves.py": "raise SystemExit(3)\n",
        "unclosed.py": "x = 1\nflow = f(\n",
        "notes.txt": "no database at all, but long enough to be taken for one\n" * 100,
    }.items():
        (folder / name).write_text(text)
    (folder / "latin.py").write_bytes(b"name = '\xff'\n")
    (folder / "shelf").mkdir()
    assert cli("run", "greetings.py").exit_code == 0
    return cli


@pytest.fixture
def stores(bad: Cli, folder: Path) -> None:
    """Files that are no stores, or no longer, or not yet."""
    assert bad("run", "greetings.py", "--store", "good.db").exit_code == 0
    for name, sql in (("newer.db", "PRAGMA user_version = 9999"), ("other.db", "CREATE TABLE t (x)")):
        if name == "newer.db":
            shutil.copy(folder / "good.db", folder / name)
        file = sqlite3.connect(folder / name)
        file.execute(sql)
        file.commit()
        file.close()
    whole = (folder / "good.db").read_bytes()
    (folder / "damaged.db").write_bytes(whole[:4096] + b"Z" * (len(whole) - 4096))
    (folder / "half.db").write_bytes(whole[:5000])


def words_of(row: Row) -> list[str]:
    """What must be said, with the file and line that the comment marks."""
    lines = (HEAD + row.done).split("\n")
    marked = [number for number, line in enumerate(lines, 1) if "# here" in line]
    return [word.replace("{here}", f"made.py:{marked[0]}" if marked else "") for word in row.words]


@pytest.mark.parametrize("title", ROWS)
def test_what_was_wrong_where_and_what_to_do_is_said_once(
    title: str, bad: Cli, folder: Path, request: pytest.FixtureRequest
) -> None:
    row = ROWS[title]
    if ".db" in row.done:
        request.getfixturevalue("stores")
    if row.done.startswith("$ "):
        arguments = row.done[2:].split()
    else:
        (folder / "made.py").write_text(HEAD + row.done, encoding="utf-8", errors="surrogatepass")
        arguments = ["run", "made.py"]
    result = bad(*arguments, *(["--json"] if row.code == 1 else []))
    assert result.exit_code == row.code, result.output
    assert "Traceback" not in result.output
    if row.code == 1:
        said = json.loads(result.stdout)["error"]["message"]
    else:
        assert result.stdout == ""
        said = result.stderr
        assert said.startswith("error: ")
        assert said.count("error: ") == 1
    assert [word for word in words_of(row) if word not in said] == [], said
    assert len(said) < 2_000


def test_they_are_sixty_and_more() -> None:
    assert len(ROWS) >= 60
    assert len({row.done for row in ROWS.values()}) == len(ROWS)


def test_a_process_says_it_as_well(spawn: Callable[..., Spawned], folder: Path) -> None:
    (folder / "made.py").write_text(HEAD + "flow.add_task(add, retries=-1)\n")
    code, out, err = spawn("run", "made.py").ended()
    assert (code, out) == (2, "")
    assert err.startswith("error: made.py:")
    assert "retries=-1 must be" in err
    assert err.count("\n") == 1


def test_a_trace_is_for_those_who_ask(cli: Cli, folder: Path) -> None:
    (folder / "made.py").write_text(HEAD + "flow.add_task(add, retries=-1)\n")
    assert "Traceback" in cli("run", "made.py", "--debug").stderr
