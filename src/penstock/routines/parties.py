"""What jobs need of a flow's parts: where messages come from and where they go, the ways between them, and routines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from penstock.routines.binding import Call
from penstock.routines.strategies import ErrorHandler


class Source(Protocol):
    """An event, from which messages come."""

    name: str

    @property
    def routine(self) -> Member | None: ...
    @property
    def connections(self) -> Sequence[Way]: ...


class Sink(Protocol):
    """A slot, to which messages go."""

    name: str
    call: Call
    capacity: int | None

    @property
    def routine(self) -> Member | None: ...
    @property
    def handler(self) -> Callable[..., Any] | None: ...
    @property
    def merge_strategy(self) -> str | Callable[..., Any]: ...
    @property
    def when_full(self) -> str: ...
    def merged(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]: ...


class Way(Protocol):
    """A connection. `flow` is the only one in which it holds, if it does not hold in all."""

    flow: Any
    param_mapping: dict[str, str]

    @property
    def target_slot(self) -> Sink: ...


class Member(Protocol):
    """A routine. `revision` goes up whenever something is defined or connected; `flow` is the one it belongs to, if any."""

    exclusive: bool
    revision: int
    flow: Any

    @property
    def slots(self) -> Mapping[str, Sink]: ...
    @property
    def events(self) -> Mapping[str, Source]: ...
    @property
    def has_call(self) -> bool: ...
    @property
    def serializable_fields(self) -> list[str]: ...
    def __call__(self, **params: Any) -> None: ...
    def slot(self, name: str) -> Sink: ...
    def get_error_handler(self) -> ErrorHandler | None: ...


class Holding(Protocol):
    """What holds routines by their ids: a flow."""

    @property
    def routines(self) -> Mapping[str, Member]: ...
