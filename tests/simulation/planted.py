"""Bugs in the store, leases, the journal, the drivers, the core, the machine and programs. See planting."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from penstock.engine import attempts as attempts_module
from penstock.engine.core import Core
from penstock.engine.driver import Driver
from penstock.engine.journal import DurableJournal
from penstock.engine.lanes import Timers
from penstock.engine.virtual import VirtualDriver
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Ok
from penstock.model.program import End
from penstock.model.state import COMPLETED
from penstock.stores import memory, memory_disk
from penstock.tasks.program import GraphPlay
from penstock.testing.simulation.engine import SimulatedEngine
from penstock.testing.simulation.programs import groups, messages
from tests.simulation.planting import planted

# ── the store ───────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("store")
def a_store_ignores_the_expected_sequence(patch: pytest.MonkeyPatch) -> None:
    apply = memory_disk.Commit.apply

    def careless(self: Any, change: Any) -> Any:
        if change.expect is not None and not change.guards:
            self._write(change)
            return Ok()
        return apply(self, change)

    patch.setattr(memory_disk.Commit, "apply", careless)


@planted("store")
def an_append_is_not_fenced_but_put_at_the_end_of_the_log(patch: pytest.MonkeyPatch) -> None:
    apply = memory_disk.Commit.apply

    def obliging(self: Any, change: Any) -> Any:
        if change.expect is not None and not change.guards:
            last = self._disk.last_sequence(change.run)
            change.events = [row._replace(sequence=last + n) for n, row in enumerate(change.events, 1)]
            self._write(change)
            return Ok()
        return apply(self, change)

    patch.setattr(memory_disk.Commit, "apply", obliging)


@planted("store")
def a_commit_is_not_flushed_and_gone_after_a_crash(patch: pytest.MonkeyPatch) -> None:
    commit, crash = memory.MemoryStore.commit, SimulatedEngine.crash
    kept: dict[Any, Any] = {}

    def hasty(self: Any, changes: Any) -> Any:
        kept[id(self.disk)] = (dict(self.disk.logs), deepcopy(self.disk.tables["runs"]))
        kept[id(self.disk)][0].update({run: list(log) for run, log in self.disk.logs.items()})
        return commit(self, changes)

    def power_cut(self: Any) -> None:
        disk = self.stage.disk
        if id(disk) in kept:
            disk.logs, disk.tables["runs"] = kept.pop(id(disk))
        crash(self)

    patch.setattr(memory.MemoryStore, "commit", hasty)
    patch.setattr(SimulatedEngine, "crash", power_cut)


@planted("store", "function")
def taking_one_letter_empties_the_inbox(patch: pytest.MonkeyPatch) -> None:
    write = memory_disk.Commit._write

    def greedy(self: Any, change: Any) -> None:
        write(self, change)
        if change.take is not None:
            self._disk.inboxes[change.run].letters.clear()

    patch.setattr(memory_disk.Commit, "_write", greedy)


@planted("lease")
def a_lease_never_lapses(patch: pytest.MonkeyPatch) -> None:
    is_free = memory._is_free

    def strict(row: Any, now: float, *, idle_too: bool = False) -> bool:
        return row["state"] != "leased" and is_free(row, now, idle_too=idle_too)

    patch.setattr(memory, "_is_free", strict)


@planted("lease", "function")
def a_late_claim_is_used_though_a_newer_one_overtook_it(patch: pytest.MonkeyPatch) -> None:
    from penstock.testing.simulation import engine

    take_up = engine.take_up

    def trusting(log: Any, run_id: str, program: Any, epoch: int, *, reopen: bool) -> Any:
        found = take_up(log, run_id, program, 1_000_000, reopen=reopen)
        if found is not None:
            found.epoch = found.state.epoch = epoch
        return found

    patch.setattr(engine, "take_up", trusting)


@planted("lease")
def a_run_that_finished_after_its_claim_is_adopted(patch: pytest.MonkeyPatch) -> None:
    from penstock.engine import recovery

    patch.setattr(recovery, "FINISHED", frozenset())


# ── the journal ─────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("journal")
def after_a_lost_reply_every_conflict_is_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DurableJournal, "_is_ours", lambda self, change: True)


@planted("journal", "function")
def a_letter_is_taken_twice(patch: pytest.MonkeyPatch) -> None:
    """It stays in the inbox, and its key is not asked for."""
    seal = Core.seal

    def forgetful(self: Any, at: float) -> Any:
        batch = seal(self, at)
        if batch is not None:
            batch.takes = []
        return batch

    def signal(self: Any, run: Any, name: str, value: Any, at: float, key: Any, text: Any) -> None:  # noqa: PLR0917
        self._record(run, e.Signalled(name, value, key, text), at)
        self._look(run, at)

    patch.setattr(Core, "seal", forgetful)
    patch.setattr(Core, "signal", signal)


@planted("journal", "function")
def one_letter_too_many_is_taken(patch: pytest.MonkeyPatch) -> None:
    took = Core.took

    def greedy(self: Any, run: Any, letter: int) -> None:
        took(self, run, letter)
        if run in self._takes:
            self._takes[run] = letter + 1

    patch.setattr(Core, "took", greedy)


# ── the driver ──────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("driver")
def steps_start_before_what_allows_them_is_written(patch: pytest.MonkeyPatch) -> None:
    write = Driver.write

    def eager(self: Any, batch: Any) -> None:
        for step in batch.starts:
            self.launch(step)
        batch.starts = []
        write(self, batch)

    patch.setattr(Driver, "write", eager)


@planted("driver")
def a_run_is_announced_before_its_end_is_written(patch: pytest.MonkeyPatch) -> None:
    write = Driver.write

    def eager(self: Any, batch: Any) -> None:
        for run in batch.over:
            self.host.finished(run)
        batch.over = []
        write(self, batch)

    patch.setattr(Driver, "write", eager)


@planted("driver")
def a_step_is_dispatched_twice(patch: pytest.MonkeyPatch) -> None:
    launch = Driver.launch

    def double(self: Any, step: Any) -> None:
        launch(self, step)
        if step.item == 1 or step.attempt == 2:
            launch(self, step)

    patch.setattr(Driver, "launch", double)


@planted("driver")
def an_answer_is_taken_for_whichever_attempt_runs_now(patch: pytest.MonkeyPatch) -> None:
    def credulous(self: Any, context: Any, step: Any, outcome: Any) -> None:
        current = self.flying.pop(step, None)
        if current is not None:
            self._settle(step, outcome, current)

    patch.setattr(Driver, "answer", credulous)


@planted("driver")
def no_timer_wakes_the_driver(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(VirtualDriver, "_arm", lambda self: None)


# ── the core ────────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("core")
def a_retry_is_lost(patch: pytest.MonkeyPatch) -> None:
    step_due = Core._step_due

    def lossy(self: Any, step: Any, when: float, at: float) -> None:
        if step.failures < 2 or type(step.ask).__name__ != "Do":
            step_due(self, step, when, at)

    patch.setattr(Core, "_step_due", lossy)


@planted("core")
def a_retry_comes_early(patch: pytest.MonkeyPatch) -> None:
    delay = attempts_module.retry_delay

    def short(*given: Any) -> float | None:
        wait = delay(*given)
        return None if wait is None else wait * 0.9

    patch.setattr(attempts_module, "retry_delay", short)


@planted("core")
def waits_follow_a_clock_that_is_set(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Timers, "after", lambda self, seconds, when, kind, what: self.at(when, kind, what))


@planted("core")
def a_pause_lets_steps_start(patch: pytest.MonkeyPatch) -> None:
    _next_while(patch, lambda run: run.status == "paused", "status", "running")


@planted("core", "graph")
def a_limit_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    _next_while(patch, lambda run: True, "running", 0)


@planted("core")
def what_ran_when_an_engine_died_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Core, "_lost", lambda self, step, at: None)


@planted("core")
def batches_share_the_list_of_what_is_over(patch: pytest.MonkeyPatch) -> None:
    seal = Core.seal

    def sharing(self: Any, at: float) -> Any:
        over = self._over
        batch = seal(self, at)
        if batch is not None and not over:
            self._over = over
        return batch

    patch.setattr(Core, "seal", sharing)


def _next_while(patch: pytest.MonkeyPatch, when: Any, name: str, value: Any) -> None:
    """Let `Core.next` see another state than there is."""
    original = Core.next

    def blind(self: Any, lane: Any, *rest: Any) -> Any:
        hidden = [(run, getattr(run, name)) for run in self.runs.values() if when(run)]
        for run, _ in hidden:
            setattr(run, name, value)
        step = original(self, lane, *rest)
        for run, before in hidden:
            changed = getattr(run, name)
            setattr(run, name, before if name == "status" else before + changed - value)
        return step

    patch.setattr(Core, "next", blind)


# ── the machine and the programs ────────────────────────────────────────────────────────────────────────────────────


@planted("machine", "graph")
def a_map_loses_the_result_of_an_item(patch: pytest.MonkeyPatch) -> None:
    from penstock.model import items

    item_settled = items.item_settled

    def lossy(run: Any, family: Any, item: int, mark: int, at: float) -> None:
        if item == 3 and mark == COMPLETED:
            family.results[item] = None
        item_settled(run, family, item, mark, at)

    patch.setattr(items, "item_settled", lossy)


@planted("machine", "graph")
def what_a_forgiven_failure_stopped_stays_cancelled(patch: pytest.MonkeyPatch) -> None:
    def final(run: Any, event: Any, at: float) -> None:
        step = machine._find(run, event.step, event.item)
        if step is not None:
            run.running -= step.status == "running"
            machine._cancel(run, step, at)

    patch.setitem(machine._RARE, e.StepCancelled, final)


@planted("machine", "graph")
def a_graph_ends_while_siblings_run(patch: pytest.MonkeyPatch) -> None:
    done = GraphPlay.done

    def impatient(self: Any, key: str, value: Any, at: float) -> Any:
        asks = done(self, key, value, at)
        if not asks and self.asked and not self.program.after[key]:
            return [End(self._result())]
        return asks

    patch.setattr(GraphPlay, "done", impatient)


# ── programs ────────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("program", "groups")
def the_children_of_a_group_come_in_reverse(patch: pytest.MonkeyPatch) -> None:
    children_of = groups.children_of
    patch.setattr(groups.GroupPlay, "__init__", _reversed_children(groups.GroupPlay.__init__, children_of))


def _reversed_children(make: Any, children_of: Any) -> Any:
    def made(self: Any, program: Any, input: Any) -> None:
        make(self, program, input)
        self.children = children_of(program.name, program.size, self.given)[::-1]

    return made


@planted("program", "messages")
def messages_are_delivered_breadth_first(patch: pytest.MonkeyPatch) -> None:
    def done(self: Any, key: str, value: Any, at: float) -> Any:
        emits, state = value
        routine, _, number = self.stack.pop()
        self.trace.append([routine, number])
        self.states[routine] = state
        self.stack[:0] = reversed(emits)
        return self._next()

    patch.setattr(messages.MessagesPlay, "done", done)
