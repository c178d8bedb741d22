"""Tells observers what was recorded. One that raises is logged and told no more: nobody can vouch for what it knows."""

from __future__ import annotations

from penstock.engine.lanes import Fact
from penstock.ports import Observer


def tell(observers: list[Observer], rows: list[Fact]) -> None:
    """Tell each row to all observers, in order; an observer that raises is taken out of the list."""
    if len(observers) == 1:
        _tell_one(observers, observers[0], rows)
        return
    one_by_one: list[Observer] = []
    for observer in tuple(observers):
        if hasattr(observer, "recorded_rows"):
            _tell_one(observers, observer, rows)
        else:
            one_by_one.append(observer)
    _tell_all(observers, one_by_one, rows)


def _tell_one(observers: list[Observer], observer: Observer, rows: list[Fact]) -> None:
    try:
        at_once = getattr(observer, "recorded_rows", None)
        if at_once is not None:
            at_once(rows)
        else:
            recorded = observer.recorded
            for run, sequence, at, event in rows:
                recorded(run.id, run.workflow, sequence, at, event)
    except Exception as error:
        _forget(observers, observer, error)


def _tell_all(observers: list[Observer], willing: list[Observer], rows: list[Fact]) -> None:
    for run, sequence, at, event in rows:
        for observer in willing:
            try:
                observer.recorded(run.id, run.workflow, sequence, at, event)
            except Exception as error:
                willing = [each for each in willing if each is not observer]
                _forget(observers, observer, error)


def _forget(observers: list[Observer], observer: Observer, error: Exception) -> None:
    import logging

    if observer in observers:
        observers.remove(observer)
    logging.getLogger("penstock").error(
        "observer %r raised and is told no more; the run goes on", observer, exc_info=error
    )
