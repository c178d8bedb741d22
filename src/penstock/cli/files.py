"""Loads a workflow's file, and says in one message what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.cli import trace
from penstock.cli.text import plural
from penstock.context.places import blame, raised_at
from penstock.errors import DefinitionError, NotInCatalogue, PenstockError, UserError

if TYPE_CHECKING:
    from penstock.app import Engine, Run
    from penstock.catalogue import Entry

T = TypeVar("T")


def load_file(spec: str) -> Any:
    """The checked definition that `FILE[:NAME]` names, or a name of the catalogue.

    Raises DefinitionError, also for whatever the file itself raises.
    """
    from penstock.catalogue import load

    return _loaded(spec, lambda: load(spec) if (entry := entry_of(spec)) is None else entry.make())


def entry_of(spec: str) -> Entry | None:
    """What the catalogue has under this name; None for what names a file or a module.

    Raises NotInCatalogue, with what there is, for what names nothing.
    """
    if looks_like_file(spec):
        return None
    from penstock.app.shelves import look_up
    from penstock.catalogue import catalogue
    from penstock.catalogue.registry import not_there

    entry, problems = look_up(spec)
    if entry is None and (len(catalogue) or problems) and not is_module(spec):
        error = NotInCatalogue(not_there(spec, catalogue.names(), "file, module or workflow {}"))
        if problems:
            error.add_note(f"could not be loaded: {problems[0]}{_more(len(problems) - 1)}")
        raise error
    return entry


def looks_like_file(word: str) -> bool:
    """Whether a word names a file or a part of one, and no workflow."""
    return ":" in word or word.endswith(".py") or os.sep in word or Path(word).is_file()


def named(name: str) -> Entry | None:
    """What the catalogue has under this name, if anything."""
    from penstock.app.shelves import look_up

    return look_up(name)[0]


def _more(count: int) -> str:
    return f"\n{plural(count, 'more problem')}: penstock catalogue" if count else ""


def is_module(name: str) -> bool:
    """Whether a name can be imported."""
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def load_recorded(engine: Engine, run: Run[Any]) -> Any:
    """The definition a run was started from, from where it was. Raises RunNotFound if its code is not there."""
    from penstock.app.logs import read_start
    from penstock.catalogue import reload

    started = read_start(engine, run.id)
    return _loaded(
        started.source.get("file", started.workflow), lambda: reload(started.source, started.workflow)
    )


def load_every(spec: str) -> list[tuple[str, Any]]:
    """The definitions in FILE, or the one that `FILE:NAME` or a name of the catalogue names, by variable and not yet checked.

    Raises as load_file does.
    """
    from penstock.catalogue import load_all

    def find() -> list[tuple[str, Any]]:
        entry = entry_of(spec)
        return load_all(spec) if entry is None else [(entry.source.get("name", entry.name), entry.make())]

    return _told(spec, find)


def _loaded(place: str, find: Callable[[], Any]) -> Any:
    return _told(place, lambda: _checked(find()))


def _checked(definition: Any) -> Any:
    definition.as_program()
    return definition


def _told(place: str, find: Callable[[], T]) -> T:
    """What `find` finds, or one message that says what is wrong with the file."""
    try:
        return find()
    except PenstockError as error:
        if isinstance(error, UserError) and not error.place:
            blame(error, raised_at(error, trace.is_theirs))
        if isinstance(error.__cause__, ExceptionGroup):
            more = plural(len(error.__cause__.exceptions), "more problem")
            error.add_note(f"{more}: penstock validate {place}")
        raise
    except SyntaxError as error:
        raise DefinitionError(_syntax(error)) from error
    except (Exception, SystemExit) as error:
        where = "\n  ".join(trace.of_exception(error))
        raise DefinitionError(f"{place} could not be loaded:\n\n  {where}") from error


def _syntax(error: SyntaxError) -> str:
    place = f"{error.filename}:{error.lineno}: {error.msg}"
    line = (error.text or "").rstrip("\n")
    if not line:
        return place
    lead = len(line) - len(line.lstrip())
    caret = " " * max(0, (error.offset or 1) - 1 - lead) + "^"
    return f"{place}\n\n    {line.strip()}\n    {caret}"
