"""Every benchmark runs, with tiny sizes, and answers for each of its budgets. What the figures say is not a test's affair."""

from __future__ import annotations

import importlib

import pytest

from benchmarks.measuring import document, results
from benchmarks.measuring.figures import Figure, shown
from benchmarks.measuring.plan import QUESTIONS, ask, matching
from benchmarks.measuring.rounds import Rounds, Scale, in_turn

LATENCY = Figure("latency", "a thing", "ms", must=10.0, aim=5.0, measured=5.0, quietest=4.0, rounds=3)
RATE = Figure(
    "rate", "things", "a second", must=100.0, aim=200.0, measured=200.0, quietest=210.0, rounds=3, more_is_better=True
)  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_answers_for_each_of_its_budgets(name: str) -> None:
    found = ask(name, "tiny")
    assert isinstance(found, list), found
    assert [figure.name for figure in found] == [
        budget.name for budget in importlib.import_module(f"benchmarks.{name}").BUDGETS
    ]


def test_no_two_budgets_share_a_name() -> None:
    names = [
        budget.name for name in QUESTIONS for budget in importlib.import_module(f"benchmarks.{name}").BUDGETS
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("figure", "measured", "verdict"),
    [
        (LATENCY, 5.0, "ok"),
        (LATENCY, 6.0, "ok, 20 % above the aim"),
        (LATENCY, 10.0, "ok, 2.0 x the aim"),
        (LATENCY, 11.0, "no: 10 % above the budget"),
        (LATENCY, 25.0, "no: 2.5 x the budget"),
        (RATE, 250.0, "ok"),
        (RATE, 150.0, "ok, 25 % below the aim"),
        (RATE, 40.0, "no: 60 % below the budget"),
    ],
)
def test_a_verdict_says_by_how_much(figure: Figure, measured: float, verdict: str) -> None:
    fields = {name: getattr(figure, name) for name in figure.__dataclass_fields__}
    assert Figure(**fields | {"measured": measured}).verdict == verdict


def test_a_ratio_is_taken_within_its_round() -> None:
    found = Rounds(bare=[1.0, 10.0, 2.0], work=[3.0, 20.0, 8.0])
    assert found.ratio == 3.0
    assert found.quietest == 3.0


def test_baseline_and_work_take_turns_and_the_first_round_is_not_counted() -> None:
    order: list[str] = []

    def timed(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = in_turn(Scale("two rounds", 1.0, 2, 60.0), lambda: timed("bare"), lambda: timed("work"))
    assert order == ["bare", "work"] * 3
    assert found.bare == [3.0, 5.0]
    assert found.work == [4.0, 6.0]


def test_new_figures_take_the_place_of_old_ones() -> None:
    before = results.measured_here([LATENCY, RATE])
    now = results.measured_here([Figure("rate", "things", "s", 1, 1, 7.0, 7.0, 1)])
    assert [figure.measured for figure in results.merged(before, now).figures] == [5.0, 7.0]


def test_a_document_can_be_made_of_what_was_measured() -> None:
    lines = list(document.budgets(results.measured_here([LATENCY, RATE])))
    assert "| things | 100 a second | 200 a second | 200 a second | 210 a second | ok |\n" in lines
    assert document.text().startswith("# How fast it is")


def test_questions_are_found_by_a_part_of_their_names() -> None:
    assert matching(["chain"]) == ["memory_chain", "sqlite_chain"]
    assert matching([]) == list(QUESTIONS)
    assert shown(12_345.6, "a second") == "12,346 a second"
