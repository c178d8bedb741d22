"""Task states kept by name, in a state store: what it holds as completed is not run again.

A store of ours also holds the run itself, so it need only be read, once, before the run. One that somebody else wrote is asked
right before each task and told each change; its calls come one after another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from penstock.context import context, is_async
from penstock.errors import DefinitionError
from penstock.model.policies import Policy
from penstock.tasks.node import Node
from penstock.tasks.statuses import TaskStatus, is_completed


class StateStore(Protocol):
    """What is asked of a state store; `load_task_state` gives None, or a mapping with `status` and `result`."""

    def save_task_state(
        self, task_name: str, status: Any, result: Any, error: Any, timestamp: datetime
    ) -> object: ...
    def load_task_state(self, task_name: str) -> Any: ...


class Restored:
    """In place of a task that was completed before: gives its saved result."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value


def restoring(store: StateStore) -> Callable[[Node], Node]:
    """Puts saved results in place of the tasks that a store holds as completed."""

    def restore(node: Node) -> Node:
        state = store.load_task_state(node.name)
        return node if not completed(state) else _restored(node, state["result"])

    return restore


class Keeper:
    """Keeps the states of one run's tasks in somebody's own store. `error` is what its first refused call raised."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._maps: set[str] = set()
        self.error: BaseException | None = None

    def node(self, node: Node) -> Node:
        """A task that asks and tells the store. A map is one task, asked for beforehand; a workflow inside is not kept."""
        if node.fn is None:
            return node
        if node.over:
            state = self.load(node.name)
            if completed(state):
                return _restored(node, state["result"])
            self._maps.add(node.name)
            return node
        if node.policy.executor == "processes":
            raise DefinitionError(
                f"task {node.name!r} runs on processes, where a state store of your own cannot be asked:"
                " run it on threads, or keep states in a SQLiteStateStore"
            )
        kept = self._async(node.name, node.fn) if is_async(node.fn) else self._sync(node.name, node.fn)
        return msgspec.structs.replace(node, fn=kept)

    def tell(self, name: str, status: TaskStatus, said: Any) -> None:
        """See transitions.Tell. Tasks themselves tell of start and success, so that what depends on them waits; maps do not."""
        well = status is TaskStatus.COMPLETED or status is TaskStatus.RUNNING
        if well and name not in self._maps:
            return
        try:
            self.save(name, status, said if well else None, None if well or said is None else str(said))
        except Exception as error:
            self.error = self.error or error

    def load(self, name: str) -> Any:
        with self._lock:
            return self._store.load_task_state(name)

    def save(self, name: str, status: TaskStatus, result: Any = None, error: str | None = None) -> None:
        with self._lock:
            self._store.save_task_state(name, status, result, error, datetime.now(UTC))

    def _sync(self, name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
        def ask_and_tell(**arguments: Any) -> Any:
            state = self._begin(name)
            return state["result"] if completed(state) else self._end(name, fn(**arguments))

        return ask_and_tell

    def _async(self, name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
        import asyncio

        async def ask_and_tell(**arguments: Any) -> Any:
            state = await asyncio.to_thread(self._begin, name)
            if completed(state):
                return state["result"]
            return await asyncio.to_thread(self._end, name, await fn(**arguments))

        return ask_and_tell

    def _begin(self, name: str) -> Any:
        state = self.load(name)
        if not completed(state):
            self.save(name, TaskStatus.RUNNING)
        return state

    def _end(self, name: str, value: Any) -> Any:
        """The answer of an attempt that was stopped is void, so it is not kept."""
        if not context().cancelled:
            self.save(name, TaskStatus.COMPLETED, value)
        return value


def completed(state: Any) -> bool:
    """Whether a loaded state says that the task is done."""
    return state is not None and is_completed(state["status"])


def _restored(node: Node, value: Any) -> Node:
    return Node(
        node.name,
        Restored(value),
        node.depends_on,
        trigger=node.trigger,
        optional=node.optional,
        policy=Policy(executor="inline"),
    )
