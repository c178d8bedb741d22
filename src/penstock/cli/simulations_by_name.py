"""Whether a name that somebody wants run is a simulated workflow's.

A file or module comes first, then the catalogue, then the folder of workflows, then what the store keeps.
"""

from __future__ import annotations

from penstock.cli.files import is_module, looks_like_file, named
from penstock.errors import UserError


def is_simulation(args: list[str]) -> bool:
    """Whether the first argument that is no option names a simulated workflow."""
    from penstock.cli.parameters import apart
    from penstock.cli.simulate_named import command

    given = apart(command, args)
    if given.name is None or looks_like_file(given.name):
        return False
    folder = _said("--workflows", given.own)
    if has_files(given.name, folder):
        return named(given.name) is None
    if is_module(given.name) or named(given.name) is not None:
        return False
    return _is_kept(given.name, _said("--store", given.own)) or _is_nearly(given.name, folder)


def has_files(name: str, folder: str | None = None) -> bool:
    """Whether there are files of a simulated workflow of that name."""
    from penstock.simulations.finding import find, folder_of

    try:
        found = find(folder_of(folder), name)
    except UserError:
        return True  # whose command will tell
    return found.code is not None or found.given is not None


def _is_nearly(name: str, folder: str | None) -> bool:
    """Whether a simulated workflow has nearly that name: its command says so."""
    from penstock.model.graph import nearest
    from penstock.simulations.finding import folder_of, known_in

    return nearest(name, known_in(folder_of(folder))) is not None


def _is_kept(name: str, store: str | None) -> bool:
    """Whether the store has a definition of that name; nothing is made where there is no store."""
    from penstock.cli.opening import engine_if_there
    from penstock.simulations.definitions import Definitions

    engine = engine_if_there(store)
    if engine is None:
        return False
    with engine:
        return engine.store is not None and bool(Definitions(engine).of(name))


def _said(flag: str, own: list[str]) -> str | None:
    """What follows an option."""
    for number, word in enumerate(own):
        if word == flag:
            return next(iter(own[number + 1 :]), None)
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None
