"""Who works and who does what: the executor's state. Every call is made with the executor's lock held.

Jobs begin in the order in which they came; what is taken back from a worker goes to the front again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from penstock.context import capture
from penstock.executors.processes.hired import Hired, Ticket

BAD_STARTS = 3
STUCK_SECONDS = 0.005  # a job that takes longer gives back what was sent behind it


class Crew:
    """The workers, the jobs they have and the jobs that wait."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.workers: list[Hired] = []  # those that were killed apart
        self.backlog: deque[Ticket] = deque()
        self.tickets: dict[Any, Ticket] = {}  # by token: what somebody still waits for
        self.bad_starts = 0

    def add(self, ticket: Ticket) -> None:
        """Take a job on."""
        self.tickets[ticket.job.token] = ticket
        self.backlog.append(ticket)
        self.assign()

    def assign(self) -> None:
        """Send what waits to whoever is free, or soon will be."""
        while self.backlog and self.workers:
            worker = max(self.workers, key=_eagerness)
            if worker.can_take() <= 0 or not worker.send(self.backlog[0], capture.echoing()):
                return
            self.backlog.popleft()

    def vacancies(self) -> int:
        """How many workers should be hired now."""
        starting = sum(not worker.ready for worker in self.workers)
        return max(0, min(self.slots - len(self.workers), len(self.backlog) - starting))

    def gambles(self) -> bool:
        """Whether some worker was sent jobs ahead."""
        return any(len(worker.flying) > 1 for worker in self.workers)

    def joined(self, worker: Hired) -> None:
        """A worker is ready."""
        worker.ready = True
        self.bad_starts = 0
        self.assign()

    def answered(self, worker: Hired, number: int, seconds: float) -> Ticket | None:
        """A job has ended; None if nobody wants its answer."""
        ticket = worker.answered(number, seconds)
        self.assign()
        if ticket is None or ticket.void:
            return None
        del self.tickets[ticket.job.token]
        return ticket

    def stop(self, token: Any) -> bool:
        """Stop a job: its code runs no more."""
        ticket = self.tickets.pop(token, None)
        if ticket is not None:
            ticket.drop()
            if ticket.worker is None:
                self.backlog.remove(ticket)
            elif not self._take_back(ticket.worker, ticket):
                self._dismiss(ticket.worker)
            self.assign()
        return True

    def stop_all(self) -> None:
        """Stop every job."""
        for ticket in self.tickets.values():
            ticket.drop()
        self.tickets.clear()
        self.backlog.clear()
        for worker in [worker for worker in self.workers if worker.flying]:
            self._dismiss(worker)

    def relieve(self, now: float) -> None:
        """Take back what lies behind jobs that turned out long."""
        for worker in self.workers:
            if len(worker.flying) > 1 and now - worker.heard > STUCK_SECONDS:
                worker.pace = float("inf")
                self._take_back(worker)
        self.assign()

    def lose(self, worker: Hired) -> list[Ticket]:
        """A worker is dead and all it said was heard: what it was doing. What it had not begun goes to others."""
        if worker in self.workers:
            self.workers.remove(worker)
        self._take_back(worker)
        doing = [ticket for ticket in worker.flying.values() if not ticket.void]
        for ticket in doing:
            del self.tickets[ticket.job.token]
        return doing

    def give_up(self) -> list[Ticket]:
        """What waits in vain, if no worker could be started three times in a row."""
        if self.bad_starts < BAD_STARTS:
            return []
        waiting = list(self.backlog)
        self.backlog.clear()
        for ticket in waiting:
            del self.tickets[ticket.job.token]
        self.bad_starts = 0
        return waiting

    def _take_back(self, worker: Hired, unwanted: Ticket | None = None) -> bool:
        """Whether the unwanted one was among what the worker had not begun."""
        returned = worker.recall()
        self.backlog.extendleft(reversed(list(_wanted(returned))))
        return unwanted in returned

    def _dismiss(self, worker: Hired) -> None:
        worker.kill()
        self.workers.remove(worker)


def _eagerness(worker: Hired) -> tuple[bool, int]:
    room = worker.can_take()
    return room > 0 and not worker.flying, room


def _wanted(tickets: Iterable[Ticket]) -> Iterable[Ticket]:
    for ticket in tickets:
        ticket.worker = None
        if not ticket.void:
            yield ticket
