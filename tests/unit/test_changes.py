"""The judge: every combination of key, guard and sequence has one verdict, and only an accepted change is remembered."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.changes import (
    Change,
    Conflict,
    Duplicate,
    Guard,
    Known,
    Mismatch,
    Ok,
    Put,
    Refused,
    Row,
    Verdict,
    holds,
    judge,
)


def event(sequence: int) -> Row:
    return Row(sequence, 0.0, "noted", None, None, "{}")


def known() -> Known:
    """Run `r` has two events, a row of epoch 1, and the key `old` with digest `d`."""
    return Known({("runs", "r"): {"epoch": 1, "owner": None}}, {"r": 2}, {("r", "old"): "d"})


def facts(state: Known) -> Any:
    return deepcopy(msgspec.structs.astuple(state))


# ── exhaustive: key x guards x sequence ──

KEYS: dict[str, tuple[dict[str, str], type[Verdict]]] = {
    "no key": ({}, Ok),
    "a new key": ({"key": "new", "digest": "d"}, Ok),
    "a known key and digest": ({"key": "old", "digest": "d"}, Duplicate),
    "a known key, another digest": ({"key": "old", "digest": "e"}, Mismatch),
}
HOLDS, FAILS = Guard("runs", "r", {"epoch": 1}), Guard("runs", "r", {"epoch": 2})
GUARDS: dict[str, tuple[list[Guard], Guard | None]] = {
    "no guard": ([], None),
    "a guard that holds": ([HOLDS], None),
    "a stale guard": ([FAILS], FAILS),
    "one that holds before one that fails": ([HOLDS, FAILS], FAILS),
    "two that fail": ([FAILS, Guard("runs", "r", None)], FAILS),
    "absent as stated": ([Guard("runs", "other", None)], None),
    "there though to be absent": ([Guard("runs", "r", None)], Guard("runs", "r", None)),
    "missing though guarded": ([Guard("queued", "r", {})], Guard("queued", "r", {})),
}
EXPECTED: dict[str, tuple[int | None, bool]] = {
    "no expectation": (None, True),
    "the right one": (2, True),
    "one too low": (1, False),
    "one too high": (3, False),
    "a new log": (0, False),
}


def verdict_of(key: str, guard: str, expect: str) -> Verdict:
    """The rule in words: key, then guards, then sequence."""
    by_key = KEYS[key][1]
    if by_key is not Ok:
        return Duplicate() if by_key is Duplicate else Mismatch("old")
    if failed := GUARDS[guard][1]:
        return Refused(failed, known().rows.get((failed.table, failed.key)))
    return Ok() if EXPECTED[expect][1] else Conflict(2)


@pytest.mark.parametrize(("key", "guard", "expect"), list(product(KEYS, GUARDS, EXPECTED)))
def test_the_verdict_goes_by_key_then_guards_then_sequence(key: str, guard: str, expect: str) -> None:
    last = EXPECTED[expect][0]
    rows = [] if last is None else [event(last + 1)]
    change = Change(run="r", expect=last, events=rows, guards=GUARDS[guard][0], **KEYS[key][0])  # type: ignore[arg-type]
    (verdict,) = judge([change], known())
    wanted = verdict_of(key, guard, expect)
    assert (type(verdict), verdict) == (type(wanted), wanted)


@pytest.mark.parametrize(("key", "guard", "expect"), list(product(KEYS, GUARDS, EXPECTED)))
def test_only_an_accepted_change_is_remembered(key: str, guard: str, expect: str) -> None:
    last = EXPECTED[expect][0]
    rows = [] if last is None else [event(last + 1), event(last + 2)]
    written = [Put("runs", "r", {"epoch": 7})]
    change = Change(
        run="r", expect=last, events=rows, puts=written, guards=GUARDS[guard][0], **KEYS[key][0]  # type: ignore[arg-type]
    )  # fmt: skip
    state, before = known(), facts(known())
    (verdict,) = judge([change], state)
    if not isinstance(verdict, Ok):
        assert facts(state) == before
        return
    assert state.rows["runs", "r"] == {"epoch": 7, "owner": None}
    assert state.sequences["r"] == (2 if last is None else 4)
    assert state.keys == {("r", "old"): "d", **({("r", "new"): "d"} if key == "a new key" else {})}


# ── guards ──


@pytest.mark.parametrize(
    ("columns", "actual", "wanted"),
    [
        (None, None, True),
        (None, {}, False),
        ({}, None, False),
        ({}, {"epoch": 1}, True),
        ({"epoch": 1}, {"epoch": 1, "state": "idle"}, True),
        ({"epoch": 1, "state": "idle"}, {"epoch": 1, "state": "ready"}, False),
        ({"owner": None}, {"owner": None}, True),
        ({"owner": None}, {"owner": ""}, False),
        ({"due": 0.0}, {"due": None}, False),
        ({"rank": 1}, {"rank": 1.0}, True),
    ],
)
def test_a_guard_holds_when_every_column_it_names_is_as_it_says(
    columns: dict[str, Any] | None, actual: dict[str, Any] | None, wanted: bool
) -> None:
    assert holds(Guard("runs", "r", columns), actual) is wanted


# ── batches ──


def test_a_later_change_sees_the_rows_log_and_keys_of_earlier_ones() -> None:
    batch = [
        Change(
            run="r", expect=2, events=[event(3)], puts=[Put("runs", "r", {"epoch": 2})], key="k", digest="d"
        ),
        Change(run="r", expect=3, guards=[Guard("runs", "r", {"epoch": 2, "owner": None})]),
        Change(run="r", expect=2),
        Change(run="r", key="k", digest="d"),
        Change(puts=[Put("runs", "r", None)]),
        Change(guards=[Guard("runs", "r", None)]),
    ]
    kinds = [type(verdict) for verdict in judge(batch, known())]
    assert kinds == [Ok, Ok, Conflict, Duplicate, Ok, Ok]


def test_a_key_belongs_to_its_run() -> None:
    (verdict,) = judge([Change(run="s", key="old", digest="other")], known())
    assert isinstance(verdict, Ok)


def test_an_unknown_run_has_an_empty_log() -> None:
    (fine, late) = judge([Change(run="s", expect=0), Change(run="s", expect=1)], known())
    assert isinstance(fine, Ok)
    assert late == Conflict(0)


def test_verdicts_are_told_apart_by_class_because_two_of_them_are_empty_tuples() -> None:
    seen = judge([Change(run="r", key="old", digest="d"), Change(run="r")], known())
    assert [type(verdict) for verdict in seen] == [Duplicate, Ok]


def test_a_refusal_shows_the_row_as_it_was_then() -> None:
    later = Change(puts=[Put("runs", "r", {"epoch": 9})])
    (refused, _) = judge([Change(guards=[FAILS]), later], known())
    assert refused == Refused(FAILS, {"epoch": 1, "owner": None})


runs = st.sampled_from(["r", "s"])
columns = st.one_of(st.none(), st.dictionaries(st.sampled_from(["epoch", "owner"]), st.integers(0, 2)))
drafts = st.tuples(
    runs,
    st.one_of(st.none(), st.integers(0, 5)),
    st.integers(0, 2),
    st.lists(st.builds(Put, st.just("runs"), runs, columns), max_size=2),
    st.lists(st.builds(Guard, st.just("runs"), runs, columns), max_size=2),
    st.sampled_from([None, None, "old", "new"]),
    st.sampled_from(["d", "e"]),
)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    run, expect, count, puts, guards, key, digest = draw(drafts)
    rows = [] if expect is None else [event(expect + place) for place in range(1, count + 1)]
    return Change(run=run, expect=expect, events=rows, puts=puts, guards=guards, key=key, digest=digest)


batches = st.lists(changes(), max_size=8)


@given(batches)
def test_a_batch_is_judged_as_its_changes_one_after_another(batch: list[Change]) -> None:
    together, alone = known(), known()
    assert judge(batch, together) == [judge([change], alone)[0] for change in batch]
    assert facts(together) == facts(alone)


@given(batches)
def test_leaving_out_what_was_not_accepted_changes_nothing(batch: list[Change]) -> None:
    state, again = known(), known()
    verdicts = judge(batch, state)
    accepted = [change for change, verdict in zip(batch, verdicts, strict=True) if isinstance(verdict, Ok)]
    assert all(isinstance(verdict, Ok) for verdict in judge(accepted, again))
    assert facts(again) == facts(state)


@given(batches)
def test_a_keyed_change_once_accepted_is_a_duplicate_for_ever(batch: list[Change]) -> None:
    state = known()
    verdicts = judge(batch, state)
    for change, verdict in zip(batch, verdicts, strict=True):
        if change.key is not None and isinstance(verdict, Ok | Duplicate):
            assert type(judge([change], state)[0]) is Duplicate


@given(batches)
def test_accepted_events_make_logs_without_holes(batch: list[Change]) -> None:
    logs = {"r": [1, 2], "s": []}
    for change, verdict in zip(batch, judge(batch, known()), strict=True):
        if isinstance(verdict, Ok):
            logs[change.run] += [row.sequence for row in change.events]
    assert all(log == list(range(1, len(log) + 1)) for log in logs.values())


@given(batches)
def test_the_judge_leaves_the_changes_as_they_are(batch: list[Change]) -> None:
    before = deepcopy(batch)
    judge(batch, known())
    assert batch == before
