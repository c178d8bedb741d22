"""What the engine asks of the world, on one page.

A store keeps facts and decides nothing; an executor runs a step's code; a broker carries messages outward; a codec turns
values into text; a clock is the only reader of time; an observer is told what was recorded. Every promise made here is
checked by a suite in `penstock.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

from penstock.model.changes import Change, Columns, Letter, Row, Verdict
from penstock.model.events import Event
from penstock.model.failure import Failure


class Claim(NamedTuple):
    """A leased right to act on one row of `runs` or `queued`.

    `epoch` numbers the lease (grants so far, from 1); `inbox` is the number of the row's newest letter; `data` the row.
    """

    id: str
    epoch: int
    inbox: int
    gate: str | None
    data: Columns


class Candidate(NamedTuple):
    """A row that could be claimed, in order of rank. `begun`: it is a run whose status is not pending any more."""

    id: str
    gate: str | None
    epoch: int
    begun: bool = False


Choose = Callable[[Sequence[Candidate], Mapping[str, int], frozenset[str]], Sequence[str]]
"""Pure; (candidates, leases held a gate, shut gates) -> ids to claim. Called inside the claim's transaction."""


class Bell(Protocol):
    """Wakes a process. Listen, then look: it may ring for nothing and may, rarely, not ring."""

    def fileno(self) -> int: ...
    def drain(self) -> frozenset[str]:
        """The topics that rang since the last call."""

    def close(self) -> None: ...


class Store(Protocol):
    """Keeps facts: tables `runs`, `queued`, `documents`, `blobs` by key, logs and inboxes by run, captured output.

    Any thread of the process that opened it may call it. Every call may raise `StoreUnavailable` (try again: nothing is known
    of a commit's outcome then) or another `StoreError`.
    """

    url: str

    def now(self) -> float:
        """Seconds on the store's own clock: leases and delays use only it, and only durations cross this port."""

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        """Write each change whole or not at all, in order, in one transaction; a verdict a change. See `model.changes`.

        Returns when it is durable. Rings `run:ID` when a run's status changes or letters come for it, `owner:OWNER` of
        that run's row when letters come, `queue:NAME` when a row becomes ready or delayed. A later change of the batch
        sees all that earlier ones wrote, also what the store filled in (defaults, `due`, `rank`, `inbox`). A put may use
        `due_in` (seconds) for `due` and `rank_minus` for a rank of enqueue number - `rank_minus`. What no table can hold
        raises ValueError, events that do not go on at `expect` AssertionError; then nothing of the batch is written.
        """

    def read(self, run: str, after: int = 0, limit: int = 10_000) -> list[Row]:
        """Events of a run with sequence > `after`, by sequence. Raises LogTruncated below the floor of a cleaned log."""

    def follow(self, cursor: str = "", limit: int = 1_000) -> tuple[list[tuple[str, Row]], str]:
        """(run, event) of all runs in commit order after an opaque cursor, and the next cursor; skips no late commit."""

    def inbox(self, run: str, after: int = 0) -> list[Letter]:
        """Letters to a run that were not taken, in order of arrival, numbers > `after`."""

    def get(self, table: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Rows by key; missing ones are left out. Each row holds its key under `id`."""

    def find(
        self,
        table: str,
        where: Mapping[str, Any] | None = None,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[dict[str, Any]]:
        """Rows whose columns equal `where` and whose id starts with `prefix`, in order of first put, after that row's id.

        The row `after` need not match; if it is gone, RunNotFound is raised and paging begins again.
        """

    def claim(  # noqa: PLR0913 - one call, one transaction
        self,
        table: str,
        owner: str,
        *,
        ttl: float,
        limit: int = 1,
        queue: str | None = None,
        ids: Sequence[str] | None = None,
        choose: Choose | None = None,
        skip: Iterable[str] = (),
    ) -> list[Claim]:
        """Lease up to `limit` rows that are ready, or delayed or leased and due, by rank, for `ttl` seconds.

        `ids` claims only these rows (also idle ones). `skip` leaves out rows behind those gates. A claim sets state leased,
        owner, due, and epoch + 1. Rows of one rank come in order of first put; with `choose`, claims come in its order,
        up to `limit`. A gate is shut by the document `gate:NAME` of kind gate with data `{"shut":true}`; `choose` is
        told names of gates, and how many leases that have not lapsed each holds in all queues of the table.
        """

    def extend(self, table: str, held: Iterable[tuple[str, int]], ttl: float) -> set[str]:
        """Prolong leases given as (id, epoch); the ids still held. One that lapsed but was not taken over is still held."""

    def next_due(self, table: str, queues: Iterable[str] | None = None) -> float | None:
        """Seconds until a row may become claimable (0 if one is), None if none will; look again then though no bell rang."""

    def write_logs(self, lines: Sequence[tuple[str, str, int | None, int, float, str, str]]) -> None:
        """Captured output: (run, step, item, attempt, at, stream, text). Rides in the next commit or its own.

        `read_logs` of this handle sees it at once; `close` writes what is left.
        """

    def read_logs(
        self, run: str, step: str | None = None, after: int = 0, limit: int = 10_000
    ) -> list[tuple[Any, ...]]:
        """(number, step, item, attempt, at, stream, text) in order of writing, numbers > `after`."""

    def watch(self, topics: Iterable[str]) -> Bell:
        """A bell for these topics; `prefix*` matches every topic that begins so."""

    def ring(self, topics: Iterable[str]) -> None:
        """Wake whoever watches these topics, in any process."""

    def backup(self, path: str) -> None:
        """A copy as of one moment, sound and openable, made while others write."""

    def check(self) -> list[str]:
        """What is wrong with the store, a sentence each; empty when sound."""

    def health(self) -> dict[str, Any]:
        """Figures for people: size, wal_size, schema_version, durability, counts (of rows, by table), statuses (how many runs
        of each), newest_event_at (None without events), clock_jump (seconds by which wall time was set forward, if known).
        """

    def prune(self, runs: Iterable[str], documents: Iterable[str] = ()) -> int:
        """Delete finished runs with all that is theirs, documents, and blobs nobody names any more; how many runs went.

        Keys of changes stay. Of blobs only those go that these runs or documents named: their id occurred in an event, a
        letter or a row's `data`, and does so nowhere else. Live and unknown runs are passed over.
        """

    def close(self) -> None: ...


class Transaction(Protocol):
    """A transaction of a store: committed, and durable, when its `with` block has ended; what is raised there undoes it."""

    def lend(self) -> AbstractContextManager[Any]:
        """A connection by which a step writes as it likes, and which it may not commit; the store's own rows are not its."""

    def write(self, changes: Sequence[Change]) -> list[Verdict]:
        """See Store.commit. Who is refused anything undoes the whole."""


@runtime_checkable
class Transactional(Protocol):
    """What a store may be able to do besides: let a step write in the transaction that holds its events."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Nobody else writes to the store while it is open. Its own thread must not ask the store for anything else."""


class Job(NamedTuple):
    """A step's code and what it runs with. `token` comes back with the outcome; `context` is what the step may know."""

    token: Any
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    context: Any


class Outcome(NamedTuple):
    """How an attempt ended: exactly one of `value` (failure is None) or `failure`."""

    value: Any
    failure: Failure | None


class Executor(Protocol):
    """Runs steps' code somewhere. `slots` bounds what runs at once (None: no bound of its own)."""

    name: str
    slots: int | None

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """Raise DefinitionError if this executor cannot run such a step, before the run starts."""

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        """Run a job; `ended(token, outcome)` is called once, from any thread, unless the job was stopped."""

    def stop(self, token: Any) -> bool | None:
        """Stop a job. True: its code runs no more. False: left behind; its answer is void. None: it will end, and answer."""

    def close(self, *, wait: bool = True) -> None:
        """End the workers; none outlives this process."""


class Message(NamedTuple):
    """What a broker carries: text or bytes under a topic, with headers of text."""

    topic: str
    body: str | bytes
    headers: Mapping[str, str]


class Broker(Protocol):
    """Carries messages outward, to whoever listens. Any thread of the process that opened it may call it.

    Messages arrive with topic, body and headers as they were sent, each thread's in the order in which it sent them. It holds
    no process open: who ends without `close` leaves what had not gone out. `url` says where it is, without secrets.
    """

    url: str

    def send(
        self,
        topic: str,
        body: str | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        promised: bool = False,
    ) -> bool:
        """Take a message, and wait for no broker. False: there was no room for it, and it was dropped and counted.

        Where there is no room the oldest that are not promised give way. One that is not promised arrives once, or is lost
        with a connection and counted. A promised one is kept until the broker has confirmed it, and may arrive twice;
        BrokerFull is raised if nothing can give way to it. What no message can hold (a topic that is empty or no line of
        text, a header that is no text or that the broker's protocol needs for itself) raises UserError, and nothing is
        sent. Raises BrokerClosed after `close`.
        """

    def flush(self, seconds: float) -> None:
        """Wait until the broker has all that was sent before.

        Raises BrokerUnavailable, with the reason, if it has not after so many seconds, or if messages were lost meanwhile.
        """

    def health(self) -> dict[str, Any]:
        """Figures for people, at once: connected, waiting (sent, and not yet known to have arrived), confirmed, dropped (for
        want of room), doubtful (on their way when a connection was lost), refused (by the broker), error (the last, if
        nothing went well since).
        """

    def close(self, seconds: float = 5.0) -> None:
        """Flush for so many seconds at most, then end every thread. What did not go out is logged; twice is once."""


class Clock(Protocol):
    """The only reader of time."""

    def now(self) -> float:
        """Wall time, seconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""


class Codec(Protocol):
    """Values <-> JSON text. See codecs.JsonCodec for what comes back as it went in."""

    def encode(self, value: Any) -> str: ...
    def decode(self, text: str | bytes) -> Any: ...


class Observer(Protocol):
    """Is told what was recorded, after it was: called in order, inline; one that raises is logged and told no more."""

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: Event) -> None: ...


@runtime_checkable
class RowObserver(Protocol):
    """What an observer may be able to do besides: take many rows at once, each with the state of its run."""

    def recorded_rows(self, rows: Sequence[tuple[Any, int, float, Event]]) -> None:
        """Rows (run, sequence, at, event), in order. The states are the engine's own, and may be past these rows already."""
