"""The trail of a run: what began after what had ended."""

from __future__ import annotations

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.outline import Graph
from penstock.model.trail import trail

OH = Failure("ValueError", "no luck")


def of(*told: str) -> Graph:
    """`+a` begins, `-a` ends, `!a` fails and is tried again, `=a` is reused; `a[1]` is an item."""
    return trail("it", [event(each[0], *each[1:].removesuffix("]").partition("[")[::2]) for each in told])


def event(sign: str, step: str, index: str) -> e.Event:
    item = int(index) if index else None
    match sign:
        case "+":
            return e.StepStarted(step, item)
        case "-":
            return e.StepDone(step, item, None)
        case "!":
            return e.StepFailed(step, item, 1, OH, 0.0)
        case _:
            return e.StepReused(step, None, "")


def edges(graph: Graph) -> list[str]:
    return [f"{source}{target}" for source, target, _ in graph.edges]


def test_one_call_after_another_is_a_chain() -> None:
    assert edges(of("+a", "-a", "+b", "-b", "+c", "-c")) == ["ab", "bc"]


def test_calls_that_were_gathered_stand_side_by_side_and_meet_again() -> None:
    assert edges(of("+a", "-a", "+b", "+c", "-b", "-c", "+d")) == ["ab", "ac", "bd", "cd"]


def test_chains_side_by_side_stay_apart() -> None:
    assert edges(of("+a", "+b", "-a", "+c", "-b", "+d", "-c", "-d", "+e")) == ["ac", "bd", "ce", "de"]


def test_a_step_that_was_tried_again_is_one_step() -> None:
    assert edges(of("+a", "!a", "+a", "-a", "+b")) == ["ab"]


def test_a_map_is_one_box_and_ends_with_its_last_item() -> None:
    graph = of("+m[0]", "+m[1]", "-m[0]", "+b", "-m[1]", "-b", "+c")
    assert [(node.name, node.kind) for node in graph.nodes] == [("m", "map"), ("b", "step"), ("c", "step")]
    assert edges(graph) == ["mc", "bc"]


def test_what_was_reused_is_drawn_though_it_never_began() -> None:
    assert edges(of("=a", "+b")) == ["ab"]


def test_an_empty_log_is_an_empty_graph() -> None:
    assert trail("it", []) == Graph("it", [], [])
