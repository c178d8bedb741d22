"""What a store needs over months: schedules, and the deleting of old runs. Loaded when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from penstock.app.parts import Parts
from penstock.model.states import RunStatus

if TYPE_CHECKING:
    from penstock.app.retention import Pruned
    from penstock.app.scheduling import Schedules


class Tending(Parts):
    """The part of an engine that looks after its store."""

    @property
    def schedules(self) -> Schedules:
        """The schedules of this store: `engine.schedules.add("nightly", flow, cron="30 2 * * *")`. See Schedules."""
        from penstock.app.scheduling import Schedules

        return Schedules(self)

    def prune(
        self,
        *,
        older_than: float | timedelta | None = None,
        keep: int | None = None,
        tags: Mapping[str, str] | None = None,
        statuses: Iterable[RunStatus] = (),
        workflow: str | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Delete finished runs for which all of this holds, and record it; with `dry_run` only tell which.

        They ended longer than `older_than` (seconds) ago; are not among the newest `keep` of their workflow; have these tags,
        one of these statuses (completed, failed, cancelled; none named: any of them), and are of that workflow. Raises
        SettingsError if nothing is said, and for what means nothing.
        """
        from penstock.app.retention import checked, prune

        return prune(self, checked(older_than, keep, tags, statuses, workflow), dry_run=dry_run)

    def prunings(self, limit: int = 100) -> list[Pruned]:
        """What was deleted by `prune`, the newest first."""
        from penstock.app.retention import prunings

        return prunings(self, limit)
