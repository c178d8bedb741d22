"""What a start of a run may be told beside its inputs: a key, tags, the run's time. Checked where it arrives, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import SettingsError
from penstock.model.texts import is_writable
from penstock.model.wording import guess, shown

LONGEST_SECONDS = 1e12
ENGINE_OPTIONS = ("durability", "executors", "executor", "observers", "lease_seconds", "capture_echo")


def check_start(workflow: str, *, key: Any = None, tags: Any = None, timeout: Any = None, **_: Any) -> None:
    """Raise SettingsError for what means nothing."""
    where = f"a run of workflow {workflow!r}"
    if key is not None and not (isinstance(key, str) and key and is_writable(key)):
        raise SettingsError(f"{where}: key={shown(key)} must be some text, such as '2026-03-14', or None")
    if tags is not None and not _are_tags(tags):
        raise SettingsError(
            f"{where}: tags={shown(tags)} must be a dict of texts, such as {{'team': 'data'}}"
        )
    if timeout is not None and not _is_time(timeout):
        raise SettingsError(f"{where}: timeout={shown(timeout)} must be a number of seconds above 0, or None")


def taken(definition: Any, inputs: Any, *, durable: bool) -> Any:
    """What a run records of its inputs: a style may seal some of them, or hand over a live thing where nothing is kept."""
    take = getattr(definition, "taken", None)
    return inputs if take is None else take(inputs, durable)


def sooner(one: float | None, other: float | None) -> float | None:
    """The earlier of two deadlines, either of which may be none."""
    return other if one is None else one if other is None else min(one, other)


def check_options(options: Mapping[str, Any]) -> None:
    """Raise SettingsError for options that no engine has, naming the nearest."""
    for name in options:
        if name not in ENGINE_OPTIONS:
            raise SettingsError(f"an engine has no option {name!r}; {guess(name, ENGINE_OPTIONS)}")


def _are_tags(tags: Any) -> bool:
    return isinstance(tags, Mapping) and all(
        isinstance(each, str) and is_writable(each) for pair in tags.items() for each in pair
    )


def _is_time(timeout: Any) -> bool:
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    return number and 0 < timeout <= LONGEST_SECONDS


def with_defaults(definition: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs, with what the definition says of those that were not given."""
    return {**getattr(definition, "defaults", {}), **inputs}
