"""What a step waits for under a limit, as the ledgers tell it; what is said of keys; what is forgotten."""

from __future__ import annotations

import msgspec
import pytest

from penstock.app.ledgers import StoreLedgers, ledgers_in, rule_for
from penstock.app.limits import KeyLimits, Waiting, waiting_for
from penstock.engine.ledgers import OwnLedgers
from penstock.errors import LeaseLost, SettingsError
from penstock.model.changes import Change, Put
from penstock.model.ledgers import Ledger, Part, Waiter
from penstock.model.limits import Bounds
from penstock.stores.memory import MemoryStore


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def store(clock: Hand) -> MemoryStore:
    return MemoryStore(clock=clock)


def put(store: MemoryStore, key: str, ledger: Ledger) -> None:
    text = msgspec.json.encode(ledger).decode()
    columns = {"kind": "ledger", "version": "1", "data": text}
    store.commit([Change(puts=[Put("documents", f"ledger:{key}", columns)])])


def step(run: str, name: str, rank: float = 0.0) -> Waiter:
    return Waiter(f"{run}/{name}", run, name, "", rank, 990.0)


def asked(store: MemoryStore, run: str, name: str, item: int | None = None) -> Waiting:
    found = waiting_for(store, run, name, item)
    assert found is not None
    return found


def test_it_waits_for_those_who_hold_all_slots(store: MemoryStore) -> None:
    parts = {
        "p": Part(1, Bounds(2), [step("r1", "a"), step("r1", "b[7]")]),
        "q": Part(1, Bounds(2), [], [step("r2", "c[3]", 5.0)]),
    }
    put(store, "api", Ledger(parts))
    found = asked(store, "r2", "c", 3)
    assert (found.kind, found.key, found.bounds.at_most, found.ahead) == ("limit", "api", 2, 0)
    assert [(each.run, each.step, each.owner) for each in found.holders] == [
        ("r1", "a", "p"),
        ("r1", "b[7]", "p"),
    ]
    assert asked(store, "r2", "c") == found
    assert waiting_for(store, "r2", "d") is None
    assert waiting_for(store, "r1", "a") is None


def test_it_waits_for_a_token_that_comes_at_a_moment(store: MemoryStore, clock: Hand) -> None:
    put(store, "slow", Ledger({"p": Part(1, Bounds(None, 0.5), [], [step("r", "s")])}, tokens=0.25, at=999.0))
    found = asked(store, "r", "s")
    assert (found.kind, found.at) == ("rate", pytest.approx(1_000.5))
    clock.now = 1_000.5
    assert asked(store, "r", "s").kind == "priority"


def test_it_waits_for_those_that_go_before(store: MemoryStore) -> None:
    waiting = [step("r1", "a", 1.0), step("r2", "b", 2.0), step("r3", "c", 3.0)]
    put(store, "api", Ledger({"p": Part(1, Bounds(5), [], waiting)}))
    found = asked(store, "r3", "c")
    assert (found.kind, found.ahead) == ("priority", 2)


def test_one_that_was_not_put_forward_waits_for_its_own_process(store: MemoryStore) -> None:
    put(store, "api", Ledger({"p": Part(1, Bounds(5), [], [], {"r": 12})}))
    assert asked(store, "r", "s").kind == "lane"
    assert waiting_for(store, "other", "s") is None


def test_a_run_that_waits_itself_holds_up_all_its_steps(store: MemoryStore) -> None:
    put(store, "runs", Ledger({"p": Part(1, Bounds(1), [step("r1", "")], [step("r2", "")])}))
    found = asked(store, "r2", "whatever")
    assert (found.kind, found.key, found.holders[0].run) == ("limit", "runs", "r1")


def test_the_longest_rule_that_fits_counts(store: MemoryStore) -> None:
    limits = KeyLimits(store)
    for key, at_most in (("*", 50), ("api:*", 5), ("api:ada", 2)):
        limits.set(key, at_most=at_most)
    rules = {each.key: each.bounds for each in limits.all()}
    said = [rule_for(key, rules) for key in ("api:ada", "api:bob", "other")]
    assert [each.at_most for each in said if each is not None] == [2, 5, 50]
    assert limits.remove("*")
    assert not limits.remove("*")
    assert rule_for("other", {each.key: each.bounds for each in limits.all()}) is None
    with pytest.raises(SettingsError, match="a '\\*' stands at its end"):
        limits.set("a*b", at_most=1)


def test_keys_are_forgotten_when_their_buckets_are_full_again(store: MemoryStore, clock: Hand) -> None:
    ledgers = StoreLedgers(store, "p", 5.0)
    put(store, "slow", Ledger({}, tokens=0.0, at=1_000.0, last=Bounds(None, 0.5)))
    put(store, "held", Ledger({"q": Part(1, Bounds(1), [step("r", "s")])}))
    clock.now += 1.0
    ledgers.sweep()
    assert {key for key, _, _ in ledgers_in(store)} == {"slow", "held"}
    clock.now += 1.5
    ledgers.sweep()
    assert {key for key, _, _ in ledgers_in(store)} == {"held"}


def test_who_lost_its_lease_swaps_nothing(store: MemoryStore, clock: Hand) -> None:
    stopped, other = StoreLedgers(store, "p", 5.0), StoreLedgers(store, "q", 5.0)
    mine = Ledger({"p": Part(stopped.grip()[0], Bounds(1), [step("r", "s")])})
    assert stopped.swap("api", mine, None) is None
    other.grip()
    other.read("api")
    assert other.bury(["api"]) == [], "it lives"
    clock.now += 6.0
    other.extend()
    other.read("api")
    assert other.bury(["api"]) == ["api"]
    assert other.read("api")[0].parts == {}
    with pytest.raises(LeaseLost, match="stopped for so long"):
        stopped.swap("api", mine, None)
    assert stopped.grip()[0] > 1, "it begins anew"


def test_an_engine_alone_forgets_keys_too(clock: Hand) -> None:
    ledgers = OwnLedgers(clock)
    for number in range(5_000):
        clock.now += 1.0
        ledgers.swap(f"tenant {number}", Ledger({}, tokens=0.0, at=clock.now, last=Bounds(None, 0.1)), None)
    assert len(ledgers.keys()) <= 1_000
