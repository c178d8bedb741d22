"""A durable function together with how it is to be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from penstock.model.continued import next_of
from penstock.model.program import Definition

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run

P = ParamSpec("P")
R = TypeVar("R")


class Launchable(Definition, Protocol):
    """What a launcher needs of a durable function."""

    latest: Run[Any] | None

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]: ...


class Launcher(Generic[P, R]):
    """A durable function together with how it is to be run. See DurableFunction.using."""

    def __init__(
        self,
        function: Launchable,
        store: str | Engine | None,
        key: str | None,
        tags: dict[str, str],
        timeout: float | None,
        place: dict[str, Any],
    ) -> None:
        self._function = function
        self._store = store
        self._how: dict[str, Any] = {"key": key, "tags": tags, "timeout": timeout, "began": self._kept}
        self._place = place  # of a run that is submitted
        self._found: Engine | None = None

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """See DurableFunction.run."""
        inputs = self._function.bound(args, kwargs)
        return self._last(self._engine().run(self._function, inputs, **self._how))

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """See DurableFunction.start."""
        inputs = self._function.bound(args, kwargs)
        return self._kept(self._engine().start(self._function, inputs, **self._how))

    async def run_async(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """See DurableFunction.run_async."""
        run: Run[Any] = await self.start_async(*args, **kwargs)
        value = await run.result_async()
        while (name := next_of(value)) is not None:
            run = self._kept(self._engine().get(name))
            value = await run.result_async()
        return value  # type: ignore[no-any-return]

    async def start_async(self, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """See DurableFunction.start_async."""
        inputs = self._function.bound(args, kwargs)
        return self._kept(await self._engine().start_async(self._function, inputs, **self._how))

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """See DurableFunction.submit."""
        how = {name: self._how[name] for name in ("key", "tags", "timeout")}
        inputs = self._function.bound(args, kwargs)
        return self._kept(self._engine().submit(self._function, inputs, **how, **self._place))

    def resume(self, run_id: str) -> R:
        """Go on with a run on this thread and return its result. See Engine.resume."""
        return self._last(self._engine().resume(run_id, self._function, wait=True, began=self._kept))

    def _last(self, run: Run[Any]) -> R:
        """The result of a run, or of the last one that it went on as."""
        value = self._kept(run).result()
        if next_of(value) is None:
            return value  # type: ignore[no-any-return]
        from penstock.app.continuing import follow

        return self._kept(follow(self._engine(), run)).result()  # type: ignore[no-any-return]

    def _engine(self) -> Engine:
        """The engine, looked up once."""
        if self._found is None or self._found.closed:
            from penstock.app import engine_at

            self._found = engine_at(self._store)
        return self._found

    def _kept(self, run: Run[Any]) -> Run[Any]:
        self._function.latest = run
        return run
