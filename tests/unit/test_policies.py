"""When a failed step is tried again: how often, after how long, and for which exceptions."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import Retry
from penstock.model.failure import Failure, failure_of
from penstock.model.policies import DEFAULT, NO_RETRY, Policy, RetryPolicy, retry_delay


class Flaky(ConnectionError):
    """A class of the user's own."""


def delay(
    policy: RetryPolicy, failures: int = 1, error: BaseException | None = None, token: str = "t"
) -> Any:
    return retry_delay(policy, failures, failure_of(error or ValueError("x")), token)


def name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def test_by_default_nothing_is_tried_again() -> None:
    assert delay(NO_RETRY) is None
    assert Policy(retry=NO_RETRY, timeout=None, executor=None, pure=False) == DEFAULT


def test_attempts_count_the_first_one_too() -> None:
    policy = RetryPolicy(attempts=3)
    assert [delay(policy, failures) for failures in (1, 2, 3, 4)] == [0.0, 0.0, None, None]


def test_a_constant_wait_is_constant() -> None:
    assert [delay(RetryPolicy(attempts=4, delay=2.0), n) for n in (1, 2, 3)] == [2.0, 2.0, 2.0]


def test_an_exponential_wait_doubles() -> None:
    policy = RetryPolicy(attempts=6, delay=0.5, backoff=2.0)
    assert [delay(policy, n) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]


def test_no_wait_is_longer_than_the_ceiling() -> None:
    policy = RetryPolicy(attempts=100, delay=1.0, backoff=10.0, ceiling=60.0)
    assert [delay(policy, n) for n in (1, 2, 3, 99)] == [1.0, 10.0, 60.0, 60.0]


def test_a_wait_too_long_for_a_float_is_the_ceiling() -> None:
    policy = RetryPolicy(attempts=10_000, delay=1.0, backoff=10.0, ceiling=60.0)
    assert delay(policy, 5_000) == 60.0


@given(st.integers(1, 50), st.text())
def test_full_jitter_stays_between_nothing_and_the_wait(failures: int, token: str) -> None:
    policy = RetryPolicy(attempts=99, delay=1.0, backoff=2.0, jitter="full")
    plain = delay(RetryPolicy(attempts=99, delay=1.0, backoff=2.0), failures)
    assert 0.0 <= delay(policy, failures, token=token) <= plain


@given(st.integers(1, 50), st.text())
def test_equal_jitter_stays_in_the_upper_half(failures: int, token: str) -> None:
    policy = RetryPolicy(attempts=99, delay=1.0, backoff=2.0, jitter="equal")
    plain = delay(RetryPolicy(attempts=99, delay=1.0, backoff=2.0), failures)
    assert plain / 2 <= delay(policy, failures, token=token) <= plain


def test_jitter_is_the_token_s_and_always_the_same() -> None:
    policy = RetryPolicy(attempts=9, delay=10.0, jitter="full")
    tokens = [f"run/step/None/{n}" for n in range(50)]
    first = [delay(policy, token=token) for token in tokens]
    assert first == [delay(policy, token=token) for token in tokens]
    assert len(set(first)) == 50


def test_jitter_of_no_wait_is_no_wait() -> None:
    assert delay(RetryPolicy(attempts=2, jitter="full")) == 0.0


# ── which exceptions ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_named_class_is_tried_again_and_others_are_not() -> None:
    policy = RetryPolicy(attempts=2, on=("ConnectionError",))
    assert delay(policy, error=ConnectionError()) == 0.0
    assert delay(policy, error=ValueError()) is None


def test_a_named_class_stands_for_its_subclasses() -> None:
    assert delay(RetryPolicy(attempts=2, on=("OSError",)), error=Flaky()) == 0.0


def test_a_class_of_the_user_s_own_is_named_with_its_module() -> None:
    assert delay(RetryPolicy(attempts=2, on=(name(Flaky),)), error=Flaky()) == 0.0
    assert delay(RetryPolicy(attempts=2, on=("Flaky",)), error=Flaky()) is None


def test_never_is_stronger_than_on() -> None:
    policy = RetryPolicy(attempts=2, on=("OSError",), never=(name(Flaky),))
    assert delay(policy, error=ConnectionError()) == 0.0
    assert delay(policy, error=Flaky()) is None


def test_never_stands_for_subclasses_too() -> None:
    assert delay(RetryPolicy(attempts=2, never=("OSError",)), error=Flaky()) is None


def test_timeouts_and_lost_workers_are_tried_again_like_errors() -> None:
    policy = RetryPolicy(attempts=2)
    for cause in ("timeout", "lost"):
        assert retry_delay(policy, 1, Failure("X", "", cause), "t") == 0.0


def test_what_was_cancelled_is_not_tried_again() -> None:
    assert retry_delay(RetryPolicy(attempts=9), 1, Failure("X", "", "cancelled"), "t") is None


# ── Retry ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_may_say_after_how_long_it_wants_to_be_tried_again() -> None:
    assert delay(RetryPolicy(attempts=3, delay=60.0), error=Retry(after=2.5)) == 2.5


def test_a_step_that_asks_without_a_time_gets_its_policy_s() -> None:
    assert delay(RetryPolicy(attempts=3, delay=60.0), error=Retry()) == 60.0


def test_a_time_that_has_passed_means_now() -> None:
    assert delay(RetryPolicy(attempts=3), error=Retry(after=-5.0)) == 0.0


def test_a_step_that_asks_is_tried_again_though_its_policy_has_no_retries() -> None:
    assert delay(NO_RETRY, 99, error=Retry(after=1.0)) == 1.0
    assert delay(NO_RETRY, 100, error=Retry(after=1.0)) is None


def test_a_policy_s_own_number_of_attempts_holds_also_for_who_asks() -> None:
    assert delay(RetryPolicy(attempts=2), 2, error=Retry()) is None


def test_who_asks_is_tried_again_whatever_on_and_never_say() -> None:
    policy = RetryPolicy(attempts=2, on=("OSError",), never=("Exception",))
    assert delay(policy, error=Retry()) == 0.0


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failure_names_the_classes_of_its_exception_nearest_first() -> None:
    failure = failure_of(Flaky("down"))
    assert (failure.type, failure.message) == (name(Flaky), "down")
    assert failure.bases == ("ConnectionError", "OSError", "Exception", "BaseException")
    assert str(failure) == f"{name(Flaky)}: down"
    assert str(failure_of(ValueError())) == "ValueError"


def test_a_failure_keeps_the_end_of_a_long_traceback() -> None:
    failure = failure_of(ValueError("y" * 20_000))
    assert len(failure.traceback) == 8_000
    assert failure.traceback.endswith("y\n")


def test_what_is_stored_of_a_failure_is_not_the_exception() -> None:
    plain = failure_of(Retry("later", after=3.0)).plain()
    assert (plain["after"], plain["asked"], plain["message"]) == (3.0, True, "later")
    assert "exception" not in plain
    assert "step" not in plain


def test_an_exception_that_cannot_say_what_it_is_is_still_a_failure() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert failure_of(Mute()).message == "<its message cannot be read: RuntimeError>"
