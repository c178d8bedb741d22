"""The composition root: a store's address becomes an engine with its parts."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import Any

from penstock.app.addresses import address_of, store_at
from penstock.app.engine import Engine
from penstock.app.run import Run
from penstock.app.settings import found
from penstock.app.starting import check_options
from penstock.app.steps import StepView

__all__ = ["Engine", "Run", "StepView", "close_all", "engine_at", "open_engine"]

_engines: dict[str, Engine] = {}
_lock = threading.Lock()


def open_engine(store: str | None = None, **options: Any) -> Engine:
    """An engine of its own on a store; close it, or use it in a `with` block. See Engine for the options.

    `store` is "sqlite:///PATH", a path, "json:///PATH", "memory:" or "ephemeral"; left out, PENSTOCK_STORE, else what
    pyproject.toml says, else the nearest `.penstock/` upward, else one beside pyproject.toml or .git, else here. `durability`
    is "power" (what is committed survives a power cut) or "crash" (it survives the end of the process, and is quicker). What is
    left out or None is as the settings say: see `penstock settings`.
    """
    check_options(options)
    address = address_of(store)
    for name in ("durability", "executor", "lease_seconds"):
        options[name] = found(name, options.get(name)).value
    if found("broker").value is not None:
        from penstock.app.publishing import Publisher

        options["observers"] = [*options.get("observers", ()), Publisher()]
    return Engine(store_at(address, options.pop("durability")), address, **options)


def engine_at(store: str | Engine | None = None) -> Engine:
    """The process's engine on a store, opened once and closed at exit; an Engine is returned as it is."""
    if isinstance(store, Engine):
        return store
    address = address_of(store)
    engine = _engines.get(address)
    if engine is None or engine.closed:
        with _lock:
            engine = _engines.get(address)
            if engine is None or engine.closed:
                engine = _engines[address] = open_engine(address)
    return engine


def close_all() -> None:
    """Close the engines that `engine_at` opened: unfinished runs are left to be resumed. Messages still go out."""
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        engine.close()
    if brokers := sys.modules.get("penstock.app.brokers"):
        brokers.close_shared()


atexit.register(close_all)
