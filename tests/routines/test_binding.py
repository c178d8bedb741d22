"""How handlers are given what was delivered: one row a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from penstock.routines.binding import bind

GIVEN = {"data": "value", "other": 2}


def everything(**kwargs: Any) -> Any:
    return kwargs


def one_and_everything(data: str, **rest: Any) -> Any:
    return data, rest


def several(data: Any, other: Any) -> Any:
    return data, other


def several_with_default(data: Any, missing: int = 7) -> Any:
    return data, missing


def lone(other: int) -> Any:
    return other


def lone_keyword(*, other: int) -> Any:
    return other


def lone_place(other: int, /) -> Any:
    return other


def unknown(something: Any) -> Any:
    return something


def data_plain(data) -> Any:  # type: ignore[no-untyped-def]
    return data


def data_text(data: str) -> Any:
    return data


def data_text_or_none(data: str | None) -> Any:
    return data


def data_dict(data: dict[str, Any]) -> Any:
    return data


def data_mapping_or_none(data: Mapping[str, Any] | None) -> Any:
    return data


def data_any(data: Any) -> Any:
    return data


def nothing() -> Any:
    return "called"


def by_stars(*args: Any) -> Any:
    return args


class Object:
    def __call__(self, other: int) -> Any:
        return other


@pytest.mark.parametrize(
    ("handler", "given", "expected"),
    [
        (everything, GIVEN, GIVEN),
        (one_and_everything, GIVEN, ("value", {"other": 2})),
        (several, GIVEN, ("value", 2)),
        (several_with_default, GIVEN, ("value", 7)),
        (several_with_default, {"missing": 1, "data": 2}, (2, 1)),
        (several_with_default, {"unheard": 1}, ({"unheard": 1}, 7)),
        (lone, GIVEN, 2),
        (lone_keyword, GIVEN, 2),
        (lone_place, GIVEN, 2),
        (unknown, GIVEN, GIVEN),
        (data_plain, GIVEN, GIVEN),
        (data_plain, {"data": 1}, {"data": 1}),
        (data_any, {"data": 1}, {"data": 1}),
        (data_dict, {"data": 1}, {"data": 1}),
        (data_mapping_or_none, {"data": 1}, {"data": 1}),
        (data_text, GIVEN, "value"),
        (data_text_or_none, GIVEN, "value"),
        (data_text, {"result": "the only one"}, "the only one"),
        (data_text, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (nothing, GIVEN, "called"),
        (by_stars, GIVEN, (GIVEN,)),
        (Object(), GIVEN, 2),
        (partial(several, other=5), {"data": 1}, (1, 5)),
    ],
)
def test_a_handler_is_given(handler: Callable[..., Any], given: dict[str, Any], expected: Any) -> None:
    assert bind(handler)(given) == expected


def test_builtins_are_called_with_what_came() -> None:
    seen: list[Any] = []
    bind(seen.append)({"a": 1})
    bind(seen.append)({"object": 2})
    assert seen == [{"a": 1}, 2]


def test_a_handler_that_changes_what_it_was_given_changes_nothing_else() -> None:
    given = {"a": 1}
    bind(lambda data: data.clear())(given)
    assert given == {"a": 1}


def test_missing_values_are_an_error_of_the_call() -> None:
    with pytest.raises(TypeError, match="other"):
        bind(several)({"data": 1})


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a function, not 5: give the method itself"):
        bind(5)  # type: ignore[arg-type]
