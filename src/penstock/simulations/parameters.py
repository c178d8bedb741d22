"""Parameters of a workflow: what they may be, how text becomes one, and which of several sources has the last word.

A value is judged by what is known of its name (`MEANINGS`), else by the type of its default. The command line goes over a
configuration, and that over the stored definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from penstock.errors import InputError
from penstock.model.graph import nearest
from penstock.model.wording import guess, shown
from penstock.simulations.configuration import Configuration, named
from penstock.simulations.problems import Problem, refuse


class Meaning(NamedTuple):
    """What is known of a parameter: its type, the least and the most it may be, and whether it must be above the least."""

    kind: type
    least: float
    most: float = float("inf")
    above: bool = False

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        what = "a whole number" if self.kind is int else "a number"
        if self.most == 1:
            return f"{what} from {self.least:g} to 1"
        upper = f" and at most {self.most:,.0f}" if self.most != float("inf") else ""
        return f"{what} {'above' if self.above else 'of at least'} {self.least:g}{upper}"


MEANINGS: Mapping[str, Meaning] = {
    "worker_count": Meaning(int, 1, 100_000),
    "node_parallelism": Meaning(int, 1),
    "activemq_streams": Meaning(int, 1, 100_000),
    "retry_max_attempts": Meaning(int, 0),
    "stf_interval_sec": Meaning(float, 0, above=True),
    "stf_generation_sec": Meaning(float, 0),
    "target_processing_sec": Meaning(float, 0, above=True),
    "physics_duration_min": Meaning(float, 0),
    "sample_fraction": Meaning(float, 0, 1),
    "failure_probability": Meaning(float, 0, 1),
}
"""Parameters that mean the same to every workflow."""


def wrong(name: str, value: Any, default: Any) -> str | None:
    """Why a parameter cannot have this value, if it cannot; `default` None says nothing of its type."""
    meaning = MEANINGS.get(name)
    if meaning is not None:
        return None if _means(meaning, value) else f"{shown(value)} must be {meaning.wanted}"
    if default is None or _is_like(value, default):
        return None
    return f"{shown(value)} must be {_words(default)}, as {shown(default)} is"


def _means(meaning: Meaning, value: Any) -> bool:
    kinds = int if meaning.kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return meaning.least <= value <= meaning.most and not (meaning.above and value == meaning.least)


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, type(default))


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a table",
}


def _words(default: Any) -> str:
    return _WORDS.get(type(default), type(default).__name__)


def problems_in(found: Configuration, defaults: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a configuration's values, given the defaults of its definition by name.

    A name that is like a known one, and is none, is a slip; one that is like none is the author's own.
    """
    for name, value in found.parameters.items():
        file, section = found.places[name]
        said = wrong(name, value, defaults.get(name))
        if said is not None:
            yield Problem(file, section, name, said)
        elif name not in defaults and name not in MEANINGS:
            close = nearest(name, [*defaults, *MEANINGS])
            if close is not None and close not in found.parameters:
                yield Problem(file, section, name, f"is no parameter; did you mean {close!r}?")


def merged(
    workflow: str, defaults: Mapping[str, Any], found: Configuration | None, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of one execution. Raises DefinitionError for a configuration, InputError for overrides, that are wrong."""
    parameters = dict(defaults)
    if found is not None:
        refuse(named(found), problems_in(found, defaults))
        parameters |= found.parameters
    check_overrides(workflow, parameters, overrides)
    return {name: value for name, value in (parameters | dict(overrides)).items() if value is not None}


def check_overrides(workflow: str, known: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    """Raise InputError that tells every override of an unknown parameter, and every wrong value."""
    faults = []
    for name, value in overrides.items():
        if known and name not in known:
            faults.append(f"there is no parameter {name!r}; {guess(name, known)}")
        elif (said := wrong(name, value, known.get(name))) is not None:
            faults.append(f"{name}: {said}")
    if faults:
        raise InputError(f"workflow {workflow!r}: " + "; ".join(faults))


def from_texts(workflow: str, known: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Overrides as the command line gives them, converted by their defaults' types. Raises InputError that tells all faults."""
    found: dict[str, Any] = {}
    faults = []
    for name, text in texts.items():
        if known and name not in known:
            faults.append(f"there is no parameter {name!r}; {guess(name, known)}")
            continue
        try:
            found[name] = from_text(name, text, known.get(name))
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise InputError(f"workflow {workflow!r}: " + "; ".join(faults))
    return found


def from_text(name: str, text: str, default: Any) -> Any:
    """A value from text. Raises ValueError that says what it must be."""
    import msgspec

    meaning = MEANINGS.get(name)
    kind = meaning.kind if meaning is not None else type(default)
    if kind is str:
        return text
    try:
        value: Any
        if kind in (list, dict):
            value = msgspec.json.decode(text, type=kind)
        elif kind is type(None):
            value = _plain(text)
        elif kind is bool:
            value = _truth(text)
        else:
            value = msgspec.convert(text, kind, strict=False)
    except (msgspec.MsgspecError, TypeError, ValueError):
        wanted = meaning.wanted if meaning is not None else _WORDS.get(kind, kind.__name__)
        raise ValueError(f"{shown(text)} must be {wanted}") from None
    said = wrong(name, value, default)
    if said is not None:
        raise ValueError(said)
    return value


_TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError(text)
    return _TRUTHS[text.lower()]


def _plain(text: str) -> Any:
    """Text of a parameter of which nothing is known: as TOML would read it, else as it is."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def described(defaults: Mapping[str, Any]) -> Iterable[tuple[str, str, Any]]:
    """(name, type in words, default) of each parameter."""
    for name, default in defaults.items():
        meaning = MEANINGS.get(name)
        kind = meaning.kind.__name__ if meaning is not None else type(default).__name__
        yield name, "any" if default is None else kind, default
