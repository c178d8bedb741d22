"""The event bus alone: who is called with what, in which order, on which thread; handlers that fail, and slow ones."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from typing import Any

import pytest

from penstock.errors import InputError
from penstock.observe.bus import EventBus
from penstock.observe.lane import SlowLane

SOON = 60.0
EVENT = {"type": "made.up", "n": 1}


class Ear:
    """A handler that remembers; a callable object."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        self.heard.append(event)

    @property
    def numbers(self) -> list[int]:
        return [event["n"] for event in self.heard]


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


async def test_emit_returns_when_every_kind_of_handler_has_run(bus: EventBus) -> None:
    ear, order = Ear(), []

    async def slowly(event: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)
        order.append("async")

    bus.subscribe("made.up", slowly)
    bus.subscribe("made.up", lambda event: order.append("sync"))
    bus.subscribe("*", ear)
    bus.subscribe("other", lambda event: order.append("never"))
    await bus.emit(EVENT)
    assert order == ["sync", "async"]
    assert ear.heard == [EVENT]


async def test_a_failing_handler_hurts_neither_the_others_nor_who_emits(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()

    def fails(event: dict[str, Any]) -> None:
        event.clear()
        raise ValueError("broken handler")

    async def fails_later(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    async def gives_up(event: dict[str, Any]) -> None:
        raise asyncio.CancelledError

    for handler in (fails, fails_later, gives_up, ear):
        bus.subscribe("*", handler)
    await bus.emit(EVENT)
    bus.publish(EVENT)
    await asyncio.sleep(0.01)
    assert ear.heard == [EVENT, EVENT]
    assert bus.get_stats()["failures"] == 6
    assert "broken handler" in caplog.text


async def test_who_unsubscribes_is_called_no_more(bus: EventBus) -> None:
    ear = Ear()
    bus.subscribe("made.up", ear)
    bus.unsubscribe("*", ear)  # not what it subscribed to
    await bus.emit(EVENT)
    bus.unsubscribe("made.up", ear)
    bus.unsubscribe("made.up", ear)
    await bus.emit(EVENT)
    assert ear.numbers == [1]


def test_bound_methods_can_unsubscribe(bus: EventBus) -> None:
    class Logger:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def log(self, event: dict[str, Any]) -> None:
            self.lines.append(event["type"])

    logger = Logger()
    bus.subscribe("*", logger.log)
    bus.publish(EVENT)
    bus.unsubscribe("*", logger.log)
    bus.publish(EVENT)
    assert logger.lines == ["made.up"]


def test_the_history_is_bounded_and_can_be_asked_by_type_and_cleared() -> None:
    bus = EventBus(history=3)
    for number in range(5):
        bus.publish({"type": "odd" if number % 2 else "even", "n": number})
    assert [event["n"] for event in bus.get_events()] == [2, 3, 4]
    assert [event["n"] for event in bus.get_events("even")] == [2, 4]
    assert [event["n"] for event in bus.get_events("*", limit=1)] == [4]
    bus.get_events()[0]["n"] = "changed"
    assert [event["n"] for event in bus.get_events()] == [2, 3, 4]
    assert bus.get_stats()["history"] == 3
    bus.clear_history()
    assert bus.get_events() == []


@pytest.mark.parametrize("event", [{}, {"type": ""}, {"type": 3}, "process.started", None])
async def test_what_is_no_event_is_refused_by_name(bus: EventBus, event: Any) -> None:
    with pytest.raises(InputError, match="an event is a dict with a 'type'"):
        await bus.emit(event)


def test_what_cannot_be_called_cannot_subscribe(bus: EventBus) -> None:
    with pytest.raises(InputError, match="must be a function or a callable object, not 'print'"):
        bus.subscribe("*", "print")  # type: ignore[arg-type]


# ── handlers that take their time ───────────────────────────────────────────────────────────────────────────────────


async def test_a_published_event_starts_an_async_handler_at_once_and_does_not_wait_for_it(
    bus: EventBus,
) -> None:
    steps: list[str] = []
    go_on = asyncio.Event()

    async def handler(event: dict[str, Any]) -> None:
        steps.append("begun")
        await go_on.wait()
        steps.append("ended")

    bus.subscribe("*", handler)
    bus.publish(EVENT)
    assert steps == ["begun"]
    assert bus.get_stats()["waiting"] == 1
    go_on.set()
    await asyncio.sleep(0.01)
    assert steps == ["begun", "ended"]
    assert bus.get_stats()["waiting"] == 0


def test_without_a_loop_a_quick_async_handler_has_run_when_publish_returns(bus: EventBus) -> None:
    threads: list[str] = []

    async def quick(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        threads.append(threading.current_thread().name)

    bus.subscribe("*", quick)
    for _ in range(3):
        bus.publish(EVENT)
    deadline = time.monotonic() + SOON
    while len(threads) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert threads == ["penstock-courier"] * 3


def test_a_slow_handler_moves_to_a_thread_of_its_own_after_its_first_call(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    threads: list[str] = []
    ear = Ear()

    def slow(event: dict[str, Any]) -> None:
        threads.append(threading.current_thread().name)
        time.sleep(0.2 if len(threads) == 1 else 0.02)

    bus.subscribe("*", slow)
    bus.subscribe("*", ear)
    with caplog.at_level(logging.WARNING, "penstock"):
        for _ in range(4):
            bus.publish(EVENT)
    assert threads[0] == threading.current_thread().name
    assert bus.flush(SOON)
    assert len(ear.heard) == 4
    assert threads[1:] == ["penstock-slow-handler"] * 3
    assert "is called in a thread of its own now" in caplog.text
    assert bus.get_stats()["slow"] >= 1


@pytest.mark.parametrize("works", [False, True])
async def test_one_that_takes_some_milliseconds_moves_when_it_does_so_again(
    bus: EventBus, works: bool
) -> None:
    threads: list[str] = []

    def slow(event: dict[str, Any]) -> None:
        threads.append(threading.current_thread().name)
        end = time.thread_time() + 0.02
        while works and time.thread_time() < end:
            pass
        time.sleep(0 if works else 0.02)

    bus.subscribe("*", slow)
    bus.publish(EVENT)
    bus.publish(EVENT)
    await bus.emit(EVENT)  # waits for a handler that has moved, too
    here = threading.current_thread().name
    assert threads[0] == here
    assert threads[2] == "penstock-slow-handler"


def test_what_a_full_queue_cannot_take_is_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def handler(event: dict[str, Any]) -> None:
        begun.set()
        go_on.wait(SOON)
        seen.append(event["n"])

    lane = SlowLane(handler, size=2)
    assert lane.put({"n": 0})
    begun.wait(SOON)
    assert [lane.put({"n": number}) for number in range(1, 5)] == [True, True, False, False]
    assert (lane.dropped, lane.waiting) == (2, 3)
    assert lane.put_and_tell({"n": 9}).done()
    go_on.set()
    assert lane.flush(SOON)
    assert seen == [0, 1, 2]
    assert caplog.text.count("what comes now is dropped") == 1


# ── many threads ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_four_threads_publish_and_subscribe_for_a_second_and_nothing_is_lost(bus: EventBus) -> None:
    always: Counter[int] = Counter()
    lock = threading.Lock()
    sent = [0] * 4
    end = time.monotonic() + 1.0

    def count(event: dict[str, Any]) -> None:
        with lock:
            always[event["who"]] += 1

    def work(who: int) -> None:
        mine = Ear()
        while time.monotonic() < end:
            bus.subscribe(f"of {who}", mine)
            bus.publish({"type": f"of {who}", "who": who, "n": sent[who]})
            bus.unsubscribe(f"of {who}", mine)
            sent[who] += 1
        assert mine.numbers == list(range(sent[who]))

    bus.subscribe("*", count)
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_noting, args=(work, who, failures)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert bus.flush(SOON)
    assert not failures
    assert all(sent)
    assert [always[who] for who in range(4)] == sent
    assert bus.get_stats()["total_subscribers"] == 1


def _noting(work: Any, who: int, failures: list[BaseException]) -> None:
    try:
        work(who)
    except BaseException as error:
        failures.append(error)


def test_a_handler_may_subscribe_and_publish_itself(bus: EventBus) -> None:
    ear = Ear()

    def handler(event: dict[str, Any]) -> None:
        bus.subscribe("second", ear)
        bus.publish({"type": "second", "n": 2})

    bus.subscribe("made.up", handler)
    bus.publish(EVENT)
    assert ear.numbers == [2]


async def test_one_bus_serves_several_loops(bus: EventBus) -> None:
    ear = Ear()

    async def handler(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        ear(event)

    bus.subscribe("*", handler)
    await bus.emit(EVENT)
    await asyncio.to_thread(lambda: asyncio.run(bus.emit({**EVENT, "n": 2})))
    assert ear.numbers == [1, 2]
