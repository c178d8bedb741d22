"""Forks and reruns of simulated runs: how they are made, and what must hold of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

from penstock.app.forks import Fork, Place, Source
from penstock.app.logs import read_events
from penstock.engine.recovery import Log
from penstock.errors import StoreError
from penstock.model import events as e
from penstock.model.undoing import PREFIX
from penstock.testing.simulation.case import Case, Fate, Key
from penstock.testing.simulation.office import Given, Office
from penstock.testing.simulation.programs.forked import Wanted, reused_by
from penstock.testing.simulation.replicas import Replica
from penstock.testing.simulation.world import Crashed, World


class Asked(NamedTuple):
    """A fork as it was asked for: of which run, by which log, and the steps that it is to run again (None: all)."""

    run: str
    log: Log
    again: frozenset[str] | None
    case: Case


def can_be_forked(case: Case) -> bool:
    """Whether it can be said beforehand what a fork of its run must come to: its signals would not come again."""
    nested = any(fate.until_reopened and "/" in step for (step, _), fate in case.fates.items())
    return not case.signals and not nested


class Forker:
    """Makes forks, each under an id of its own, and remembers what was asked for."""

    def __init__(self, world: World, unborn: dict[str, Case]) -> None:
        self._world = world
        self._unborn = unborn
        self.asked: dict[str, Asked] = {}

    def make(self, office: Office, run_id: str, case: Case, place: Place | None) -> str | None:
        """A new run that reuses what this one has; its id, None if the store did not say that it has it."""
        try:
            log = read_events(office, run_id)
            fork, again = self._drawn(Source(run_id, log, log[0][2], Given(case.program), case.program))  # type: ignore[arg-type]
            fork_id = f"{run_id}f{len(self.asked) + 1}"
            its_case = self._unborn[fork_id] = copy(case)
            self.asked[fork_id] = Asked(run_id, log, again, its_case)
            self._world.note(office.owner, f"forks {run_id} as {fork_id}, {fork.note}")
            office.names.wanted = fork_id
            office.record_fork(fork, place)
        except StoreError:
            return None
        except Crashed:
            self._world.counts["fault crash while a fork was made"] += 1
            raise
        return fork_id

    def _drawn(self, source: Source) -> tuple[Fork, frozenset[str] | None]:
        """A fork from one of the steps that are done, rather a late one, or a rerun of what failed or of all."""
        chance = self._world.chance.random
        done, undone, kind = list(_done(source.log)), _undone(source.log), chance()
        if kind < 0.3 and not isinstance(source.log[-1][2], e.RunDone):
            return source.rerun(everything=False), _blamed(source.log) | undone
        if kind < 0.9 and done:
            step = done[int(chance() ** 0.5 * len(done))]
            return source.fork(frozenset({step}), {}), frozenset({step}) | undone
        return source.rerun(everything=True), None


def _done(log: Log) -> dict[str, Any]:
    """What its steps came to, undos and hooks apart; maps as a whole do not say so."""
    return {
        event.step: event.value
        for _, _, event in log
        if isinstance(event, e.StepDone | e.StepReused)
        and event.item is None
        and not event.step.startswith((PREFIX, "@"))
    }


def _blamed(log: Log) -> frozenset[str]:
    """The steps that brought a run down."""
    last = log[-1][2]
    blamed = set(last.blamed) if isinstance(last, e.RunFailed) else set()
    return frozenset(
        event.step for sequence, _, event in log if sequence in blamed and isinstance(event, e.StepFailed)
    )


def _undone(log: Log) -> frozenset[str]:
    """The steps, or maps, of which something was undone, or was about to be."""
    begun = {event.step for _, _, event in log if isinstance(event, e.StepStarted)}
    return frozenset(step.removeprefix(PREFIX).partition("[")[0] for step in begun if step.startswith(PREFIX))


class ForkWatch:
    """Looks at each fork when the store has it, and at the end; a sentence for each thing that is wrong."""

    def __init__(self, asked: Mapping[str, Asked], world: World) -> None:
        self._asked = asked
        self._world = world
        self._lengths: dict[str, int] = {}

    def look(self, replicas: Mapping[str, Replica]) -> Iterator[str]:
        """After everything that was written: a fork is in the store as a whole, or not at all."""
        for fork_id, asked in self._asked.items():
            if fork_id in replicas and fork_id not in self._lengths:
                log = replicas[fork_id].log
                self._lengths[fork_id] = len(log)
                yield from self._begun(fork_id, asked, log)

    def _begun(self, fork_id: str, asked: Asked, log: Log) -> Iterator[str]:
        self._world.counts["forks"] += 1
        self._world.counts["forks of forks"] += asked.run in self._asked
        self._world.counts["forks of runs that were taken over"] += any(
            isinstance(event, e.Owned) and event.epoch > 1 for _, _, event in asked.log
        )
        reused = [event for _, _, event in log if isinstance(event, e.StepReused)]
        names = frozenset(event.step for event in reused)
        self._world.counts["steps that a fork reuses"] += len(names)
        asked.case.fates = _without(asked.case.fates, names)  # type: ignore[misc]
        done = _done(asked.log)
        for event in reused:
            if event.source != asked.run or event.item is not None or event.edited:
                yield f"{fork_id} says of {event.step} that it is from {event.source}"
            if event.step in done and event.value != done[event.step]:
                yield f"{fork_id} has another result of {event.step} than {asked.run}: {event.value}"
        wanted = Wanted(frozenset(done), asked.again, _skipped(asked.log), names)
        for complaint in reused_by(asked.case, wanted):
            yield f"{fork_id} of {asked.run}, from {sorted(asked.again or ['the beginning'])}: {complaint}"

    def at_the_end(self, replicas: Mapping[str, Replica]) -> Iterator[str]:
        """It ran what it did not reuse, and reused nothing afterwards."""
        for fork_id, length in self._lengths.items():
            log = replicas[fork_id].log
            reused = {event.step for _, _, event in log[:length] if isinstance(event, e.StepReused)}
            for _, _, event in log[length:]:
                if isinstance(event, e.StepReused):
                    yield f"{fork_id} reused {event.step} after it had begun"
                if isinstance(event, e.StepStarted) and event.step in reused:
                    yield f"{fork_id} ran {event.step}, which it reuses"


def _without(fates: Mapping[Key, Fate], reused: frozenset[str]) -> dict[Key, Fate]:
    """What waits to be mended by reopening waits no more where it is reused."""
    return {key: fate for key, fate in fates.items() if not (fate.until_reopened and key[0] in reused)}


def _skipped(log: Log) -> frozenset[str]:
    return frozenset(event.step for _, _, event in log if isinstance(event, e.StepSkipped))


__all__ = ["Asked", "ForkWatch", "Forker", "can_be_forked"]
