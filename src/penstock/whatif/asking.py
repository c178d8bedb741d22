"""What is asked of a simulation, put together: the program, what its steps are drawn from, what its runs are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from penstock.app import Engine, Run, engine_at
from penstock.app.starting import taken
from penstock.errors import SettingsError
from penstock.model import events as e
from penstock.model.limits import Bounds
from penstock.model.parameters import bind_inputs
from penstock.model.program import Definition
from penstock.model.wording import shown
from penstock.whatif.agenda import BEGINS
from penstock.whatif.findings import Known
from penstock.whatif.history import answers_in, definition_of, learned_from, limits_in, pasts, sizes_by
from penstock.whatif.past import Past
from penstock.whatif.simulation import InputsOf, Setting
from penstock.whatif.sources import Ask, Model
from penstock.whatif.tables import read_table, table_of

Durations = str | PathLike[str] | Mapping[str, Any] | Ask
"""`"learned"`; a TOML file or a mapping, for what they say, the rest being learned; or a function (see sources.Ask)."""

What = Definition | Run[Any]
"""A workflow of any style, or a run of one: the same workflow with the same inputs."""


class Asked(NamedTuple):
    """What is asked, and what is known of it.

    `past` are the runs it was learned from, the oldest first; `limits` is what the store says of keys.
    """

    engine: Engine
    definition: Definition
    setting: Setting
    past: list[Past]
    limits: Mapping[str, Bounds]

    def known(self, unanswered: Iterable[str]) -> Known:
        """What the answer rests on. After the simulation: only then is it known what was missing."""
        model = self.setting.model
        learned = model.learned
        return Known(
            runs=len(self.past),
            attempts=0 if learned is None else learned.attempts,
            by_size=[] if learned is None else learned.by_size(),
            missing=list(model.missing),
            default_seconds=model.default_seconds,
            unanswered=sorted(set(unanswered)),
        )


def asked_of(  # noqa: PLR0913 - one keyword a part of the question
    what: What,
    *,
    inputs: Any = None,
    durations: Durations = "learned",
    really: Iterable[str] = (),
    store: str | Engine | None = None,
    trained_on: Iterable[str] | None = None,
    past: Sequence[Past] | None = None,
    default_seconds: float = 1.0,
    until: float | None = None,
) -> Asked:
    """Put a question together; see `simulate`. `past` are runs that were read already."""
    engine = engine_of(what, store)
    definition = definition_of(engine, what) if isinstance(what, Run) else what
    known = past if past is not None else _read(engine, definition, durations, trained_on)
    model = _model(durations, known, default_seconds)
    begins = max((each.started for each in known), default=BEGINS)
    if isinstance(what, Run) and inputs is None:
        _, begins, first = engine.events_of(what.id)[0]
        assert isinstance(first, e.RunStarted)
        given: InputsOf = _always(first.input)
    else:
        given = _inputs(definition, inputs, known)
    setting = Setting(
        program=definition.as_program(),
        inputs=given,
        model=model,
        answers=answers_in(known),
        size_of=sizes_by(engine),
        really=frozenset(really),
        begins=begins,
        until=until,
    )
    return Asked(engine, definition, setting, list(known), limits_in(engine))


def engine_of(what: What, store: str | Engine | None) -> Engine:
    """The engine whose store is asked: as said, else a run's own, else the default one."""
    if isinstance(what, Run) and store is None and isinstance(what._engine, Engine):
        return what._engine
    return engine_at(store)


def _read(
    engine: Engine, definition: Definition, durations: Durations, trained_on: Iterable[str] | None
) -> Sequence[Past]:
    if engine.store is None:
        if trained_on is not None or durations == "learned":
            raise SettingsError(
                "there is nothing to learn from in an engine that keeps nothing: name a store, or say durations={...}"
            )
        return ()
    return pasts(engine, definition, trained_on)


def _model(durations: Durations, past: Sequence[Past], default_seconds: float) -> Model:
    learned = learned_from(past)
    if isinstance(durations, str | PathLike) and durations != "learned":
        return Model(learned, read_table(Path(durations)), default_seconds=default_seconds)
    if isinstance(durations, Mapping):
        return Model(learned, table_of(durations), default_seconds=default_seconds)
    if callable(durations):
        return Model(learned, ask=durations, default_seconds=default_seconds)
    if durations != "learned":
        raise SettingsError(
            f'durations={shown(durations)} is none: say "learned", a TOML file, {{"step": seconds}}, or a function'
        )
    return Model(learned, default_seconds=default_seconds)


def _inputs(definition: Definition, inputs: Any, past: Sequence[Past]) -> InputsOf:
    """What every run is given: as said, else what past runs were given, one of them for each, else nothing."""
    if inputs is not None:
        return _always(given_to(definition, inputs))
    if past:
        given = [each.inputs for each in past]
        return lambda number, chance: given[int(chance * len(given))]
    # which may be too little: it is asked for by runs that come without inputs
    nothing = cache(lambda: given_to(definition, None))
    return lambda number, chance: nothing()


def _always(given: Any) -> InputsOf:
    return lambda number, chance: given


def given_to(definition: Any, inputs: Any) -> Any:
    """What a run records that is given these inputs by name. Raises InputError."""
    asked = getattr(definition, "inputs", None)
    if isinstance(asked, Mapping) and (inputs is None or isinstance(inputs, Mapping)):
        name = definition.as_program().name
        inputs = {**getattr(definition, "defaults", {}), **bind_inputs(name, asked, inputs or {})}
    return taken(definition, inputs, durable=True)
