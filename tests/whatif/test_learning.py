"""What is learned from recorded attempts, and what is drawn from what somebody said: pure."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from penstock.model.failure import Failure
from penstock.model.policies import Policy, RetryPolicy
from penstock.whatif.drawing import Asked, chance, kind_of
from penstock.whatif.learning import Learned, Pool, Sample, correlation
from penstock.whatif.sources import Model, Said, distribution

BROKEN = Failure("ValueError", "no")
LATE = Failure("penstock.errors.StepTimeout", "late", "timeout")


def asked(number: int, *, attempt: int = 1, size: int | None = None, step: str = "a") -> Asked:
    return Asked(step, None, attempt, partial(chance, 1, f"{step}/{number}/{attempt}"), lambda: size)


def test_an_attempt_is_drawn_whole() -> None:
    pool = Pool([Sample(1.0, value="one"), Sample(2.0, value="two"), Sample(3.0, failure=BROKEN)])
    drawn = Counter(
        (each.seconds, each.value, str(each.failure)) for each in (pool.draw(asked(n)) for n in range(900))
    )
    assert set(drawn) == {(1.0, "one", "None"), (2.0, "two", "None"), (3.0, None, "ValueError: no")}
    assert all(240 < count < 360 for count in drawn.values())


def test_second_attempts_are_drawn_from_second_attempts() -> None:
    pool = Pool([Sample(1.0, failure=BROKEN), Sample(5.0, attempt=2, value=7)])
    assert pool.draw(asked(0)).failure is BROKEN
    assert pool.draw(asked(0, attempt=2)).value == 7
    assert {pool.draw(asked(n, attempt=3)).value for n in range(50)} == {None, 7}


def test_what_timed_out_lasts_until_it_times_out() -> None:
    assert Pool([Sample(3.0, failure=LATE)]).draw(asked(0)).endless


def test_what_is_handed_out_may_be_changed() -> None:
    pool = Pool([Sample(1.0, value=[1])])
    pool.draw(asked(0)).value.append(2)
    assert pool.draw(asked(0)).value == [1]


def test_a_step_that_was_recorded_seldom_is_drawn_from_its_kind() -> None:
    learned = Learned({"fetch": [Sample(1.0)] * 3, "fetch-2": [Sample(2.0)] * 2, "fetch-9": []})
    own, kind = learned.pool("fetch"), learned.pool("fetch-2")
    assert own is not None
    assert {each.seconds for each in own.samples} == {1.0}
    assert kind is not None
    assert {each.seconds for each in kind.samples} == {1.0, 2.0}
    assert learned.pool("fetch-17") is kind
    assert learned.pool("other") is None


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("fetch", "fetch"),
        ("fetch-2", "fetch"),
        ("reader#17", "reader"),
        ("outer-3/inner-2", "outer/inner"),
        ("part-a", "part-a"),
        ("-2", "-2"),
        ("step2", "step2"),
    ],
)
def test_the_kind_of_a_step_is_its_name_without_its_number(step: str, kind: str) -> None:
    assert kind_of(step) == kind


def test_where_time_goes_with_size_neighbours_in_size_are_drawn() -> None:
    pool = Pool([Sample(float(size), size=size) for size in range(10, 1010, 10)])
    assert pool.by_size
    for size in (10, 300, 990, 5000):
        found = [pool.draw(asked(n, size=size)).seconds for n in range(40)]
        assert max(abs(each - min(size, 1000)) for each in found) <= 200, size


def test_without_a_trend_the_size_does_not_matter() -> None:
    pool = Pool([Sample(float(size * 37 % 11), size=size) for size in range(1, 40)])
    assert not pool.by_size
    assert not Pool([Sample(float(size), size=size) for size in range(5)]).by_size, "too few"
    assert not Pool([Sample(float(n)) for n in range(40)]).by_size, "no size is known"


def test_ranks_are_correlated_as_spearman_has_it() -> None:
    assert correlation([(1, 10), (2, 100), (3, 1000)]) == pytest.approx(1.0)
    assert correlation([(1, 3), (2, 2), (3, 1)]) == pytest.approx(-1.0)
    assert correlation([(1, 1), (2, 1), (3, 1)]) == 0.0
    assert correlation([(1, 1), (2, 3), (3, 2), (4, 4)]) == pytest.approx(0.8)
    assert correlation([(1, 1), (1, 2), (2, 3)]) == pytest.approx(0.866, abs=0.001)


@pytest.mark.parametrize(
    ("said", "median", "p95"),
    [
        (2.5, 2.5, 2.5),
        ([1, 3], 2.0, 2.9),
        ({"mean": 2.0}, 1.386, 5.991),
        ({"median": 2.0, "p95": 9.0}, 2.0, 9.0),
    ],
)
def test_a_duration_is_what_it_says(said: object, median: float, p95: float) -> None:
    seconds = distribution(said)  # type: ignore[arg-type]
    assert seconds(0.5) == pytest.approx(median, abs=0.001)
    assert seconds(0.95) == pytest.approx(p95, abs=0.001)
    assert seconds(0.0) >= 0.0


def test_what_is_not_said_is_as_recorded() -> None:
    learned = Learned({"a": [Sample(1.0, value="x"), Sample(1.0, value="y"), Sample(2.0, failure=BROKEN)]})
    model = Model(learned, {"a": Said(duration=9.0)})
    drawn = [model.draw(asked(n)) for n in range(60)]
    assert {each.seconds for each in drawn} == {9.0}
    assert {each.value for each in drawn} == {"x", "y", None}
    never = Model(learned, {"a": Said(fails=0.0)})
    assert {never.draw(asked(n)).seconds for n in range(60)} == {1.0}
    always = Model(learned, {"a": Said(fails=1.0)})
    drawn = [always.draw(asked(n)) for n in range(9)]
    assert all(each.seconds == 2.0 and each.failure is BROKEN for each in drawn)


def test_shares_of_failures_and_outputs_are_kept() -> None:
    model = Model(None, {"a": Said(1.0, fails=0.25, outputs=[1, 2], error="ConnectionError")})
    drawn = [model.draw(asked(n)) for n in range(2000)]
    failed = [each.failure for each in drawn if each.failure is not None]
    assert 430 < len(failed) < 570
    assert failed[0].type == "ConnectionError"
    assert "OSError" in failed[0].bases
    assert 0.4 < sum(each.value == 1 for each in drawn) / (2000 - len(failed)) < 0.6


def test_what_is_said_of_retries_changes_the_policy() -> None:
    change = Said(retries=4, delay=2.0).change()
    assert change is not None
    policy = change(Policy(RetryPolicy(attempts=2, delay=9.0, backoff=3.0), timeout=5.0))
    assert (policy.retry.attempts, policy.retry.delay, policy.retry.backoff, policy.timeout) == (
        5,
        2.0,
        3.0,
        5.0,
    )
    assert Said(duration=1.0).change() is None


def test_a_function_may_say_seconds_or_everything() -> None:
    learned = Learned({"a": [Sample(1.0, value="x")]})
    model = Model(learned, ask=lambda step, random: 3.0 + random.random())
    drawn = [model.draw(asked(n)) for n in range(20)]
    assert {each.value for each in drawn} == {"x"}
    assert len({each.seconds for each in drawn}) == 20
    assert drawn == [model.draw(asked(n)) for n in range(20)]
