"""Writes a test that replays a run which really happened: see `record`."""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from penstock.app import Engine, engine_at
from penstock.codecs import JsonCodec
from penstock.errors import CommandRefused
from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.history import steps_in
from penstock.testing.kit.log import RunLog

Log = list[tuple[int, float, e.Event]]


def record(run: str, *, store: str | Engine | None = None, folder: str | Path = ".") -> str:
    """The text of a pytest file that replays a run: its steps end as they did, and must be the same again.

    `run` is its id, a beginning of it, or "latest"; `folder` is where the file is to stand: it names the workflow's file from
    there. Raises CommandRefused for a run that has not completed or failed, or whose code is in no file.
    """
    engine = engine_at(store)
    found = engine.get(run)
    if found.status not in ("completed", "failed"):
        raise CommandRefused(
            f"run {found.id} is {found.status}: a test can be made of a run that completed or failed"
        )
    return "\n".join(_lines(found.events(), found.id, Path(folder), engine.codec))


def _lines(log: Log, run_id: str, folder: Path, codec: JsonCodec) -> Iterator[str]:
    began, started = log[0][1], log[0][2]
    assert isinstance(started, e.RunStarted)
    if any(type(event) is e.StepReused for _, _, event in log):
        raise CommandRefused(f"run {run_id} took results from another run: record that one, or a new one")
    attempts = dict(_attempts(log, began, codec))
    day = time.strftime("%Y-%m-%d", time.localtime(began))
    yield f'"""Run {run_id} of workflow {started.workflow!r}, of {day}, replayed: its steps end as they ended then.'
    yield ""
    yield "It fails when the workflow asks for other steps, or in another order, or ends otherwise. Made by `penstock record`."
    yield '"""'
    yield ""
    body = list(_recording(log, started, attempts, _code_of(started, run_id, folder), codec))
    test = list(_test(log, run_id, codec))
    text = "\n".join([*body, *test])
    names = [name for name in ("Recording", "Stored", "raised", "returned", "stopped") if f"{name}(" in text]
    yield f"from penstock.testing import {', '.join(names)}"
    yield ""
    yield from body
    yield ""
    yield ""
    yield from test
    yield ""


def _recording(
    log: Log, started: e.RunStarted, attempts: dict[str, list[str]], code: str, codec: JsonCodec
) -> Iterator[str]:
    began = log[0][1]
    yield "recording = Recording("
    yield f"    {_quoted(code)},"
    yield "    beside=__file__,"
    yield f"    inputs={_inputs(started.input, codec)},"
    yield "    steps={"
    for step, lines in attempts.items():
        yield f"        {_quoted(step)}: ["
        yield from (f"            {line}," for line in lines)
        yield "        ],"
    yield "    },"
    signals = [(at, event) for _, at, event in log if isinstance(event, e.Signalled)]
    if signals:
        yield "    signals=["
        for at, event in signals:
            yield f"        ({_after(at, began)}, {_quoted(event.name)}, {_literal(event.value, codec)}),"
        yield "    ],"
    if started.deadline is not None:
        yield f"    timeout={_after(started.deadline, began)},"
    resumed = sum(type(event) is e.RunReopened for _, _, event in log)
    if resumed:
        yield f"    resumed={resumed},"
    yield ")"


def _attempts(log: Log, began: float, codec: JsonCodec) -> Iterator[tuple[str, list[str]]]:
    """By step, a line for the end of each attempt. Ends are kept apart, so that they come in the same order again."""
    found: dict[str, list[str]] = {}
    running: set[tuple[str, int | None]] = set()
    last = -1.0
    for _, at, event in log:
        if isinstance(event, e.StepStarted):
            found.setdefault(event.step, [])
            running.add((event.step, event.item))
        elif isinstance(event, e.StepDone | e.StepFailed | e.StepCancelled):
            if (event.step, event.item) not in running:
                continue  # it never started: a sleep, a wait, or what a cancelled run did not come to
            running.discard((event.step, event.item))
            last = max(float(_after(at, began)), round(last + 1e-6, 6))
            found[event.step].append(_ended(event, last, codec))
    yield from found.items()


def _ended(event: e.StepDone | e.StepFailed | e.StepCancelled, at: float, codec: JsonCodec) -> str:
    item = "" if event.item is None else f", item={event.item}"
    match event:
        case e.StepDone():
            return f"returned({at}, {_literal(event.value, codec)}{item})"
        case e.StepFailed():
            return f"raised({at}, {_failure(event.error)}{item})"
        case _:
            return f"stopped({at}{item})"


def _failure(error: Failure) -> str:
    said = [_quoted(error.type), _quoted(error.message)]
    for name in ("bases", "cause", "after", "asked"):
        value = getattr(error, name)
        if value and value != "error":
            said.append(f"{name}={_listed(value) if name == 'bases' else repr(value)}")
    return ", ".join(said)


def _test(log: Log, run_id: str, codec: JsonCodec) -> Iterator[str]:
    asked = RunLog(log)
    yield f"def test_run_{re.sub(r'[^a-z0-9]', '_', run_id.lower())}_goes_as_it_went() -> None:"
    yield "    run = recording.replay()"
    yield f"    run.log.assert_finished({', '.join(map(_quoted, asked.finished))})"
    skipped = [name for name, step in steps_in(log).items() if step.status == "skipped"]
    yield f"    assert run.log.skipped == {_listed(skipped)}"
    last = log[-1][2]
    if isinstance(last, e.RunDone):
        yield f"    assert run.result() == recording.value({_literal(last.value, codec)})"
    else:
        assert isinstance(last, e.RunFailed)
        yield '    assert run.status == "failed"'
        yield "    assert run.error is not None"
        yield f"    assert run.error.type == {_quoted(last.error.type)}"
    started = log[0][2]
    assert isinstance(started, e.RunStarted)
    yield f'    assert run.version == {_quoted(started.version)}, "a step, or what one depends on, has changed"'


def _code_of(started: e.RunStarted, run_id: str, folder: Path) -> str:
    """Where the workflow is: a module of a package by its name, a file by its path from the folder."""
    source = started.source
    name = source.get("name") or started.workflow
    file, module = source.get("file"), source.get("module", "")
    if "." in module or (file is None and module not in ("", "__main__")):
        return f"{module}:{name}"
    if file is None:
        raise CommandRefused(
            f"the code of run {run_id} is in no file ({module or 'nobody knows where'}): a test cannot find it"
        )
    return f"{os.path.relpath(file, folder.resolve())}:{name}"


def _inputs(inputs: Any, codec: JsonCodec) -> str:
    if not isinstance(inputs, dict):
        return _literal(inputs, codec)
    return f"{{{', '.join(f'{_quoted(name)}: {_literal(value, codec)}' for name, value in inputs.items())}}}"


def _literal(value: Any, codec: JsonCodec) -> str:
    """A value as Python writes it, if that comes back as it was; else as the store does."""
    text = repr(value)
    try:
        same = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        same = None
    if codec.encode(same) == (stored := codec.encode(value)):
        return _quoted(value) if type(value) is str else text
    return f"Stored({stored!r})"


def _listed(names: Iterable[str]) -> str:
    return "[" + ", ".join(map(_quoted, names)) + "]"


def _quoted(text: str) -> str:
    """A text as Python writes it, in double quotes where it can be."""
    written = repr(text)
    return f'"{written[1:-1]}"' if written.startswith("'") and '"' not in text else written


def _after(at: float, began: float) -> str:
    return str(round(at - began, 6))
