"""What was said to `penstock simulate` of a workflow of any style, as a question; texts are taken apart and checked here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from penstock.cli.inputs import inputs_of
from penstock.cli.pairs import pairs_in
from penstock.errors import SettingsError

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.whatif.answering import Question

_UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def question_of(
    engine: Engine, definition: Any, run: Any, given: dict[str, Any], texts: dict[str, str]
) -> Question:
    """The question; of a run, about the same again. Raises SettingsError and InputError."""
    from penstock.whatif.answering import Question

    prices = {name: _number("--price", text) for name, text in pairs_in("--price", given["prices"]).items()}
    return Question(
        definition if run is None else run,
        inputs=_inputs(definition, texts, given["pairs"]),
        runs=1 if given["runs"] is None else given["runs"],
        arrivals=_arrivals(given),
        slots=given["slots"],
        threads=given["threads"],
        limit=given["limit"],
        concurrency=given["concurrency"],
        rate=given["queue_rate"],
        limits=_keys(given["keys"]),
        seeds=seeds_in(given),
        durations=given["durations"] or "learned",
        really=given["really"],
        prices=prices or None,
        queue=given["queue"],
        default_seconds=given["default_seconds"],
        until=given["until"],
        store=engine,
        trained_on=given["trained_on"] or None,
    )


def _inputs(definition: Any, texts: dict[str, str], pairs: tuple[str, ...]) -> dict[str, Any] | None:
    """None where none was given: then runs are given what past runs were."""
    from penstock.tasks.inputs import parse_input

    texts = texts | pairs_in("--input", pairs)
    asked, name = inputs_of(definition), definition.as_program().name
    found = {
        key: parse_input(name, asked[key], text) if key in asked else text for key, text in texts.items()
    }
    return found or None


def _keys(pairs: tuple[str, ...]) -> dict[str, int | str]:
    said = pairs_in("--key", pairs)
    return {key: int(text) if text.isdecimal() else text for key, text in said.items()}


def _arrivals(given: dict[str, Any]) -> Any:
    """None where runs begin at once."""
    from penstock.whatif import Poisson, Scheduled

    if given["trace"]:
        return "trace"
    span = given["span"]
    if given["schedule"] is not None:
        return Scheduled(given["schedule"], 86_400.0 if span is None else span)
    if given["rate"] is None:
        return None
    number, slash, unit = given["rate"].partition("/")
    if not slash or unit not in _UNITS:
        raise SettingsError(f"--rate {given['rate']} must be runs a time, such as 10/min, 0.5/s or 200/h")
    if (span is None) == (given["runs"] is None):
        raise SettingsError("--rate needs to know for how long: say either --for 8h or --runs 1000")
    return Poisson(_number("--rate", number) / _UNITS[unit], given["runs"], span)


def workers_in(given: dict[str, Any]) -> list[int | None]:
    """The numbers of workers that are asked about; None is the engine as it is."""
    if given["as_is"]:
        return [None]
    words = (given["workers"] or "4").split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise SettingsError(f"--workers {given['workers']} must be whole numbers, such as 4 or 10,25,50")
    return [int(word) for word in words]


def seeds_in(given: dict[str, Any]) -> range | None:
    """The seeds; None where nobody said which."""
    if given["seeds"] is None and not given["seed"]:
        return None
    return range(given["seed"], given["seed"] + (20 if given["seeds"] is None else given["seeds"]))


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{flag}: {text!r} must be a number") from None
