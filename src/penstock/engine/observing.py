"""Tells observers what was recorded. One that raises is logged and told no more: nobody can vouch for what it knows."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.engine.lanes import Fact
from penstock.ports import Observer


def tell(observers: list[Observer], rows: Iterable[Fact]) -> None:
    """Tell each row to all observers, in order; an observer that raises is taken out of the list."""
    willing = tuple(observers)
    for run, sequence, at, event in rows:
        for observer in willing:
            try:
                observer.recorded(run.id, run.workflow, sequence, at, event)
            except Exception as error:
                willing = tuple(each for each in willing if each is not observer)
                _forget(observers, observer, error)


def tell_each(observers: list[Observer], rows: list[Fact]) -> None:
    """The same, an observer at a time: cheaper, where there are many rows and one observer."""
    for observer in tuple(observers):
        recorded = observer.recorded
        try:
            for run, sequence, at, event in rows:
                recorded(run.id, run.workflow, sequence, at, event)
        except Exception as error:
            _forget(observers, observer, error)


def _forget(observers: list[Observer], observer: Observer, error: Exception) -> None:
    import logging

    if observer in observers:
        observers.remove(observer)
    logging.getLogger("penstock").error(
        "observer %r raised and is told no more; the run goes on", observer, exc_info=error
    )
