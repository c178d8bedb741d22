"""A workflow together with how it is to be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from penstock.context.places import Spot, at
from penstock.model.parameters import Parameter, bind_inputs
from penstock.tasks.program import GraphProgram
from penstock.tasks.transitions import Listener, listen

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run


class Launchable(Protocol):
    """What a launcher needs of a workflow."""

    name: str
    latest: Run[Any] | None
    said: Spot | None

    @property
    def inputs(self) -> dict[str, Parameter]: ...
    @property
    def defaults(self) -> dict[str, Any]: ...
    def as_program(self) -> GraphProgram: ...
    def listener(self) -> Listener | None: ...


class Launcher:
    """A workflow together with how it is to be run. See Workflow.using."""

    def __init__(
        self,
        flow: Launchable,
        store: str | Engine | None,
        key: str | None,
        tags: dict[str, str],
        timeout: float | None,
    ) -> None:
        self._flow = flow
        self._store = store
        self._key = key
        self._tags = tags
        self._timeout = timeout
        self._found: Engine | None = None

    def run(self, **inputs: Any) -> Any:
        """See Workflow.run."""
        return self._kept(self._engine().run(self._flow, self.bound(inputs), **self._how())).result()

    def start(self, **inputs: Any) -> Run[Any]:
        """See Workflow.start."""
        return self._kept(self._engine().start(self._flow, self.bound(inputs), **self._how()))

    def submit(
        self, *, queue: str = "default", priority: int = 0, delay: float | None = None, **inputs: Any
    ) -> Run[Any]:
        """See Workflow.submit."""
        how = {"key": self._key, "tags": self._tags, "timeout": self._timeout}
        place = {"queue": queue, "priority": priority, "delay": delay}
        return self._kept(self._engine().submit(self._flow, self.bound(inputs), **place, **how))  # type: ignore[arg-type]

    async def run_async(self, **inputs: Any) -> Any:
        """See Workflow.run_async."""
        return self._kept(
            await self._engine().run_async(self._flow, self.bound(inputs), **self._how())
        ).result()

    async def start_async(self, **inputs: Any) -> Run[Any]:
        """See Workflow.start_async."""
        return self._kept(await self._engine().start_async(self._flow, self.bound(inputs), **self._how()))

    def resume(self, run_id: str) -> Any:
        """Go on with a run on this thread and return its result. See Engine.resume."""
        return self._kept(self._engine().resume(run_id, self._flow, wait=True, began=self._began)).result()

    def bound(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs of a run that is given these. Raises InputError."""
        with at(self._flow.said):
            return {**self._flow.defaults, **bind_inputs(self._flow.name, self._flow.inputs, inputs)}

    def _how(self) -> dict[str, Any]:
        return {"key": self._key, "tags": self._tags, "timeout": self._timeout, "began": self._began}

    def _engine(self) -> Engine:
        """The engine, looked up once."""
        if self._found is None or self._found.closed:
            from penstock.app import engine_at

            self._found = engine_at(self._store)
        return self._found

    def _began(self, run: Run[Any]) -> None:
        self._kept(run)
        listener = self._flow.listener()
        if listener is not None:
            listen(self._engine(), run, listener)

    def _kept(self, run: Run[Any]) -> Run[Any]:
        self._flow.latest = run
        return run
