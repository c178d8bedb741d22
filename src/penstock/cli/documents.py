"""What commands answer with --json. The names of the fields are promises; docs/command-line.md lists them."""

from __future__ import annotations

import json
from typing import Any

from penstock.cli import trace
from penstock.cli.board import Bar, Board
from penstock.cli.desk import Desk
from penstock.model.failure import Failure


def run_document(board: Board, desk: Desk) -> dict[str, Any]:
    """A run and its steps."""
    return {
        "run": board.run or None,
        "workflow": board.workflow or None,
        "status": board.status,
        "started_at": board.started or None,
        "ended_at": board.ended,
        "result": value_of(board.value) if board.status == "completed" else None,
        "error": failure_document(board.error) if board.error is not None else None,
        "reason": board.reason or None,
        "steps": [step_document(bar) for bar in board.bars.values()],
        "resume": desk.command("resume", board.run) if board.run and board.status in _RESUMABLE else None,
    }


_RESUMABLE = frozenset({"running", "paused", "failed"})


def step_document(bar: Bar) -> dict[str, Any]:
    """One step; `items` counts those of a map."""
    return {
        "step": bar.name,
        "status": bar.status,
        "started_at": bar.started,
        "ended_at": bar.ended,
        "attempts": bar.attempts,
        "retries": bar.retries,
        "items": {"done": bar.done, "failed": bar.failed, "running": bar.running, "total": bar.total}
        if bar.is_map
        else None,
        "error": failure_document(bar.error) if bar.error is not None else None,
        "reason": bar.reason or None,
    }


def failure_document(failure: Failure) -> dict[str, Any]:
    """An exception as recorded; `traceback` holds the caller's own frames."""
    return {
        "type": failure.type,
        "message": failure.message,
        "cause": failure.cause,
        "step": failure.step,
        "traceback": trace.of_failure(failure),
    }


def value_of(value: Any) -> Any:
    """A value as the store holds it, as JSON."""
    from penstock.codecs import JsonCodec
    from penstock.errors import CodecError

    try:
        return json.loads(JsonCodec().encode(value))
    except CodecError:
        return repr(value)
