"""What a function asks its play for: steps, maps, scopes, timers, signals, each with a handle; and its run's own chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.functions.handles import Converted, Handle
from penstock.model.approval import APPROVAL
from penstock.model.calling import Call
from penstock.model.program import Ask, Do, Map, Open, Program, Publish, Sleep, Wait

if TYPE_CHECKING:
    from random import Random


class Asking:
    """The part of a play that is asked. `handles` are those not settled, `asks` what the engine was not yet told."""

    def __init__(self) -> None:
        self.identity = ""
        self.at = 0.0
        self.handles: dict[str, Handle[Any]] = {}
        self.asks: list[Ask] = []
        self._counts: dict[str, int] = {}
        self._chance: Random | None = None

    def identify(self, run: str, path: str) -> None:
        """See Play."""
        self.identity = f"{run}/{path}"

    def call(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Handle[Any]:
        """See Caller."""
        name, fn, policy = call
        count = self._counts.get(name, 0) + 1
        self._counts[name] = count
        key = name if count == 1 else f"{name}-{count}"
        self.asks.append(Do(key, fn, args, kwargs, policy))
        handle: Handle[Any] = Handle(key)
        self.handles[key] = handle
        return handle

    def open(self, program: Program, input: Any) -> Handle[Any]:
        """See Caller."""
        handle = self._handle(program.name)
        self.asks.append(Open(handle.key, program, input))
        return handle

    def map(self, call: Call, over: Mapping[str, Sequence[Any]], **how: Any) -> Handle[Any]:
        """Call it once for each item; `over` are the items by parameter, all of one length."""
        handle = self._handle(call.name)
        by = next(iter(over)) if len(over) == 1 else None
        rows = [dict(zip(over, row, strict=True)) for row in zip(*over.values(), strict=True)]
        items: Sequence[Any] = rows if by is None else over[by]
        self.asks.append(Map(handle.key, call.fn, items, by, policy=call.policy, **how))
        return handle

    def sleep(self, seconds: float | None, until: float | None = None) -> Handle[None]:
        handle = self._handle("sleep")
        self.asks.append(Sleep(handle.key, seconds, until))
        return handle

    def signal(
        self,
        name: str,
        timeout: float | None,
        convert: Callable[[Any], Any] | None = None,
        *,
        approval: bool = False,
    ) -> Handle[Any]:
        what = f"signal {name}" if not approval else name if name == APPROVAL else f"approval {name}"
        key = self._key(what.replace("/", "-").replace("@", "-"))
        handle: Handle[Any] = Handle(key) if convert is None else Converted(key, convert=convert)
        self.handles[key] = handle
        self.asks.append(Wait(key, name, timeout, approval))
        return handle

    def publish(self, values: Mapping[str, Any]) -> None:
        self.asks.append(Publish(values))

    @property
    def chance(self) -> Random:
        """The run's own random numbers: other runs have others, and a replay has the same."""
        if self._chance is None:
            from random import Random

            self._chance = Random(self.identity)
        return self._chance

    def _key(self, name: str) -> str:
        count = self._counts.get(name, 0) + 1
        self._counts[name] = count
        return name if count == 1 else f"{name}-{count}"

    def _handle(self, name: str) -> Handle[Any]:
        key = self._key(name)
        handle: Handle[Any] = Handle(key)
        self.handles[key] = handle
        return handle
