"""Bugs in what living runs can do: timers, signals, limits, sub-workflows, compensation, schedules and forks. See planting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from penstock.app import forks, reusing
from penstock.app.ledgers import StoreLedgers
from penstock.app.scheduling import firing, schedules
from penstock.app.scheduling.firing import Firer
from penstock.engine import attempts as attempts_module
from penstock.engine import children
from penstock.engine.asking import Slot
from penstock.engine.children import Children
from penstock.engine.core import Core
from penstock.engine.places import Places
from penstock.model import concluding, dialogue, machine, undoing
from penstock.model import events as e
from penstock.model import ledgers as rule
from penstock.model.changes import Change
from penstock.model.ledgers import Ledger
from penstock.model.limits import Bounds
from penstock.model.states import FINISHED
from penstock.testing.simulation.faults import FaultyStore
from tests.simulation.planting import planted

# ── timers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("timers")
def a_sleep_is_shorter_than_was_asked_for(patch: pytest.MonkeyPatch) -> None:
    """In the machine itself: every engine and every replay agrees."""
    sleep = dialogue._sleep

    def short(run: Any, scope: Any, ask: Any, at: float) -> None:
        seconds = None if ask.seconds is None else ask.seconds * 0.9
        sleep(run, scope, msgspec.structs.replace(ask, seconds=seconds), at)

    patch.setattr(dialogue, "_sleep", short)


@planted("timers")
def a_sleep_begins_anew_when_its_run_is_taken_up(patch: pytest.MonkeyPatch) -> None:
    adopt = Core.adopt

    def anew(self: Any, run: Any, epoch: int, owner: str, at: float, reopen: Any = None) -> None:
        for step in run.news.timers:
            if type(step.ask).__name__ == "Sleep" and step.ask.seconds is not None:
                step.due = at + step.ask.seconds
        adopt(self, run, epoch, owner, at, reopen)

    patch.setattr(Core, "adopt", anew)


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("signals")
def the_last_to_wait_for_a_signal_is_woken_first(patch: pytest.MonkeyPatch) -> None:
    signalled = machine._RARE[e.Signalled]

    def last_first(run: Any, event: Any, at: float) -> None:
        waiters = run.waiters.get(event.name)
        if waiters:
            waiters.reverse()
        signalled(run, event, at)
        if waiters:
            waiters.reverse()

    patch.setitem(machine._RARE, e.Signalled, last_first)


@planted("signals")
def a_signal_that_came_before_its_waiter_is_lost(patch: pytest.MonkeyPatch) -> None:
    signalled = machine._RARE[e.Signalled]

    def deaf(run: Any, event: Any, at: float) -> None:
        signalled(run, event, at)
        run.signals.pop(event.name, None)

    patch.setitem(machine._RARE, e.Signalled, deaf)


# ── compensation ────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("compensation")
def the_first_to_finish_is_undone_first(patch: pytest.MonkeyPatch) -> None:
    next_undo = undoing._next_undo

    def first(run: Any) -> Any:
        if run.undoing is None:
            run.undoable.reverse()
        return next_undo(run)

    patch.setattr(undoing, "_next_undo", first)


@planted("compensation", "graph", "function")
def an_undo_that_fails_ends_the_undoing(patch: pytest.MonkeyPatch) -> None:
    next_undo = undoing._next_undo

    def faint(run: Any) -> Any:
        if run.undoing is not None and run.undoing.failed:
            run.undoable.clear()
        return next_undo(run)

    patch.setattr(undoing, "_next_undo", faint)


@planted("compensation")
def a_cancel_ends_the_undoing(patch: pytest.MonkeyPatch) -> None:
    def obliging(self: Any, run: Any, at: float, reason: str = "") -> bool:
        if run.status in FINISHED or attempts_module.cancelling(run):
            return False
        self._record(run, e.CancelAsked(reason), at)
        self._look(run, at)
        return True

    def asked(run: Any, event: Any, at: float) -> None:
        if run.final is None:
            if run.undoing is not None:
                run.undoable.clear()
            concluding._conclude(run, ("cancelled", event.reason), at)

    patch.setattr(Core, "cancel", obliging)
    patch.setitem(machine._RARE, e.CancelAsked, asked)


@planted("compensation")
def a_step_that_failed_is_undone_as_well(patch: pytest.MonkeyPatch) -> None:
    fail = machine._fail

    def remembered(run: Any, step: Any, error: Any, at: float) -> None:
        if step.policy.undo is not None:
            undoing.remember(run, step, None)
        fail(run, step, error, at)

    patch.setattr(machine, "_fail", remembered)


@planted("compensation", "graph", "function")
def an_undo_under_way_when_its_engine_died_is_not_tried_again(patch: pytest.MonkeyPatch) -> None:
    unwanted = machine.unwanted
    patch.setattr(
        "penstock.engine.core.unwanted", lambda step: step.key.startswith("undo:") or unwanted(step)
    )


@planted("compensation")
def a_run_that_was_undone_is_reopened(patch: pytest.MonkeyPatch) -> None:
    from penstock.testing.simulation import engine

    take_up = engine.take_up

    def forgetful(log: Any, *rest: Any, **how: Any) -> Any:
        sequence, at, last = log[-1]
        if type(last) is e.RunFailed:
            last = msgspec.structs.replace(last, undone=None)
        return take_up([*log[:-1], (sequence, at, last)], *rest, **how)

    patch.setattr(engine, "take_up", forgetful)


@planted("compensation", "graph", "function")
def an_undo_is_given_the_result_of_the_step_before(patch: pytest.MonkeyPatch) -> None:
    remember = undoing.remember

    def mixed(run: Any, step: Any, value: Any) -> None:
        remember(run, step, run.undoable[-1].value if run.undoable else value)

    patch.setattr(machine, "remember", mixed)


# ── sub-workflows in runs of their own ──────────────────────────────────────────────────────────────────────────────


@planted("children")
def each_attempt_of_a_step_begins_a_run(patch: pytest.MonkeyPatch) -> None:
    find, key_of = Children._find, children.child_key
    attempt = [1]

    def found(self: Any, waiting: Any, *rest: Any) -> Any:
        attempt[0] = waiting.job.context.attempt
        return find(self, waiting, *rest)

    def key(parent: str, step: str, number: int) -> str:
        return key_of(parent, step, number) + ("" if attempt[0] == 1 else f" again {attempt[0]}")

    patch.setattr(Children, "_find", found)
    patch.setattr(children, "child_key", key)


@planted("children")
def a_childs_failure_is_mended_before_it_is_heard_of(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(children, "ends_heard", lambda log, step: 1_000_000)


@planted("children", "graph")
def a_failure_that_was_heard_of_is_passed_up_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(children, "ends_heard", lambda log, step: 0)


@planted("children", "graph")
def a_parent_does_not_wait_for_the_child_it_cancels(patch: pytest.MonkeyPatch) -> None:
    stop = Children.stop

    def hasty(self: Any, token: Any) -> bool:
        stop(self, token)
        self.forget(token)
        return True

    patch.setattr(Children, "stop", hasty)


@planted("children", "graph")
def no_cancel_passes_down(patch: pytest.MonkeyPatch) -> None:
    from penstock.testing.simulation.kin import SimulatedKin

    order = SimulatedKin.order

    def deaf(self: Any, run: str, kind: str, reason: str) -> None:
        if kind != "cancel":
            order(self, run, kind, reason)

    patch.setattr(SimulatedKin, "order", deaf)
    patch.setattr(Children, "stop", lambda self, token: self.forget(token) or True)


@planted("children")
def nobody_hears_how_a_child_ended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Children, "left", lambda self, run: None)
    patch.setattr(Children, "walk", lambda self: None)


@planted("children")
def a_childs_result_is_lost(patch: pytest.MonkeyPatch) -> None:
    answer = Children._answer
    patch.setattr(
        Children, "_answer", lambda self, waiting, outcome: answer(self, waiting, outcome._replace(value=0))
    )


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("limits", "limited")
def a_rate_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rule, "_take_token", lambda ledger, bounds: True)


@planted("limits", "limited")
def a_stopped_engine_goes_on_recording(patch: pytest.MonkeyPatch) -> None:
    make = Slot.__init__

    def unguarded(self: Any, limits: Any, key: str, asked: Any, guard: Any) -> None:
        make(self, limits, key, asked, None)

    patch.setattr(Slot, "__init__", unguarded)


@planted("limits", "limited")
def slots_of_other_engines_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    def careless(ledger: Ledger, bounds: Bounds) -> int | None:
        most = max((len(part.held) for part in ledger.parts.values()), default=0)
        return None if bounds.at_most is None else max(0, bounds.at_most - most)

    patch.setattr(rule, "room", careless)


@planted("limits", "limited")
def a_ledger_is_written_whoever_was_quicker(patch: pytest.MonkeyPatch) -> None:
    swap = StoreLedgers._swap

    def hasty(self: Any, key: str, ledger: Ledger, version: Any, guards: Any) -> Any:
        _, there = self.read(key)
        return swap(self, key, ledger, there, guards)

    patch.setattr(StoreLedgers, "_swap", hasty)


@planted("limits")
def slots_of_the_dead_are_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StoreLedgers, "bury", lambda self, keys: [])


@planted("limits", "limited")
def the_living_are_buried(patch: pytest.MonkeyPatch) -> None:
    def rash(self: Any, others: Mapping[str, int]) -> Mapping[str, int]:
        return {owner: epoch + 1 for owner, epoch in others.items()}

    patch.setattr(StoreLedgers, "_take_over", rash)


@planted("limits")
def a_failed_attempt_keeps_its_slot(patch: pytest.MonkeyPatch) -> None:
    release = Places._release

    def greedy(self: Any, step: Any) -> None:
        slot, step.slot = step.slot, None
        release(self, step)
        step.slot = slot

    patch.setattr(Places, "_release", greedy)


@planted("limits")
def what_was_asked_twice_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Places, "_unpark", lambda self, run, number=None: None)


# ── schedules ───────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("schedules")
def a_schedule_is_moved_on_whatever_became_of_it_meanwhile(patch: pytest.MonkeyPatch) -> None:
    written = Firer._written

    def careless(self: Any, *given: Any) -> Any:
        firing = written(self, *given)
        firing.moved.guards = []
        return firing

    patch.setattr(Firer, "_written", careless)


@planted("schedules")
def the_runs_of_a_schedule_are_written_after_it_moved_on(patch: pytest.MonkeyPatch) -> None:
    commit = Firer._commit

    def torn(self: Any, firings: Any) -> int:
        self._store.commit([each.moved for each in firings])
        for each in firings:
            each.moved.guards = []
        return commit(self, firings)

    patch.setattr(Firer, "_commit", torn)


@planted("schedules")
def what_came_while_a_schedule_was_paused_is_fired(patch: pytest.MonkeyPatch) -> None:
    upcoming_of = schedules.upcoming_of
    patch.setattr(
        schedules, "upcoming_of", lambda schedule, after: schedule.next or upcoming_of(schedule, after)
    )


@planted("schedules")
def a_moment_is_fired_before_it_is_due(patch: pytest.MonkeyPatch) -> None:
    decide = firing.decide
    patch.setattr(firing, "decide", lambda schedule, now, **how: decide(schedule, now + 3.0, **how))


@planted("schedules")
def the_run_before_is_always_taken_for_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Firer, "_is_over", lambda self, run: True)


@planted("schedules")
def missed_moments_are_left_out_whatever_was_said(patch: pytest.MonkeyPatch) -> None:
    decide = firing.decide

    def forgetful(schedule: Any, now: float, **how: Any) -> Any:
        return decide(msgspec.structs.replace(schedule, catch_up="none"), now, **how)

    patch.setattr(firing, "decide", forgetful)


# ── forks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("forks")
def a_fork_is_written_in_two_commits(patch: pytest.MonkeyPatch) -> None:
    commit = FaultyStore.commit

    def torn(self: Any, changes: Any) -> Any:
        for change in changes:
            if any(row.kind == "step_reused" for row in change.events) and change.expect == 0:
                rest = Change(change.run, 2, change.events[2:])
                change.events = change.events[:2]
                return [*commit(self, changes), *commit(self, [rest])][:1]
        return commit(self, changes)

    patch.setattr(FaultyStore, "commit", torn)


@planted("forks", "graph")
def a_fork_reuses_what_it_is_to_run_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reusing._Keep, "__call__", lambda self, name: not self._nothing and "@" not in name)


@planted("forks", "groups")
def a_fork_reuses_what_was_asked_for_afterwards(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reusing._Moment, "keeps", lambda self, run, name: name not in self._steps)


@planted("forks", "graph")
def a_fork_reuses_what_was_undone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(forks, "undone_in", lambda log: set())


@planted("forks")
def a_fork_runs_the_last_result_again(patch: pytest.MonkeyPatch) -> None:
    results_of = forks.results_of

    def forgetful(*given: Any) -> Any:
        made = results_of(*given)
        return dict(list(made.items())[:-1])

    patch.setattr(forks, "results_of", forgetful)
