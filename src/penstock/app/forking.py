"""Forks and reruns: new runs that take over what another has done, and do the rest again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.app.run import Run
from penstock.app.submitting import Submitting
from penstock.model.program import Definition

if TYPE_CHECKING:
    from penstock.app.forks import Fork, Place


class Forking(Submitting):
    """The part of an engine that makes runs of runs."""

    def resume(self, run_id: str, definition: Definition | None = None, *, wait: bool = False) -> Run[Any]:
        raise NotImplementedError

    def fork(  # noqa: PLR0913 - one keyword a power
        self,
        run: str | Run[Any],
        from_step: str | Iterable[str] = (),
        *,
        set: Mapping[str, Any] | None = None,
        definition: Definition | None = None,
        wait: bool = False,
        queue: str | None = None,
        priority: int = 0,
        tags: Mapping[str, str] | None = None,
    ) -> Run[Any]:
        """Start a new run that reuses what `run` has done, but for `from_step` (one or several) and all that depends on it.

        `set` edits: `{"clean.output": value}` gives step `clean` that value, `{"input.limit": 5}` the run that input; what
        depends on them runs again. With `wait` this thread drives the run to its end; with `queue` it is left to a worker.
        `definition` is its code, where it is not to be found as recorded; `tags` are added to those of `run`.

        Raises RunNotFound, CodeChanged if the code is another workflow's, InputError for what is not there to be edited.
        """
        steps = (from_step,) if isinstance(from_step, str) else tuple(from_step)
        from penstock.app.forks import place_in, source_run

        fork = source_run(self, run, definition).fork(frozenset(steps), set or {})
        return self._begun(fork, place_in(queue, priority), tags, wait)

    def rerun(  # noqa: PLR0913 - one keyword a power
        self,
        run: str | Run[Any],
        *,
        all: bool = False,
        definition: Definition | None = None,
        wait: bool = False,
        queue: str | None = None,
        priority: int = 0,
        tags: Mapping[str, str] | None = None,
    ) -> Run[Any]:
        """Start a new run that does again what failed or did not end in `run`; with `all`, everything. See `fork`.

        Raises CommandRefused where there is nothing to do again.
        """
        from penstock.app.forks import place_in, source_run

        fork = source_run(self, run, definition).rerun(everything=all)
        return self._begun(fork, place_in(queue, priority), tags, wait)

    def record_fork(
        self, fork: Fork, place: Place | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """The id of a new run, whose log begins with what it reuses; nobody drives it yet."""
        from penstock.app.forks import record

        run_id = self.fresh_id()
        record(self, run_id, fork, place, tags)
        return run_id

    def fresh_id(self) -> str:
        """An id that no run has."""
        return self._ids.fresh(self.clock.now())

    def _begun(self, fork: Fork, place: Place | None, tags: Mapping[str, str] | None, wait: bool) -> Run[Any]:
        run_id = self.record_fork(fork, place, tags)
        return (
            self.get(run_id) if place is not None else self.resume(run_id, fork.source.definition, wait=wait)
        )
