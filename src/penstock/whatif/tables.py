"""Durations and failures as a table, a TOML file or a mapping: what is said of each step.

    [steps.fetch]
    duration = 2.5                          # seconds; or [1, 4], or {mean = 2}, or {median = 2, p95 = 9}
    fails = 0.05                            # the share of attempts that fail
    error = "ConnectionError"               # with which exception; left out, as recorded, else RuntimeError
    output = [1, 2, 3]                      # what it gives; `outputs` lists several, each as likely
    retries = 5                             # and what it is allowed: retries, delay, timeout (seconds)

What is not said of a step is as recorded.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import SettingsError
from penstock.model.wording import guess, shown
from penstock.whatif.sources import Said, distribution

KEYS: Final = ("duration", "fails", "error", "output", "outputs", "retries", "delay", "timeout")
STEPS: Final = "steps"


def read_table(path: Path) -> dict[str, Said]:
    """What a TOML file says of steps. Raises SettingsError that names the file, the step and the key."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}): name a TOML file of durations"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None
    if set(document) - {STEPS} or not isinstance(document.get(STEPS), dict):
        strange = next(iter(set(document) - {STEPS}), None)
        said = f"there is no table {strange!r}" if strange else "it says nothing of any step"
        raise SettingsError(f"{path}: {said}; say [steps.NAME] duration = SECONDS")
    return table_of(document[STEPS], f"{path}: ")


def table_of(said: Mapping[str, Any], where: str = "") -> dict[str, Said]:
    """What is said of steps: by name seconds, a mapping with the keys above, or a Said. Raises SettingsError."""
    return {name: _said(name, each, where) for name, each in said.items()}


def _said(step: str, said: Any, where: str) -> Said:
    if isinstance(said, Said):
        return said
    if not isinstance(said, Mapping) or {"mean", "median"} & set(said):
        said = {"duration": said}
    for key in said:
        if key not in KEYS:
            raise SettingsError(f"{where}steps.{step} has no key {key!r}; {guess(key, KEYS)}")
    try:
        return _checked(said)
    except SettingsError as error:
        raise SettingsError(f"{where}steps.{step}: {error}") from None


def _checked(said: Mapping[str, Any]) -> Said:
    duration = said.get("duration")
    if duration is not None:
        distribution(duration)
    fails = said.get("fails")
    if fails is not None and not (_is_number(fails) and 0 <= fails <= 1):
        raise SettingsError(f"fails = {shown(fails)} must be a share of attempts, from 0 to 1")
    error = said.get("error")
    if error is not None and not isinstance(error, str):
        raise SettingsError(f"error = {shown(error)} must be the name of an exception")
    outputs = [said["output"]] if "output" in said else said.get("outputs")
    if outputs is not None and not (isinstance(outputs, list | tuple) and outputs):
        raise SettingsError(f"outputs = {shown(outputs)} must be a list of at least one output")
    retries = said.get("retries")
    if retries is not None and not (
        isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0
    ):
        raise SettingsError(f"retries = {shown(retries)} must be a whole number from 0 up")
    for key, least in (("delay", 0.0), ("timeout", 1e-9)):
        value = said.get(key)
        if value is not None and not (_is_number(value) and value >= least):
            raise SettingsError(f"{key} = {shown(value)} must be a number of seconds")
    return Said(duration, fails, outputs, error, retries, said.get("delay"), said.get("timeout"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
