"""Playing a generator in slices: the count of its events, its value or error, its limits; and how constructors are served."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import simpy

from penstock.errors import DefinitionError, SettingsError
from penstock.simulations import Limits
from penstock.simulations.assembling import assembled
from penstock.simulations.kernel import Clockwork
from penstock.simulations.problems import line_of
from penstock.simulations.simulation import check_limits


class Counted(simpy.Environment):
    """Counts what bare SimPy would do."""

    steps = 0

    def step(self) -> None:
        self.steps += 1
        super().step()


def waiting(env: Any, times: int) -> Generator[Any, Any, str]:
    for _ in range(times):
        yield env.timeout(1)
    return "over"


@pytest.mark.parametrize("times", [0, 1, 2, 3, 7, 8, 9, 40])
def test_every_event_is_counted_once_whatever_the_slice(times: int) -> None:
    env = Counted()
    clockwork, looked = Clockwork(env), []
    assert clockwork.play(waiting(env, times), lambda: looked.append(env.now), slice=4) == "over"
    assert clockwork.events == env.steps == times + 2
    assert len(looked) == (times + 1) // 4


def test_what_the_generator_raises_comes_out_as_it_is() -> None:
    env = simpy.Environment()
    raised = KeyError("x")

    def failing() -> Any:
        yield env.timeout(1)
        raise raised

    with pytest.raises(KeyError) as caught:
        Clockwork(env).play(failing(), lambda: None)
    assert caught.value is raised


def test_a_limit_that_is_just_enough_is_enough() -> None:
    env = simpy.Environment()
    assert Clockwork(env, limit=12).play(waiting(env, 10), lambda: None, slice=5) == "over"
    with pytest.raises(DefinitionError, match="had 11 events at 10 s"):
        Clockwork(env := simpy.Environment(), limit=11).play(waiting(env, 10), lambda: None, slice=5)


def test_a_look_between_slices_may_stop_it() -> None:
    env = simpy.Environment()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Clockwork(env).play(waiting(env, 100), stop, slice=10)
    assert env.now < 100


def test_keywords_are_given_by_name() -> None:
    class Executor:
        def __init__(self, parameters: Any, *, runner: Any, execution_id: str) -> None:
            self.given = (parameters, runner, execution_id)

    how: dict[str, Any] = {"parameters": {"a": 1}, "config": {}, "runner": "r", "execution_id": "e"}
    assert assembled(Executor, **how).given == ({"a": 1}, "r", "e")


def test_a_container_is_the_parameter_of_that_name() -> None:
    class Executor:
        def __init__(self, config: Any, runner: Any, execution_id: str, container: Any = None) -> None:
            self.given = (config, container)

    how: dict[str, Any] = {"config": {"s": {}}, "runner": "r", "execution_id": "e"}
    assert assembled(Executor, parameters={"container": "/data"}, **how).given == ({"s": {}}, "/data")
    assert assembled(Executor, parameters={}, **how).given == ({"s": {}}, None)


@pytest.mark.parametrize("limits", [Limits(seconds=0), Limits(memory_mb=-1), Limits(events=0)])
def test_limits_that_are_none_are_refused(limits: Limits) -> None:
    with pytest.raises(SettingsError, match="must be a number above 0, or None"):
        check_limits(limits)


@pytest.mark.parametrize(
    ("section", "key", "line"),
    [
        ("a", "x", 2),
        ("b", "x", 5),
        ("b", "y", 6),
        ("b", "", 4),
        ("b", "none", 4),
        ("c", "z", 8),
        ("none", "x", None),
        ("", "top", None),
    ],
)
def test_a_key_is_found_in_its_own_section(section: str, key: str, line: int | None) -> None:
    text = '[a]\nx = 1\n\n[b] # of b\nx = 2\n"y" = 3\n[ c ]\n  z.deep = 4\n'
    assert line_of(text, section, key) == line
