"""What every driver does: write batches, launch what they made legal, take answers back. It holds no rules.

A driver owns its core: other threads (executors, the writer, the keeper, callers) only `post` to its mailbox. How it waits and
how it runs steps on its own thread is what the synchronous and the asyncio driver add.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakSet

from penstock.context import Context
from penstock.context.calls import call
from penstock.context.places import blame, spot_of
from penstock.engine.attending import attend
from penstock.engine.caching import keep, look_up
from penstock.engine.children import Children
from penstock.engine.core import Core
from penstock.engine.host import BegunElsewhere, Host
from penstock.engine.lanes import ABANDONED, Batch, Lane
from penstock.engine.limits import Limits
from penstock.engine.routes import REMEMBERED, Routes
from penstock.engine.transactions import run_within
from penstock.errors import CodecError, LeaseLost, StoreError, StoreUnavailable
from penstock.model import events as e
from penstock.model.changes import Letter, Put
from penstock.model.failure import Failure, failure_of
from penstock.model.machine import Run, Step
from penstock.model.program import item_arguments
from penstock.ports import Codec, Job, Outcome

SHORT_SECONDS = 0.001
"""A body that took less may run before what happened ahead of it is with the writer."""

TURN_STEPS = 256
TURN_SECONDS = 0.005
"""How much may run between two looks at mail and timers."""

_job = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class Driver(Routes):
    """See the module. `ready` are the steps to run on the driver's own thread, in order."""

    inline_slots = 1
    patient = True
    """Whether its own thread may wait for a store that is away; else the writer's does."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host
        self.journal = host.journal
        self.now = host.clock.now
        self._text = self.journal.text
        self._durable = self.journal.durable
        self._short: set[int] = set()  # functions, by id, whose last body was short
        self._report = host.progressed
        self.core = Core(self._route, self._text, host.clock.monotonic)
        self.inline = self.core.add_lane(Lane("inline", self.inline_slots))
        self.ready: deque[Step] = deque()
        self.flying: dict[Step, Context] = {}  # what executors have
        self.here: tuple[Step, Context] | None = None  # what this thread is running
        self.checked: WeakSet[Any] = WeakSet()  # programs whose steps this driver can run
        self.seen: Any = None  # the last of them
        self.written = 0  # number of the last batch that is durable
        self.sent = 0  # number of the last batch handed over
        self.limits: Limits | None = None  # as soon as a step of this driver is under one
        self.token_at: float | None = None  # the moment of a token for which a timer is set
        self._hurried = False  # whether there is mail that no further step is to run before

    def post_or_call(self, what: Callable[..., None], *args: Any) -> None:
        """On the driver's own thread call it, from any other post it."""
        raise NotImplementedError

    def post(self, what: Callable[..., None], *args: Any) -> None:
        """From any thread: have `what(*args)` called on the driver's own."""
        raise NotImplementedError

    def hurry(self, what: Callable[..., None], *args: Any) -> None:
        """As `post`; it is called before another step begins on the driver's own thread."""
        self.post(what, *args)
        self._hurried = True

    def look(self) -> None:
        """Take what came while steps ran here, before anything more is started."""

    def turn(self) -> bool:
        """What may run here, then a batch of all that happened. False if there is nothing to do but wait."""
        core = self.core
        worked = bool(self.ready) or (not self._durable and bool(self.inline.queue))
        if worked:
            self._run_many()
            self.look()
        now = self.now()
        timers = core.timers
        if timers.spans or timers.moments:
            seconds = timers.due_in(now)
            if seconds is not None and seconds <= 0:
                core.due(now)
        if core.seeking:
            look_up(self)
        if core.wanting or self.limits is not None:
            attend(self)
        batch = core.seal(now)
        if batch is None:
            return worked
        self.write(batch)
        return True

    def _run_many(self) -> None:
        """Run steps here, one after another: up to 256 of them or 5 ms.

        Where there is a commit to wait for, only steps that need nothing later than what is durable; and before one that is
        not known to be short, what has happened so far goes to the writer.
        """
        ready, core, inline = self.ready, self.core, self.inline
        legal = self.written if self._durable else None
        now = self.now()
        end = now + TURN_SECONDS
        for _ in range(TURN_STEPS):
            if self._hurried:
                self._hurried = False
                return
            step = ready.popleft() if ready else core.next(inline, now, legal)
            if step is None:
                return
            if legal is not None:
                if id(step.ask.fn) not in self._short and core.pending:
                    ready.appendleft(step)
                    return
                if not core.begin(step, now):
                    continue
            elif not step.live or step.stopping:  # a cancel came since it was sealed
                core.begin(step, now)
                continue
            began = now
            now = self.run_here(step) if step.lane is inline else run_within(self, step)
            if legal is not None:
                self._learn(step.ask.fn, now - began)
            if now > end:
                return

    def _learn(self, fn: Callable[..., Any], seconds: float) -> None:
        """Whether a function's bodies are short, judged by the last one."""
        if seconds >= SHORT_SECONDS or len(self._short) > REMEMBERED:
            self._short.discard(id(fn))
        else:
            self._short.add(id(fn))

    def run_here(self, step: Step) -> float:
        """Run a step on the driver's own thread; the time when it had ended."""
        ask, run = step.ask, step.run
        context = Context(run.id, run.workflow, step.id, step.item, step.attempt, run.deadline, self._report)
        self.here = (step, context)
        if step.item is None:
            value, failure = call(ask.fn, ask.args, ask.kwargs, context)
        else:
            value, failure = call(ask.fn, (), item_arguments(ask, step.item), context)
        self.here = None
        at = self.now()
        if context.lines is not None:
            self.host.captured(step, context)
        if failure is not None:
            self.attempt_failed(step, failure, context)
        elif self._durable:
            self._ended(step, value, at)
        else:
            self.core.ended(step, value, None, at)
        return at

    # Runs

    def start(self, run: Run, event: e.RunStarted, puts: Iterable[Put] = ()) -> None:
        """Start a run, and write these rows with its first."""
        if puts:
            self.core.kept += [(run, put) for put in puts]
        self.core.start(run, event, self.now())

    def adopt(self, run: Run, epoch: int, owner: str, reopen: list[int] | None = None) -> None:
        self.core.adopt(run, epoch, owner, self.now(), reopen)

    def lose(self, run: Run, error: BaseException) -> None:
        """The lease of a run is gone: forget it."""
        if not run.gone:
            self.core.refused(run)
            self.host.dropped(run, error)

    def obey(self, run: Run, kind: str, reason: str) -> None:
        """Carry out a command: cancel, pause or resume."""
        if not run.gone:
            if kind == "resume":
                self.core.resume(run, self.now())
            else:
                (self.core.cancel if kind == "cancel" else self.core.pause)(run, self.now(), reason)

    def signalled(self, run: Run, name: str, value: Any, key: str | None, text: str | None = None) -> None:
        if not run.gone and run.id in self.core.runs:
            self.core.signal(run, name, value, self.now(), key, text)

    def take(self, run: Run, letters: Iterable[Letter], codec: Codec) -> None:
        """Carry out letters, in order, each once; while the run is not begun or adopted here they stay in its inbox."""
        for letter in letters:
            if letter.number <= run.letters or run.gone or run.id not in self.core.runs:
                continue
            self.core.took(run, letter.number)
            if letter.kind == "signal":
                self.signalled(run, letter.name, codec.decode(letter.body), letter.key, letter.body)
            else:
                self.obey(run, letter.kind, letter.body)

    def warn(self, run: Run) -> None:
        """From any thread: tell steps of a run that they are about to be stopped, though this driver is busy."""
        here = self.here
        for step, context in [*self.flying.items(), *([here] if here is not None else [])]:
            if step.run is run:
                context.cancel()

    def shut(self) -> None:
        """Stop every step that runs elsewhere, recording nothing: the driver's thread is leaving."""
        for step in list(self.flying):
            executor = step.lane.executor
            self.flying.pop(step).cancel()
            if executor is not None:
                (executor.forget if isinstance(executor, Children) else executor.stop)(step)

    # Batches

    def write(self, batch: Batch) -> None:
        """Append a batch: inline when nothing else is in flight and no long step could run meanwhile, else by the writer."""
        inline = not self._durable or (self.sent == self.written and not self._long_waits(batch))
        self.sent = batch.number
        if inline:
            try:
                commit = self.journal.commit if self.patient else self.journal.commit_at_once
                refused: list[Run] | BaseException = commit(batch)
            except StoreError as error:
                if not self.patient and isinstance(error, StoreUnavailable):
                    self.journal.put(batch, self._wrote)
                    return
                refused = error
            self.applied(batch, refused)
        else:
            self._start_early(batch)
            self.journal.put(batch, self._wrote)

    def _long_waits(self, batch: Batch) -> bool:
        """Whether a step that may not be short could run here while the batch is written."""
        if self.ready:
            return id(self.ready[0].ask.fn) not in self._short
        for step in batch.starts:
            if step.lane.executor is None and step.needs <= self.written:
                return id(step.ask.fn) not in self._short
        return False

    def _wrote(self, batch: Batch, refused: list[Run] | BaseException) -> None:
        self.post(self.applied, batch, refused)

    def _start_early(self, batch: Batch) -> None:
        """Steps whose needs are durable start at once: only their started event rides in this batch."""
        later = []
        for step in batch.starts:
            if step.needs <= self.written:
                self.launch(step)
            else:
                later.append(step)
        batch.starts = later

    def applied(self, batch: Batch, refused: list[Run] | BaseException) -> None:
        """A batch is durable: do what it made legal."""
        self.written = max(self.written, batch.number)
        if refused:
            self._refused(batch, refused)
        if batch.frees:
            for slot in batch.frees:
                slot.free()
            attend(self)
        for step in batch.stops:
            self.stop(step)
        for step in batch.starts:
            self.launch(step)
        for run in batch.over:
            if not run.gone:
                self.host.finished(run)

    def _refused(self, batch: Batch, refused: list[Run] | BaseException) -> None:
        if isinstance(refused, BaseException):
            runs, error = list({row[0].id: row[0] for row in batch.rows}.values()), refused
        else:
            runs, error = refused, LeaseLost("another engine owns the run now; see `penstock show`")
        fresh = {row[0] for row in batch.rows if row[1] == 1}
        for run in runs:
            if not run.gone:
                self.core.refused(run)
                mine = isinstance(error, LeaseLost) and run in fresh
                self.host.dropped(run, BegunElsewhere(str(error)) if mine else error)

    # Steps

    def launch(self, step: Step) -> None:
        executor = step.lane.executor
        if executor is None:
            self.ready.append(step)
        elif self.core.begin(step, self.now()):
            job = self.job(step)
            self.flying[step] = job.context
            executor.submit(job, partial(self._answered, job.context))

    def _answered(self, context: Context, step: Step, outcome: Outcome) -> None:
        """From an executor's thread."""
        self.post(self.answer, context, step, outcome)

    def answer(self, context: Context, step: Step, outcome: Outcome) -> None:
        """An attempt has ended; one that was stopped meanwhile, though its answer was on its way, says nothing any more."""
        if self.flying.get(step) is context:
            del self.flying[step]
            if context.attempt == step.attempt:
                self._settle(step, outcome, context)

    def _settle(self, step: Step, outcome: Outcome, context: Context) -> None:
        if context.lines:
            self.host.captured(step, context)
        value, failure = outcome
        if failure is not None:
            self.attempt_failed(step, failure, context)
        elif self._durable:
            self._ended(step, value, self.now())
        else:
            self.core.ended(step, value, None, self.now())

    def attempt_failed(self, step: Step, failure: Failure, context: Context) -> None:
        """An attempt that was told to stop may fail before the command that stops it is carried out: that comes first."""
        if context.cancelled and not step.stopping:
            self.post(self._failed_at_last, step, failure)
        else:
            self._failed_at_last(step, failure)

    def _failed_at_last(self, step: Step, failure: Failure) -> None:
        self.core.failed(step, failure, self.now())

    def _ended(self, step: Step, value: Any, at: float) -> None:
        try:
            text = self._text(value)
        except CodecError as error:
            self.core.failed(step, failure_of(blame(error, spot_of(step.ask.fn))), at)
        else:
            if self.core.ended(step, value, text, at) and step.policy.cache is not None:
                keep(self, step, text)

    def stop(self, step: Step) -> None:
        """Stop an attempt: where the executor can, its code runs no more; else it is left behind and its answer is void.

        What ends in its own time (None) will still answer.
        """
        context = self.flying.pop(step, None)
        if context is None:
            return  # it runs here, or waits to: `begin` or its answer will tell
        context.cancel()
        really = step.lane.executor.stop(step)
        if really is None:
            self.flying[step] = context
            return
        if context.lines:
            self.host.captured(step, context)
        if not really and step.run.id in self.core.runs:
            self.core.note(step.run, ABANDONED, self.now(), step.id)
        if context.attempt == step.attempt:  # else it timed out, and is being tried again already
            self.core.stopped(step, self.now())

    def job(self, step: Step) -> Job:
        """A step's code with what it runs with."""
        ask, run, item = step.ask, step.run, step.item
        context = Context(run.id, run.workflow, step.id, item, step.attempt, run.deadline, self._report)
        if item is None:
            return _job(Job, (step, ask.fn, ask.args, ask.kwargs, context))
        return _job(Job, (step, ask.fn, (), item_arguments(ask, item), context))
