"""Things that are opened once in each process and shared by its steps: connections, models, clients.

    @resource
    def database():
        connection = connect()
        yield connection
        connection.close()

    step = with_resources(load_rows, {"connection": database})

A resource is opened when a step first needs it, and closed, the newest first, when the process's last executor closes or the
process ends. An async one belongs to the event loop on which it was opened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from penstock.context.references import find, is_async, place_of, portable
from penstock.errors import DefinitionError, WorldError

_GENERATOR: Final = 0x20
_ASYNC_GENERATOR: Final = 0x200

T = TypeVar("T")


class Resource:
    """A reference to something that is opened once in each process. It may be pickled; what it opens stays where it is."""

    def __init__(self, opener: Callable[[], Any]) -> None:
        self.name: str = opener.__name__
        self.__wrapped__ = opener
        self.__doc__ = opener.__doc__
        flags = opener.__code__.co_flags
        self.is_async = is_async(opener) or bool(flags & _ASYNC_GENERATOR)
        self._yields = bool(flags & (_GENERATOR | _ASYNC_GENERATOR))
        self._lock = threading.RLock()
        self._opened: dict[Any, Any] = {}  # by event loop; a synchronous one has one for None

    def get(self) -> Any:
        """The value, opened now if this process has not opened it yet; any thread may ask."""
        try:
            return self._opened[None]
        except KeyError:
            with self._lock:
                return self._opened[None] if None in self._opened else self._open()

    async def aget(self) -> Any:
        """The same on the running event loop; a synchronous resource is opened there and then."""
        if not self.is_async:
            return self.get()
        from asyncio import Lock, get_running_loop

        loop = get_running_loop()
        if loop in self._opened:
            return self._opened[loop]
        async with _async_locks.setdefault((self, loop), Lock()):
            return self._opened[loop] if loop in self._opened else await self._aopen(loop)

    def _open(self) -> Any:
        if self.is_async:
            raise DefinitionError(
                f"resource {self.name!r} is async, the step that wants it is not: make the step `async def`, or open the "
                "resource in a plain function"
            )
        try:
            source = self.__wrapped__()
            value = next(source) if self._yields else source
        except Exception as error:
            raise self._failed(error) from error
        self._keep(None, value, source)
        return value

    async def _aopen(self, loop: Any) -> Any:
        try:
            source = self.__wrapped__()
            value = await (anext(source) if self._yields else source)
        except Exception as error:
            raise self._failed(error) from error
        self._keep(loop, value, source)
        return value

    def _keep(self, loop: Any, value: Any, source: Any) -> None:
        self._opened[loop] = value
        _remember(self, loop, source if self._yields else None)

    def _failed(self, error: Exception) -> WorldError:
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            return WorldError(f"resource {self.name!r} could not be opened: it yielded nothing")
        return WorldError(f"resource {self.name!r} could not be opened: {type(error).__name__}: {error}")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _resource_at, place_of(self.__wrapped__)

    def __repr__(self) -> str:
        return f"<Resource {self.name}>"


def resource(opener: Callable[[], Any]) -> Resource:
    """Make a Resource of a function that opens something, or of a generator function that opens, yields it and closes."""
    return _resources.setdefault(opener, Resource(opener))


def with_resources(fn: Callable[..., T], resources: Mapping[str, Resource]) -> Callable[..., T]:
    """`fn` with resources as keyword arguments, opened in whatever process calls it. A keyword given in a call wins."""
    for name, given in resources.items():
        if not isinstance(given, Resource):
            raise DefinitionError(
                f"{name}={given!r} is no resource: decorate the function that opens it with @resource"
            )
    return (_AsyncSupplied if is_async(fn) else _Supplied)(fn, dict(resources))


class _Supplied:
    """A function and its resources."""

    def __init__(self, fn: Callable[..., Any], resources: dict[str, Resource]) -> None:
        self.__wrapped__ = fn
        self.resources = resources
        self.__name__ = getattr(fn, "__name__", type(fn).__name__)
        self.__qualname__ = getattr(fn, "__qualname__", self.__name__)
        self.__module__ = fn.__module__
        self.__doc__ = fn.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for name, wanted in self.resources.items():
            if name not in kwargs:
                kwargs[name] = wanted.get()
        return self.__wrapped__(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return with_resources, (portable(self.__wrapped__), self.resources)


class _AsyncSupplied(_Supplied):
    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for name, wanted in self.resources.items():
            if name not in kwargs:
                kwargs[name] = await wanted.aget()
        return await self.__wrapped__(*args, **kwargs)


# ── one process's open resources ────────────────────────────────────────────────────────────────────────────────────

_resources: dict[Callable[[], Any], Resource] = {}
_open: list[
    tuple[Resource, Any, Any]
] = []  # (resource, event loop or None, its generator or None), in order of opening
_async_locks: dict[tuple[Resource, Any], Any] = {}
_holders = 0
_holders_lock = threading.Lock()


def hold() -> None:
    """An executor of this process is open; each wants one `release`."""
    global _holders  # noqa: PLW0603 - a fact about the process
    with _holders_lock:
        _holders += 1


def release() -> None:
    """An executor closed; the last one closes the resources."""
    global _holders  # noqa: PLW0603 - a fact about the process
    with _holders_lock:
        _holders = max(0, _holders - 1)
        last = _holders == 0
    if last:
        close_all()


def close_all() -> None:
    """Close what this process opened outside of event loops, the newest first; what goes wrong is logged."""
    for opened in [opened for opened in reversed(_open) if opened[1] is None]:
        resource, _, source = _forget(opened)
        try:
            next(source, None)
        except Exception as error:  # the others are to be closed as well
            _warn(resource, error)


async def aclose_all() -> None:
    """Close what was opened on the running event loop, the newest first."""
    from asyncio import get_running_loop

    loop = get_running_loop()
    for opened in [opened for opened in reversed(_open) if opened[1] is loop]:
        resource, _, source = _forget(opened)
        try:
            await anext(source, None)
        except Exception as error:  # the others are to be closed as well
            _warn(resource, error)


def _forget(opened: tuple[Resource, Any, Any]) -> tuple[Resource, Any, Any]:
    resource, loop, source = opened
    _open.remove(opened)
    resource._opened.pop(loop, None)
    _async_locks.pop((resource, loop), None)
    return resource, loop, source if source is not None else (_NOTHING if loop is None else _no_more())


_NOTHING: Final = iter(())


async def _no_more() -> Any:
    return
    yield


def _remember(resource: Resource, loop: Any, source: Any) -> None:
    if not _open:
        import atexit

        atexit.unregister(close_all)
        atexit.register(close_all)
    _open.append((resource, loop, source))


def _warn(resource: Resource, error: Exception) -> None:
    import logging

    logging.getLogger("penstock.resources").warning(
        "resource %r did not close", resource.name, exc_info=error
    )


def _resource_at(module: str, name: str, steps: int) -> Resource:
    """The resource whose opener is at a place. The name may lead to the resource or, where it was kept apart, to the opener."""
    return resource(find(module, name, steps))
