"""The store that a command names (None: the default place), and engines on it. Nothing is made where somebody only looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.app import Engine


def engine_on(store: str | None, **options: Any) -> Engine:
    """An engine on the store, which is made if it is not there."""
    from penstock.app import open_engine

    return open_engine(store, capture_echo=False, **options)


def engine_if_there(store: str | None) -> Engine | None:
    """An engine on the store, if there is one."""
    return engine_on(store) if missing_file(store) is None else None


def missing_file(store: str | None) -> Path | None:
    """The store's file, if it should be there and is not."""
    from penstock.app.addresses import address_of, path_of

    path = path_of(address_of(store))
    return path if path is not None and not path.exists() else None
