"""Names of runs."""

from __future__ import annotations

import os

from penstock.model.ids import Ids, run_id_for


def test_ids_of_one_second_share_two_digits_and_those_of_different_seconds_none() -> None:
    ids = Ids(os.urandom)
    at_once = {ids.fresh(100.0 + n / 1_000) for n in range(1_000)}
    assert len(at_once) == 1_000
    assert len({name[:2] for name in at_once}) == 1
    assert len({name[:8] for name in at_once}) > 990
    assert len({ids.fresh(100.0 + 2 * n)[:2] for n in range(500)}) > 150


def test_ids_are_sixteen_hexadecimal_digits() -> None:
    name = Ids(os.urandom).fresh(0.0)
    assert (len(name), int(name, 16) >= 0) == (16, True)


def test_a_clock_that_is_set_back_does_not_hold_the_digits_for_long() -> None:
    chance = iter([b"\x01" * 8, b"\x02" * 8, b"\x03" * 8])
    ids = Ids(lambda _: next(chance))
    assert [ids.fresh(at)[:2] for at in (1_000.0, 10.0, 10.5)] == ["01", "02", "02"]


def test_a_key_leads_to_one_id() -> None:
    assert run_id_for("flow", "monday") == run_id_for("flow", "monday")
    assert len({run_id_for(flow, key) for flow in ("a", "b") for key in ("x", "y")}) == 4
