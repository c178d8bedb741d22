"""The pure rule of limits: who goes next, held against what it promises, for whatever is asked of it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DefinitionError
from penstock.model.ledgers import (
    AGEING_SECONDS,
    CREDIT,
    Ledger,
    Part,
    Waiter,
    bounds_of,
    grant,
    is_idle,
    next_token,
    order,
    rank_of,
)
from penstock.model.limits import FREE, Bounds, Limit, check_limit, rate_of

OWNERS, TENANTS = ("p", "q", "r"), ("a", "b", "c")


def waiter(number: int, tenant: str = "", since: float = 0.0, priority: int = 0) -> Waiter:
    return Waiter(f"w{number:05}", f"run{number}", "step", tenant, rank_of(since, priority), since)


def waiting(ledger: Ledger, owner: str, *those: Waiter) -> None:
    part = ledger.parts.setdefault(owner, Part(1))
    part.waiting = [*part.waiting, *those]


def free(ledger: Ledger, name: str) -> None:
    for part in ledger.parts.values():
        part.held = [each for each in part.held if each.id != name]


def held(ledger: Ledger) -> list[str]:
    return [each.id for part in ledger.parts.values() for each in part.held]


moves = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(OWNERS), st.sampled_from(TENANTS), st.integers(-100, 100)),
        st.tuples(st.just("free"), st.integers(0, 5), st.none(), st.none()),
        st.tuples(st.just("wait"), st.floats(-1.0, 2.0), st.none(), st.none()),
    ),
    max_size=60,
)


@given(moves, st.integers(1, 5))
def test_no_more_than_at_most_hold_a_slot_and_none_is_left_unused(
    moves: list[tuple[str, object, str, int]], at_most: int
) -> None:
    ledger, bounds, now = Ledger(), Bounds(at_most), 0.0
    for number, (kind, what, tenant, priority) in enumerate(moves):
        if kind == "ask":
            waiting(ledger, str(what), waiter(number, tenant, now, priority))
        elif kind == "free" and held(ledger):
            free(ledger, held(ledger)[int(what) % len(held(ledger))])  # type: ignore[call-overload]
        elif kind == "wait":
            now += float(what)  # type: ignore[arg-type]
        grant(ledger, bounds, now)
        still = sum(len(part.waiting) for part in ledger.parts.values())
        assert len(held(ledger)) <= at_most
        assert not still or len(held(ledger)) == at_most
        assert len(set(held(ledger))) == len(held(ledger))


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=80), st.floats(0.5, 50.0), st.integers(1, 5))
def test_no_more_start_in_any_time_than_the_rate_allows(pauses: list[float], rate: float, burst: int) -> None:
    ledger, bounds, now = Ledger(), Bounds(None, rate, burst), 0.0
    waiting(ledger, "p", *(waiter(number) for number in range(200)))
    starts: list[float] = []
    for pause in pauses:
        now += pause
        starts += [now] * len(grant(ledger, bounds, now))
    for first, begin in enumerate(starts):
        for last in range(first, len(starts)):
            assert last - first + 1 <= burst + (starts[last] - begin) * rate + 1e-3


def test_a_token_comes_when_it_is_said_to_come() -> None:
    ledger, bounds = Ledger(), Bounds(None, 7.0)
    waiting(ledger, "p", *(waiter(number) for number in range(1_000)))
    now, starts = 100.0, 0
    while starts < 1_000:
        given_ = grant(ledger, bounds, now)
        starts += len(given_)
        assert given_, "there was to be a token at this moment"
        now = next_token(ledger, bounds) or now
    assert now == pytest.approx(100.0 + 1_000 / 7, rel=1e-6)


def test_a_bucket_stays_as_empty_as_it_was_when_nobody_has_a_part_any_more() -> None:
    ledger, said = Ledger(), Bounds(None, 1.0)
    for second in (0.0, 0.5, 0.9):
        ledger.parts["p"] = Part(1, said, [], [waiter(1)])
        assert len(grant(ledger, bounds_of(ledger, None), second)) == (second == 0.0)
        del ledger.parts["p"]
        grant(ledger, bounds_of(ledger, None), second)
        assert not is_idle(ledger)
    grant(ledger, bounds_of(ledger, None), 1.0)
    assert is_idle(ledger)


def test_a_clock_that_is_set_back_gives_no_token_and_takes_none() -> None:
    ledger, bounds = Ledger(), Bounds(None, 1.0)
    waiting(ledger, "p", *(waiter(number) for number in range(5)))
    assert len(grant(ledger, bounds, 1_000.0)) == 1
    assert not grant(ledger, bounds, 10.0)
    assert not grant(ledger, bounds, 10.9)
    assert len(grant(ledger, bounds, 11.0)) == 1


@given(st.lists(st.tuples(st.floats(0, 1_000), st.integers(-100, 100)), min_size=2, max_size=40))
def test_a_step_overtakes_only_what_came_within_its_priority_s_time(
    asked: list[tuple[float, int]],
) -> None:
    ledger = Ledger()
    waiting(ledger, "p", *(waiter(n, "", since, priority) for n, (since, priority) in enumerate(asked)))
    taken = [int(each.id[1:]) for _, each in grant(ledger, FREE, 1_000.0)]
    for place, later in enumerate(taken):
        for earlier in taken[place + 1 :]:
            since, priority = asked[later]
            other, least = asked[earlier]
            assert since - other <= AGEING_SECONDS * (priority - least) + 1e-6


def test_the_wait_of_the_lowest_priority_is_bounded() -> None:
    """One slot, one step a second; steps of priority 10 come as quickly as they are served, for ever."""
    ledger, bounds = Ledger(), Bounds(1)
    waiting(ledger, "p", waiter(0, "", 0.0, 0))
    for second in range(1, 1_000):
        waiting(ledger, "q", waiter(second, "", float(second), 10))
        for name in held(ledger):
            free(ledger, name)
        given_ = [each.id for _, each in grant(ledger, bounds, float(second))]
        if "w00000" in given_:
            assert second == pytest.approx(10 * AGEING_SECONDS, abs=2)
            return
    raise AssertionError("it never came to its turn")


@given(st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_tenants_take_turns_however_much_each_has_waiting(sizes: list[int]) -> None:
    ledger = Ledger()
    for place, size in enumerate(sizes):
        waiting(ledger, OWNERS[place % 3], *(waiter(100 * place + n, f"t{place}") for n in range(size)))
    turns = [each.tenant for _, each in grant(ledger, FREE, 0.0)]
    had: Counter[str] = Counter()
    left = Counter({f"t{place}": size for place, size in enumerate(sizes)})
    for tenant in turns:
        assert had[tenant] == min(had[name] for name in left if left[name])
        had[tenant] += 1
        left[tenant] -= 1


@pytest.mark.parametrize("before", [0, 1, 10, 1_000])
def test_a_tenant_with_little_waits_at_most_twice_as_long_beside_one_with_much(before: int) -> None:
    """Slots of one second each. A has ten thousand steps waiting and was served for a while when B comes with ten."""

    def waits(others: int) -> list[float]:
        ledger, bounds = Ledger(), Bounds(1)
        waiting(ledger, "p", *(waiter(n, "a", 0.0) for n in range(others)))
        found: list[float] = []
        second = 0
        while len(found) < 10:
            if second == (before if others else 0):
                came = float(second)
                waiting(ledger, "q", *(waiter(20_000 + n, "b", came) for n in range(10)))
            for name in held(ledger):
                free(ledger, name)
            for _, each in grant(ledger, bounds, float(second)):
                found += [second - came + 1.0] if each.tenant == "b" else []
            second += 1
        return sorted(found)

    alone, beside = waits(0), waits(2_000)
    assert beside[5] <= 2 * alone[5]
    assert beside[-1] <= 2 * alone[-1]


@given(st.integers(0, 3_000), st.integers(0, 50))
def test_no_tenant_is_owed_more_than_its_credit(before: int, late: int) -> None:
    ledger = Ledger()
    waiting(ledger, "p", *(waiter(n, "a") for n in range(before)))
    grant(ledger, FREE, 0.0)
    waiting(ledger, "p", *(waiter(5_000 + n, "a", 1.0) for n in range(50)))
    waiting(ledger, "q", *(waiter(9_000 + n, "b", 1.0) for n in range(late)))
    turns = "".join(each.tenant for _, each in grant(ledger, FREE, 2.0))
    assert "b" * (CREDIT + 2) not in turns.rstrip("b")
    assert len(ledger.taken) <= 2


def test_what_an_engine_puts_forward_is_what_would_go_next() -> None:
    ledger = Ledger(taken={"a": 5, "b": 3}, turn=4)
    assert order(ledger, {"a": [0.0, 1.0, 2.0], "b": [5.0] * 9, "c": []}, 6) == ["b", "b", "a", "b", "a", "b"]
    assert ledger.taken == {"a": 5, "b": 3}


def test_the_store_s_word_goes_before_the_tightest_of_the_codes() -> None:
    parts = {"p": Part(1, Bounds(5, 10.0, 2)), "q": Part(1, Bounds(3)), "r": Part(1, Bounds(None, 4.0, 1))}
    ledger = Ledger(parts)
    assert bounds_of(ledger, None) == Bounds(3, 4.0, 1)
    assert bounds_of(ledger, Bounds(9)) == Bounds(9)
    assert bounds_of(Ledger(), None) == FREE


@pytest.mark.parametrize(
    ("text", "rate"), [("10/s", 10.0), ("600/m", 10.0), ("1.5/h", 1.5 / 3600), (" 1 / d ", 1 / 86400)]
)
def test_a_rate_is_said_in_text(text: str, rate: float) -> None:
    assert rate_of(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("", "limit='' must be a key"),
        (7, "limit=7 must be a key"),
        (Limit("x", at_most=0), "at_most=0 of its limit must be a whole number above 0"),
        (Limit("x", burst=0), "burst=0"),
        (Limit("x", rate="often"), "rate='often' must be a number for s, m, h or d"),
        (Limit("x", rate="0/s"), "rate='0/s'"),
        (Limit("x", priority=101), "priority=101"),
        (Limit("x", priority="not a name"), "priority='not a name'"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(limit: object, words: str) -> None:
    with pytest.raises(DefinitionError, match="task 'x': .*" + words.replace("'", "'")):
        check_limit(limit, "task 'x'")
