"""Steps that write to their store's own file: what they write and that they are done are one commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Engine, RunFailed, Workflow, resource, task
from penstock.errors import CodecError, CommandRefused, DefinitionError, LeaseLost, UserError
from penstock.model.changes import Change, Row
from penstock.testing import RunLog


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db", durability="crash") as engine:
        mine = sqlite3.connect(tmp_path / "runs.db")
        mine.execute("CREATE TABLE bookings (what TEXT)")
        mine.close()
        yield engine


def booked(engine: Engine) -> list[str]:
    file = sqlite3.connect(engine.address.removeprefix("sqlite:///"))
    try:
        return [what for (what,) in file.execute("SELECT what FROM bookings")]
    finally:
        file.close()


def one(fn: Callable[..., Any], **options: Any) -> Workflow:
    flow = Workflow("one")
    flow.add_task(fn, name="one", transaction=True, **options)
    return flow


def write(connection: sqlite3.Connection, what: str = "a") -> None:
    connection.execute("INSERT INTO bookings VALUES (?)", (what,))


def test_a_step_is_given_a_connection_and_its_inputs(engine: Engine) -> None:
    def book(what: str, connection: sqlite3.Connection) -> int:
        write(connection, what)
        return len(connection.execute("SELECT * FROM bookings").fetchall())

    flow = one(book)
    assert list(flow.inputs) == ["what"]
    assert flow.using(store=engine).run(what="a room") == 1
    assert booked(engine) == ["a room"]


def test_it_is_called_like_its_function(engine: Engine) -> None:
    @task(transaction=True)
    def book(what: str, connection: sqlite3.Connection) -> str:
        write(connection, what)
        return what

    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE bookings (what TEXT)")
        assert book("a room", connection) == "a room"
    connection.close()


def test_what_a_failed_attempt_wrote_is_undone_and_the_next_is_kept(engine: Engine) -> None:
    def book(connection: sqlite3.Connection) -> None:
        write(connection, str(penstock.context().attempt))
        if penstock.context().attempt < 3:
            raise OSError("after the row was written")

    run = one(book, retries=2).using(store=engine).start()
    run.result(timeout=60)
    assert booked(engine) == ["3"]
    assert RunLog(run.events()).attempts("one") == 3


def test_a_result_that_cannot_be_stored_undoes_the_writes(engine: Engine) -> None:
    def book(connection: sqlite3.Connection) -> object:
        write(connection)
        return object()

    with pytest.raises(RunFailed) as failed:
        one(book).using(store=engine).run()
    assert isinstance(failed.value.__cause__, CodecError)
    assert booked(engine) == []


def test_items_of_a_map_write_one_after_another_beside_steps_in_threads(engine: Engine) -> None:
    @task(transaction=True)
    def book(what: str, connection: sqlite3.Connection) -> str:
        write(connection, what)
        return what

    flow = Workflow("many")
    items = [f"room {number}" for number in range(40)]
    flow.add_task(book.map(what=items))
    flow.add_task(task(executor="threads")(lambda n: n).named("aside").map(n=list(range(40))))
    flow.add_task(lambda book: len(book), name="count", depends_on=["book"])
    for run in [flow.using(store=engine).start() for _ in range(3)]:
        assert run.result(timeout=30)["count"] == 40
    assert sorted(booked(engine)) == sorted(items * 3)


def test_it_runs_on_an_event_loop_and_under_run(engine: Engine) -> None:
    flow = one(lambda connection: write(connection))
    flow.using(store=engine).run()
    asyncio.run(flow.using(store=engine).run_async())
    assert booked(engine) == ["a", "a"]


def test_resources_come_with_it(engine: Engine) -> None:
    flow = Workflow("one", resources={"prefix": resource(lambda: "my ")})
    flow.add_task(lambda prefix, connection: write(connection, f"{prefix}room"), name="one", transaction=True)
    flow.using(store=engine).run()
    assert booked(engine) == ["my room"]


def test_what_it_logs_is_kept(engine: Engine) -> None:
    run = one(lambda connection: penstock.context().log.warning("booked")).using(store=engine).start()
    run.result(timeout=60)
    assert [line[-1] for line in engine.durable_store().read_logs(run.id)] == [
        "WARNING penstock.step: booked"
    ]


# Fencing


def test_a_lease_that_was_lost_meanwhile_undoes_the_writes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another engine writes to the log in the last moment in which the file lets it."""
    store: Any = engine.durable_store()
    begin = store.transaction

    @contextmanager
    def begin_late() -> Iterator[Any]:
        (held,) = engine.holdings.recorded()
        with penstock.open(engine.address, durability="crash") as rival:
            taken = Row(held.sequence + 1, held.at, "owned", None, None, '{"epoch":2,"owner":"rival"}')
            rival.durable_store().commit([Change(held.id, held.sequence, [taken])])
        with begin() as transaction:
            yield transaction

    monkeypatch.setattr(store, "transaction", begin_late)
    run = one(write).using(store=engine).start(what="a")
    with pytest.raises(LeaseLost):
        run.result(timeout=60)
    assert booked(engine) == []


# What a step may not do


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda c: c.commit(), "is committed by Penstock"),
        (lambda c: c.rollback(), "is committed by Penstock"),
        (lambda c: c.execute("COMMIT"), "is committed by Penstock"),
        (lambda c: c.executescript("SELECT 1; SELECT 2"), "is committed by Penstock"),
        (lambda c: c.__exit__(None, None, None), "is committed by Penstock"),
        (lambda c: c.execute("ATTACH 'other.db' AS other"), "cannot attach"),
        (lambda c: c.execute("PRAGMA synchronous = OFF"), "cannot say PRAGMA synchronous"),
        (lambda c: c.execute("PRAGMA user_version = 7"), "the store's own schema"),
        (lambda c: c.execute("DELETE FROM events"), "events is Penstock's own"),
        (lambda c: c.execute("UPDATE runs SET status = 'completed'"), "runs is Penstock's own"),
        (
            lambda c: c.execute("INSERT INTO letters VALUES (1, 1, 1, '', '', '', '', '')"),
            "letters is Penstock's own",
        ),
        (lambda c: c.execute("DROP TABLE logs"), "logs is Penstock's own"),
        (lambda c: c.execute("DROP VIEW steps"), "steps is Penstock's own"),
        (lambda c: c.execute("DROP INDEX runs_open"), "runs_open is Penstock's own"),
        (lambda c: c.execute("ALTER TABLE runs ADD COLUMN mine"), "runs is Penstock's own"),
        (lambda c: c.execute("CREATE INDEX mine ON runs (id)"), "runs is Penstock's own"),
        (
            lambda c: c.execute("CREATE TRIGGER mine AFTER INSERT ON events BEGIN DELETE FROM bookings; END"),
            "events is Penstock's own",
        ),
        (lambda c: setattr(c, "isolation_level", "DEFERRED"), "ended its transaction"),
        (lambda c: c.close(), "closed the connection"),
    ],
)
def test_what_would_end_the_transaction_or_harm_the_store_is_refused(
    engine: Engine, wrong: Callable[[Any], Any], says: str
) -> None:
    def book(connection: sqlite3.Connection) -> None:
        write(connection)
        wrong(connection)

    run = one(book).using(store=engine).start()
    with pytest.raises(RunFailed, match=says) as failed:
        run.result(timeout=60)
    assert isinstance(failed.value.__cause__, UserError)
    assert booked(engine) == []
    assert one(write).using(store=engine).run(what="next") is None
    assert booked(engine) == ["next"], "the store is as good as before"
    assert engine.durable_store().check() == []


def test_it_may_look_at_everything_and_make_tables_of_its_own(engine: Engine) -> None:
    def book(connection: sqlite3.Connection) -> int:
        connection.row_factory = sqlite3.Row
        connection.execute("CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY)")
        connection.execute("CREATE INDEX IF NOT EXISTS rooms_by_name ON rooms (name)")
        connection.execute("SAVEPOINT try")
        connection.execute("INSERT INTO rooms VALUES ('blue')")
        connection.execute("ROLLBACK TO try")
        connection.execute("INSERT INTO rooms VALUES ('red')")
        connection.execute("PRAGMA table_info(rooms)").fetchall()
        connection.execute("DROP INDEX rooms_by_name")
        return connection.execute("SELECT count(*) AS number FROM runs").fetchone()["number"]

    assert one(book).using(store=engine).run() == 1
    file = sqlite3.connect(engine.address.removeprefix("sqlite:///"))
    assert file.execute("SELECT name FROM rooms").fetchall() == [("red",)]
    file.close()


def test_a_violated_constraint_is_the_steps_own_error(engine: Engine) -> None:
    def book(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE rooms (name TEXT UNIQUE)")
        connection.executemany("INSERT INTO rooms VALUES (?)", [("red",), ("red",)])

    with pytest.raises(RunFailed) as failed:
        one(book).using(store=engine).run()
    assert isinstance(failed.value.__cause__, sqlite3.IntegrityError)


def test_sql_that_rolls_back_by_itself_is_told(engine: Engine) -> None:
    def book(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE rooms (name TEXT UNIQUE ON CONFLICT ROLLBACK)")
        with suppress(sqlite3.IntegrityError):
            connection.executemany("INSERT INTO rooms VALUES (?)", [("red",), ("red",)])

    with pytest.raises(RunFailed, match="ended its transaction"):
        one(book).using(store=engine).run()


def test_a_step_in_a_transaction_starts_no_run_on_its_own_store(engine: Engine) -> None:
    other = Workflow("other")
    other.add_task(lambda: 1, name="one")
    for start in (
        lambda: other.using(store=engine).run(),
        lambda: other.using(store=engine).start(),
        lambda: engine.durable_store().prune(["x"]),
    ):
        with pytest.raises(RunFailed) as failed:
            one(lambda connection, start=start: start()).using(store=engine).run()
        assert isinstance(failed.value.__cause__, CommandRefused)
    assert one(lambda connection: other.using(store="ephemeral").run()).using(store=engine).run() == 1


def test_others_wait_while_a_step_has_the_lock(engine: Engine) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def book(connection: sqlite3.Connection) -> None:
        write(connection)
        inside.set()
        assert go_on.wait(60)

    plain = Workflow("plain")
    plain.add_task(lambda: 1, name="one")
    slow = one(book).using(store=engine).start()
    assert inside.wait(60)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(plain.using(store=engine).run()))
    thread.start()
    assert booked(engine) == []
    go_on.set()
    slow.result(timeout=60)
    thread.join(60)
    assert (found, booked(engine)) == ([1], ["a"])


# What is refused beforehand


def test_only_a_store_in_a_sqlite_file_has_transactions() -> None:
    for store in ("memory:", "ephemeral"):
        with pytest.raises(DefinitionError, match=f"and {store} is none: run it on a file"):
            one(write).using(store=store).run()


def test_a_task_without_the_parameter_or_with_a_place_of_its_own_is_refused(engine: Engine) -> None:
    with pytest.raises(DefinitionError, match="no parameter 'connection'"):
        one(lambda: 1).check()
    with pytest.raises(DefinitionError, match="leave executor='threads' out"):
        one(write, executor="threads")
    with pytest.raises(DefinitionError, match="transaction='yes' must be True or False"):
        Workflow("x").add_task(write, transaction="yes")  # type: ignore[arg-type] - that is the point
    with pytest.raises(DefinitionError, match="timeout=5 and transaction=True"):
        one(write, timeout=5).using(store=engine).run()

    async def book(connection: sqlite3.Connection) -> None: ...

    with pytest.raises(DefinitionError, match="is async and has transaction=True"):
        one(book).using(store=engine).run()
