"""What can be set for every run of a project, in one table. What an option says counts, else the environment, else
`[tool.penstock]` in pyproject.toml, else the default.

The file is the nearest pyproject.toml upward of the working directory that has such a table; paths in it start from its folder.
A variable that is empty says nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from penstock.errors import SettingsError
from penstock.model.graph import nearest

PREFIX: Final = "PENSTOCK_"
"""Of environment variables."""


class Setting(NamedTuple):
    """One thing that can be set. `unset` says what holds where nobody sets it and the default is None."""

    name: str
    type: Literal["text", "choice", "seconds", "texts"]
    default: Any
    description: str
    choices: tuple[str, ...] = ()
    option: str | None = None
    unset: str = ""

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{PREFIX}{self.name.upper()}"


SETTINGS: Final = {
    each.name: each
    for each in (
        Setting(
            "store", "text", None,
            "Where runs are kept: a path, `sqlite:///PATH`, `json:///PATH`, or `ephemeral`, which keeps nothing.",
            option="--store",
            unset="`penstock.db` in the nearest `.penstock/` upward, else in one beside pyproject.toml or .git, else here",
        ),
        Setting(
            "durability", "choice", "power", "What a finished step survives: a power cut, or only kill -9, which is quicker.",
            choices=("power", "crash"), option="--durability",
        ),
        Setting(
            "executor", "choice", None, "Where plain steps run that name no executor.",
            choices=("inline", "threads", "processes"), option="--executor", unset="on the thread that drives the run",
        ),
        Setting(
            "lease_seconds", "seconds", 5.0,
            "How long others wait for a sign of life before they take over the runs of a process that has gone.",
        ),
        Setting(
            "workflows", "texts", None,
            "Where definitions are found by name: modules, packages, files and folders (in the variable with commas between).",
            unset="what installed packages offer",
        ),
        Setting(
            "broker", "text", None,
            "Where messages of runs are sent: `stomp://HOST:PORT`, `stomp+ssl://HOST:PORT`, or `jsonl:PATH`, a file.",
            unset="nowhere",
        ),
    )
}  # fmt: skip
"""The table, by name. A name is a key of `[tool.penstock]`, too; those that concern engines are keywords of `penstock.open`."""

Source = Literal["option", "environment", "pyproject", "default"]


class Found(NamedTuple):
    """A setting's value, who said so, and where: an option, a variable, or a file and its key."""

    setting: Setting
    value: Any
    source: Source
    place: str
    folder: Path | None = None  # that a relative path starts from, where it is not the working directory


class ProjectFile(NamedTuple):
    """A pyproject.toml and its `[tool.penstock]`, checked."""

    path: Path
    table: Mapping[str, Any]


def found(name: str, given: Any = None) -> Found:
    """The value of one setting; `given` is what an option says. Raises SettingsError for what means nothing."""
    setting = SETTINGS[name]
    if given is not None:
        return Found(setting, given, "option", setting.option or name)
    if text := os.environ.get(setting.variable):
        place = f"the variable {setting.variable}"
        return Found(setting, _parsed(setting, text, place), "environment", place)
    project = project_file()
    if project is not None and name in project.table:
        place = f"{project.path}, key tool.penstock.{name}"
        return Found(setting, project.table[name], "pyproject", place, project.path.parent)
    return Found(setting, setting.default, "default", "")


def all_found(given: Mapping[str, Any] | None = None) -> dict[str, Found]:
    """Every setting, by name. Raises SettingsError with all that means nothing."""
    said: dict[str, Found] = {}
    problems: dict[str, None] = {}
    for name in SETTINGS:
        try:
            said[name] = found(name, (given or {}).get(name))
        except SettingsError as error:
            problems[str(error)] = None
    if problems:
        raise SettingsError("\n".join(problems))
    return said


def strange_variables() -> dict[str, str]:
    """Variables that look like one of ours and are none, with the one that was probably meant."""
    said = {name: name.removeprefix(PREFIX).lower() for name in os.environ if name.startswith(PREFIX)}
    meant = {name: nearest(key, SETTINGS) for name, key in said.items() if key not in SETTINGS}
    return {name: SETTINGS[close].variable for name, close in meant.items() if close is not None}


def project_file() -> ProjectFile | None:
    """The nearest pyproject.toml upward that has a `[tool.penstock]`. Raises SettingsError for what means nothing in it."""
    for folder in _upward(os.getcwd()):
        path = os.path.join(folder, "pyproject.toml")
        try:
            stat = os.stat(path)
        except OSError:
            continue
        project = _project_at(path, stat.st_mtime_ns, stat.st_size)
        if project is not None:
            return project
    return None


def _upward(folder: str) -> Iterator[str]:
    """A folder and those around it. Texts, not paths: engines are looked up often."""
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        yield above
        folder = above


_MAY_HAVE_OURS: Final = re.compile(rb"tool\W+penstock|\[\s*[\"']?tool[\"']?\s*\]")
"""To read TOML takes ten milliseconds at first: only what may concern us is read."""


@lru_cache(maxsize=16)
def _project_at(file: str, changed: int, size: int) -> ProjectFile | None:
    """The file as it was when it last changed, if it has the table."""
    path = Path(file)
    data = path.read_bytes() if path.is_file() else b""
    if not _MAY_HAVE_OURS.search(data):
        return None
    import tomllib

    try:
        tool = tomllib.loads(data.decode()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    table = tool.get("penstock") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: tool.penstock is {table!r}: it must be a table, [tool.penstock]")
    return ProjectFile(path, _checked(table, path))


def _checked(table: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    problems = [_stranger(key, path) for key in table if key not in SETTINGS]
    values = {}
    for key in table.keys() & SETTINGS.keys():
        try:
            values[key] = _parsed(SETTINGS[key], table[key], f"{path}, key tool.penstock.{key}")
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(sorted(problems)))
    return values


def _stranger(key: str, path: Path) -> str:
    return f"{path}: [tool.penstock] has a key {key!r}, which is no setting; {_hint(key, SETTINGS)}"


def _hint(given: str, known: Iterable[str]) -> str:
    close = nearest(given, known)
    return f"did you mean {close!r}?" if close is not None else f"there are {', '.join(known)}"


def _parsed(setting: Setting, given: Any, place: str) -> Any:
    match setting.type:
        case "seconds":
            return _seconds(setting, given, place)
        case "texts":
            return _texts(setting, given, place)
        case "choice" if given not in setting.choices:
            raise SettingsError(
                f"{setting.name} {given!r} means nothing ({place}); {_hint(str(given), setting.choices)}"
            )
        case "text" if not isinstance(given, str) or not given:
            raise SettingsError(f"{setting.name} {given!r} must be text ({place}): put it in quotes")
    return given


def _texts(setting: Setting, given: Any, place: str) -> tuple[str, ...]:
    texts = [each.strip() for each in given.split(",")] if isinstance(given, str) else given
    if not (isinstance(texts, list) and texts and all(isinstance(each, str) and each for each in texts)):
        raise SettingsError(f"{setting.name} {given!r} must be a list of texts ({place}): put each in quotes")
    return tuple(texts)


def _seconds(setting: Setting, given: Any, place: str) -> float:
    try:
        seconds = (
            float(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else 0.0
        )
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(
            f"{setting.name} {given!r} must be a number of seconds above 0, such as {setting.default:g} ({place})"
        )
    return seconds
