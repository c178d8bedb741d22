"""What happened since the last batch, and what it made necessary, until a batch holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.context.references import is_async
from penstock.engine.attempts import ending_of
from penstock.engine.lanes import QUIET, Batch, Fact, Lane, Timers
from penstock.engine.places import Places
from penstock.model import events as e
from penstock.model.changes import Put
from penstock.model.machine import News, Run, Step, evolve, step_started
from penstock.model.policies import DEFAULT
from penstock.model.states import FINISHED


class Batching(Places):
    """The part of the core that records events, fills lanes, and gives the driver batches. See Core for the arguments."""

    def __init__(
        self, route: Callable[[Step], Lane], text: Callable[[Any], str | None], monotonic: Callable[[], float]
    ) -> None:
        super().__init__()
        self.runs: dict[str, Run] = {}
        self._route = route
        self._usual: dict[bool, Lane] = {}  # lanes of sync and of async code without a policy of its own
        self._text = text
        self._lanes: list[Lane] = []
        self._rows: list[Fact] = []
        self._starts: list[Step] = []
        self._stops: list[Step] = []
        self._over: list[Run] = []
        self._takes: dict[Run, int] = {}
        self.timers = Timers(monotonic)
        self.kept: list[tuple[Run, Put]] = []  # results for other runs, to be written with the next batch
        self._refill = False  # whether steps were queued while the lanes were being filled
        self.serial = 1

    def add_lane(self, lane: Lane) -> Lane:
        self._lanes.append(lane)
        return lane

    def next(self, lane: Lane, at: float, durable: int | None = None) -> Step | None:
        """Start the next step of a lane, if a slot is free.

        With `durable`, the number of the last durable batch, only a step that may run at once: one that needs nothing later.
        """
        queue = lane.queue
        while queue and lane.free > 0:
            step = queue[0]
            if durable is not None and step.needs > durable:
                return None
            queue.popleft()
            run = step.run
            if step.status != "ready" and (step.status != "waiting" or step.due is None):
                self._let_go(step)
                if run.parked:  # it is not to start: if a place was free for it, that is another's
                    self._unpark(run, 1)
                    self._refill = True
                continue
            if run.gone or step.live:
                continue
            limit = run.limit
            held = run.status == "paused" or (limit is not None and run.running >= limit)
            if held and self._hold_back(step):
                continue
            lane.free -= 1
            step.live = True
            when = at if at > run.at else run.at
            if step.due is not None and step.due > when:  # wall time was set back while its retry waited
                when = step.due
            event = e.StepStarted(step.id, step.item, step.attempt + 1)
            step_started(run, event, when)
            self._rows.append((run, run.sequence, when, event))
            return step
        return None

    def seal(self, at: float) -> Batch | None:
        """All that happened since the last batch; None if nothing did. Free slots are filled first."""
        self._refill = True
        while self._refill:
            self._refill = False
            for lane in self._lanes:
                if lane.queue and lane.free > 0:
                    self._fill(lane, at)
        if not (self._rows or self._stops or self._over or self._frees):
            return None
        batch = Batch(self.serial, self._rows, self._starts, self._stops, self._over)
        self.serial += 1
        self._rows = []
        self._starts = []
        self._stops = []
        self._over = []
        if self._frees:
            batch.frees, self._frees = self._frees, []
        if self.kept:
            batch.puts, self.kept = self.kept, []
        if self._takes:
            written = {row[0] for row in batch.rows}
            batch.takes = [(run, number) for run, number in self._takes.items() if run in written]
            self._takes = {run: number for run, number in self._takes.items() if run not in written}
        return batch

    @property
    def pending(self) -> bool:
        """Whether rows wait to be sealed."""
        return bool(self._rows)

    @property
    def restless(self) -> bool:
        """Whether something waits to be sealed, or a step for a slot that is free."""
        if self._rows or self._stops or self._over or self._refill:
            return True
        for lane in self._lanes:
            if lane.queue and lane.free > 0:
                return True
        return False

    @property
    def idle(self) -> bool:
        """Whether no step is live or ready: only timers, letters and resumes can move anything."""
        return all(lane.free == lane.capacity and not lane.queue for lane in self._lanes)

    # Inside

    def _record(self, run: Run, event: e.Event, at: float) -> None:
        at = max(at, run.at)
        evolve(run, event, at)
        self._rows.append((run, run.sequence, at, event))

    def _look(self, run: Run, at: float) -> None:
        """Take up what the last events made necessary."""
        news = run.news
        news.rare = False
        if news.said:
            said, news.said = news.said, []
            for event in said:
                self._record(run, event, at)
        if news.ready:
            self._queue(news)
        if news.gates:
            self._mind_gates(run)
        if news.timers:
            for step in news.timers:
                step.needs = self.serial
                self.timers.wake(step, run.at)
            news.timers.clear()
        if news.stops:
            self._stops.extend(s for s in news.stops if s.live)
            news.stops.clear()
        if run.final is not None:
            self._finish(run, at)
        elif run.status == "paused" and not run.running and not run.told:
            run.told = True
            self._record(run, e.Noted(QUIET), at)
        elif run.parked and not run.running:
            # what was to start instead was dropped, and nothing runs that would end
            self._unpark(run, 1)

    def _queue(self, news: News) -> None:
        serial, usual = self.serial, self._usual
        for step in news.ready:
            policy = step.policy
            if not policy.pure or step.attempt:  # a retry waits for its failure, and its stop, to be durable
                step.needs = serial
            lane = usual.get(is_async(step.ask.fn)) if policy is DEFAULT else None
            if lane is None:
                lane = self._lane_for(step)
                if policy.limit is not None or policy.cache is not None:
                    step.lane = lane
                    self._line_up(step)
                    continue
            step.lane = lane
            lane.queue.append(step)
        news.ready.clear()

    def _lane_for(self, step: Step) -> Lane:
        lane = self._route(step)
        if step.policy is DEFAULT:
            self._usual[is_async(step.ask.fn)] = lane
        return lane

    def _fill(self, lane: Lane, at: float) -> None:
        while lane.queue and (step := self.next(lane, at)) is not None:
            self._starts.append(step)

    def _finish(self, run: Run, at: float) -> None:
        if run.status not in FINISHED:
            self._record(run, ending_of(run, self._text), at)
            if run.status not in FINISHED:  # its value cannot be stored
                self._look(run, at)
                return
            if run.doors is not None:
                self._leave(run)
            self.runs.pop(run.id, None)
            self._over.append(run)
