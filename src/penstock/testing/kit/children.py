"""Steps of a rehearsal that are runs of their own: rehearsed as such, unless something stands in for them."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

from penstock.app.kin import EngineKin
from penstock.engine.children import Children
from penstock.ports import Executor, Job, Outcome

if TYPE_CHECKING:
    from penstock.app import Engine


class RehearsedChildren(Children):
    """See Children. `replaced` are the steps that `others` answers for."""

    def __init__(self, engine: Engine, replaced: Container[str], others: Executor) -> None:
        kin = EngineKin(engine)
        kin.children = self
        super().__init__(kin)
        self._replaced = replaced
        self._others = others

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        (self._others.submit if job.context.step in self._replaced else super().submit)(job, ended)
