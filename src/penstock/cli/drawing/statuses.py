"""What became of the boxes of a picture in a run: of a step, of all that ran in a scope, of a routine's activations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

from penstock.cli.board import Bar, Board
from penstock.cli.drawing.picture import Box, Picture
from penstock.cli.text import duration, plural


def with_statuses(picture: Picture, board: Board) -> Picture:
    """The picture with the statuses of a run."""
    within: dict[str, list[Bar]] = {}
    for bar in board.bars.values():
        for name in _boxes_of(bar.name):
            within.setdefault(name, []).append(bar)
    boxes = {
        name: _with_status(box, board.bars.get(name), within.get(name, ()))
        for name, box in picture.boxes.items()
    }
    return picture._replace(boxes=boxes)


def _boxes_of(step: str) -> Iterator[str]:
    """The names under which a step may be drawn beside its own: the scopes around it, and what comes before a number."""
    for path in accumulate(step.split("/"), "{}/{}".format):
        plain = path.partition("#")[0]
        yield from {path, plain} - {step}


def _with_status(box: Box, bar: Bar | None, within: Sequence[Bar]) -> Box:
    if bar is not None and box.is_step:
        words = [plural(bar.done + bar.failed, "item")] if bar.is_map else []
        return box._replace(status=bar.status, said=_said(words, bar.seconds(time.time()), bar.status))
    bars = [*([] if bar is None else [bar]), *within]
    if not bars:
        return box._replace(status="waiting")
    status = _status(bars)
    words = [] if box.is_step else [plural(len(bars), "time")]
    return box._replace(status=status, said=_said(words, _span(bars), status))


def _said(words: list[str], seconds: float | None, status: str) -> str:
    said = [*words, *([duration(seconds)] if seconds is not None else [])]
    return " in ".join(said) + (" so far" if status == "running" else "")


def _status(bars: Sequence[Bar]) -> str:
    """That of many steps together: the first of these that one of them has."""
    theirs = {bar.status for bar in bars}
    return next(
        (each for each in ("running", "failed", "cancelled", "ready") if each in theirs), bars[-1].status
    )


def _span(bars: Sequence[Bar]) -> float | None:
    """From the beginning of the first to the end of the last."""
    begins = [bar.started for bar in bars if bar.started is not None]
    ends = [time.time() if bar.ended is None else bar.ended for bar in bars if bar.started is not None]
    return max(ends) - min(begins) if begins else None
