"""The one thread that hires workers, hears what they say and buries them. It sleeps while nothing happens.

A worker dies with the thread that started it (the kernel counts parents by thread), so no other thread starts any.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from selectors import EVENT_READ, DefaultSelector
from threading import Lock, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING

from penstock.errors import WorkerLost
from penstock.executors.processes import parcels
from penstock.executors.processes.crew import STUCK_SECONDS, Crew
from penstock.executors.processes.hired import Hired, Ticket, loss
from penstock.executors.processes.link import FAILED, LINES, NOTE, READY, VALUE
from penstock.executors.telling import tell
from penstock.model.failure import failure_of
from penstock.ports import Outcome

if TYPE_CHECKING:
    from penstock.executors.processes.link import Message

GRACE_SECONDS = 2.0  # for idle workers to close their resources
EARFUL = 64  # messages of one worker that are heard before the others get their turn


class Dispatcher:
    """Serves a crew; `lock` is held whenever the crew is touched."""

    def __init__(self, crew: Crew, lock: Lock) -> None:
        self._crew = crew
        self._lock = lock
        self._thread: Thread | None = None
        self._alive: set[Hired] = set()  # not yet buried
        self._bell = -1
        self._awake = False  # it will look at the crew before it sleeps
        self._finishing = False

    def look(self) -> None:
        """There may be something to do. With the lock held."""
        if self._thread is None:
            self._begin()
        elif not self._awake and (self._crew.vacancies() or self._crew.gambles()):
            self._ring()

    def finish(self) -> None:
        """End when nothing is left to do; returns when the workers are gone."""
        with self._lock:
            self._finishing = True
            if self._thread is None:
                return
            self._ring()
        if self._thread is not current_thread():
            self._thread.join()

    def _begin(self) -> None:
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector = DefaultSelector()
        self._selector.register(self._bell, EVENT_READ, partial(os.eventfd_read, self._bell))
        self._awake = True
        self._thread = Thread(target=self._run, name="penstock-dispatcher", daemon=True)
        self._thread.start()

    def _ring(self) -> None:
        self._awake = True
        if self._bell >= 0:
            os.eventfd_write(self._bell, 1)

    # ── on the dispatcher's thread ──────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while not self._is_over():
            self._hire()
            self._turn(self._patience())
        self._send_home()
        with self._lock:
            self._selector.close()
            os.close(self._bell)
            self._bell = -1

    def _is_over(self) -> bool:
        with self._lock:
            return self._finishing and not self._crew.tickets

    def _hire(self) -> None:
        with self._lock:
            wanted = self._crew.vacancies()
        for _ in range(wanted):
            try:
                worker = Hired()
            except OSError as error:
                self._could_not_start(f"{type(error).__name__}: {error}")
                continue
            self._alive.add(worker)
            self._selector.register(worker.link, EVENT_READ, partial(self._hear, worker))
            self._selector.register(worker.death, EVENT_READ, partial(self._bury, worker))
            with self._lock:
                self._crew.workers.append(worker)

    def _could_not_start(self, why: str) -> None:
        with self._lock:
            self._crew.bad_starts += 1
            in_vain = self._crew.give_up()
        error = WorkerLost(f"worker processes cannot start: {why}")
        for ticket in in_vain:
            _tell_failure(ticket, error)

    def _patience(self) -> float | None:
        """How long to sleep at most. The next to touch the crew rings, unless it is a while anyway."""
        with self._lock:
            if self._crew.vacancies() or (self._finishing and not self._crew.tickets):
                return 0
            self._awake = self._crew.gambles()
            return STUCK_SECONDS if self._awake else None

    def _turn(self, seconds: float | None) -> None:
        for key, _ in self._selector.select(seconds):
            if key.fd in self._selector.get_map():  # not of a worker that was buried a moment ago
                key.data()
        with self._lock:
            self._crew.relieve(monotonic())

    def _hear(self, worker: Hired) -> None:
        for message in islice(worker.link.waiting(), EARFUL):
            self._heed(worker, message)

    def _heed(self, worker: Hired, message: Message) -> None:
        kind, number, seconds, body = message
        if kind in (VALUE, FAILED):
            with self._lock:
                ticket = self._crew.answered(worker, number, seconds)
            if ticket is not None:
                outcome, lines = (parcels.value_in if kind == VALUE else parcels.failure_in)(body)
                parcels.keep(ticket.job.context, lines)
                tell(ticket.ended, ticket.job.token, outcome)
        elif kind == READY:
            with self._lock:
                self._crew.joined(worker)
        elif (ticket := worker.flying.get(number)) is not None and not ticket.void:
            {NOTE: parcels.note, LINES: parcels.lines}[kind](ticket.job.context, body)

    def _bury(self, worker: Hired) -> None:
        for message in worker.link.waiting():
            self._heed(worker, message)
        self._selector.unregister(worker.link)
        self._selector.unregister(worker.death)
        self._alive.discard(worker)
        with self._lock:
            doing = self._crew.lose(worker)
            how = worker.bury()
        for ticket in doing:
            _tell_failure(ticket, loss(ticket, how))
        if not worker.ready and not self._finishing:
            self._could_not_start(f"the last one {how} before it was ready; what it said is on stderr")
        with self._lock:
            self._crew.assign()

    def _send_home(self) -> None:
        """Idle workers close what they opened and end; who takes too long is killed."""
        for worker in self._alive:
            worker.link.shut_down()
        end = monotonic() + GRACE_SECONDS
        while self._alive and (left := end - monotonic()) > 0:
            self._turn(left)
        for worker in self._alive:
            worker.kill()
        while self._alive:
            self._turn(None)


def _tell_failure(ticket: Ticket, error: WorkerLost) -> None:
    tell(ticket.ended, ticket.job.token, Outcome(None, failure_of(error, cause="lost")))
