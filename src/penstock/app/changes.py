"""Which steps of a run have another code than when it began, and how it goes on then.

When a run starts, the fingerprint of each of its steps is kept once in the store, and the run's source names them all by one
digest. When it is taken up, what was is compared with what is: a step has changed if its code has, or what it is given. With
which code it goes on is noted in its log, so that whoever takes it up next with the same code asks nobody again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args
from weakref import WeakKeyDictionary

import msgspec

from penstock.catalogue.fingerprints import changed, code_of, digest_of, name_of
from penstock.catalogue.shapes import plain
from penstock.engine.recovery import Log
from penstock.errors import CodeChanged, SettingsError
from penstock.model import events as e
from penstock.model.changes import Put
from penstock.model.events import CHANGED, WITH_CODE
from penstock.model.program import Coded, Definition, OnChange, Program
from penstock.model.wording import listed, shown
from penstock.ports import Store

CODE: Final = "code"
"""The kind of the documents that hold the parts of a code by its digest, and what names it in a run's source."""
ITSELF: Final = ""
"""Stands for the workflow's own function, where it has one."""

MOST_STEPS: Final = 500
"""Of larger programs the code of each function is kept, and not what each step is given."""

_log = logging.getLogger("penstock")


class StepChange(NamedTuple):
    """A step whose code is another one; `parts` names what of it, `fate` whether the step itself came or went."""

    step: str
    parts: tuple[str, ...] = ()
    fate: Literal["changed", "added", "removed"] = "changed"

    def __str__(self) -> str:
        inside = f": {listed(self.parts)}" if self.parts else ""
        return f"{self.step or 'the workflow itself'} ({self.fate}{inside})"


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────────────


def put_parts(digest: str, parts: Mapping[str, str]) -> Put:
    """What keeps the parts of a code."""
    data = msgspec.json.encode(dict(parts)).decode()
    return Put("documents", f"{CODE}:{digest}", {"kind": CODE, "data": data})


def parts_of(store: Store, digest: str) -> dict[str, str] | None:
    """The parts of a code that was kept."""
    key = f"{CODE}:{digest}"
    rows = store.get("documents", [key])
    return msgspec.json.decode(rows[key]["data"], type=dict[str, str]) if key in rows else None


class Print(NamedTuple):
    """The fingerprint of a step: the digest of its code, the parts of that, and a digest of what it is given."""

    code: str
    parts: Mapping[str, str]
    given: str = ""

    @property
    def text(self) -> str:
        """How it stands in the store."""
        return f"{self.code} {self.given}".rstrip()


def prints_of(program: Program) -> dict[str, Print]:
    """The fingerprint of each step, as far as it is known before the program runs; of very many, of each function."""
    if not isinstance(program, Coded) or sum(map(len, program.calls.values())) > MOST_STEPS:
        functions = {fn for those in program.calls.values() for fn in those}
        return {name_of(fn): _print((fn,)) for fn in functions}
    codes = program.codes()
    found = {step: _print(code.functions, code.wiring) for step, code in codes.items() if step != ITSELF}
    if ITSELF in codes:  # its own code is what it refers to, save what is its steps'
        theirs = {name for each in found.values() for name in each.parts}
        whole = _print(codes[ITSELF].functions).parts
        parts = {name: digest for name, digest in whole.items() if name not in theirs}
        found[ITSELF] = Print(digest_of(parts), parts)
    return found


def _print(functions: Sequence[Callable[..., Any]], wiring: Any = None) -> Print:
    given = "" if wiring is None else digest_of({"": plain(wiring)})
    if len(functions) == 1:
        code = code_of(functions[0])
        return Print(code.digest, code.parts, given)
    parts = {name: digest for fn in functions for name, digest in code_of(fn).parts.items()}
    return Print(digest_of(parts), parts, given)


class Codebook:
    """The codes of programs. `told` are those that an engine has kept in its store."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def digest(self, program: Program) -> tuple[str, list[Put]]:
        """The digest of a program's code, and what keeps it; nothing if that was handed out before. "": it has none."""
        digest, prints = _known(program)
        if not digest or digest in self._told:
            return digest, []
        self._told.add(digest)
        steps = {step: each.text for step, each in prints.items()}
        codes = {each.code: each.parts for each in prints.values()}
        return digest, [put_parts(digest, steps), *(put_parts(code, parts) for code, parts in codes.items())]


def know(program: Program) -> str:
    """The digest of a program's code, as its files are when that is first asked for. "": it has none."""
    return _known(program)[0]


def _known(program: Program) -> tuple[str, dict[str, Print]]:
    found = _prints.get(program)
    if found is None:
        try:
            prints = prints_of(program)
            found = (digest_of({step: each.text for step, each in prints.items()}), prints)
        except Exception as error:  # a run is not to fail because its code is hard to read
            _log.debug("the code of %s has no fingerprint: %s", program.name, error)
            found = ("", {})
        _prints[program] = found
    return found


_prints: WeakKeyDictionary[Program, tuple[str, dict[str, Print]]] = WeakKeyDictionary()


# ── what is compared ────────────────────────────────────────────────────────────────────────────────────────────────


class Codes(NamedTuple):
    """What a log says of codes, by their digests: the one that its steps began with, and all that it has gone on with.

    `version` is the structure of its program. Empty: it was not recorded.
    """

    began: str
    version: str
    known: frozenset[str]


UNTIL_BEGUN: Final = 3
"""With which code a run began is known after so many events: it started, has an owner, and that is noted if it is another."""


def codes_in(log: Log) -> Codes:
    """The codes of a run."""
    started = log[0][2]
    assert isinstance(started, e.RunStarted)
    codes = Codes(began := started.source.get(CODE, ""), started.version, frozenset({began}))
    for _, _, event in log:
        if type(event) is e.Noted and event.topic == WITH_CODE and event.step is None:
            code, version = event.data["code"], event.data["version"]
            if event.data["began"]:
                codes = Codes(code, version, frozenset({code}))
            else:
                codes = codes._replace(known=codes.known | {code})
    return codes


class Outlook(NamedTuple):
    """How a run is to go on with the code at hand: as it `chosen`, with what has changed, and what its log is to note of it."""

    chosen: OnChange = "continue"
    changes: Sequence[StepChange] = ()
    notes: Sequence[tuple[str, Any]] = ()


def weigh(store: Store, log: Log, definition: Definition, said: OnChange | None, *, pending: bool) -> Outlook:
    """How a run is to go on. One that is `pending` has done nothing with other code; so it begins with the one at hand."""
    program, codes = definition.as_program(), codes_in(log)
    digest = know(program)
    noted = {"code": digest, "version": program.version, "began": pending}
    if not codes.began or not digest or digest in codes.known:
        return Outlook()
    if pending:
        return Outlook(notes=[(WITH_CODE, noted)])
    changes = changes_since(store, codes.began, program)
    if not changes:
        return Outlook()
    return Outlook(choice(said, definition), changes, [(CHANGED, told(changes)), (WITH_CODE, noted)])


def changes_since(store: Store, digest: str, program: Program) -> list[StepChange]:
    """What of a program's code is not as it is in the code of that digest; nothing where either is not known."""
    if not digest or know(program) in ("", digest):
        return []
    then = parts_of(store, digest)
    if then is None:
        return []
    prints = _known(program)[1]
    now = {step: each.text for step, each in prints.items()}
    return [_change(store, step, then.get(step), prints.get(step)) for step in changed(then, now)]


def _change(store: Store, step: str, then: str | None, now: Print | None) -> StepChange:
    if then is None:
        return StepChange(step, fate="added")
    if now is None:
        return StepChange(step, fate="removed")
    code, _, given = then.partition(" ")
    parts = changed(parts_of(store, code) or {}, now.parts) if code != now.code else []
    return StepChange(step, (*parts, *(["what it is given"] if given != now.given else [])))


def told(changes: Iterable[StepChange]) -> dict[str, Any]:
    """What the note in a run's log says of changes."""
    return {each.step: {"fate": each.fate, "parts": list(each.parts)} for each in changes}


def choice(said: Any, definition: Any) -> OnChange:
    """How a run goes on whose code has changed: as is said now, else as its author said. Raises SettingsError."""
    chosen = said if said is not None else getattr(definition, "on_change", None) or "continue"
    found: OnChange | None = next((each for each in get_args(OnChange) if each == chosen), None)
    if found is None:
        raise SettingsError(
            f"on_change={shown(chosen)} must be one of {listed(map(repr, get_args(OnChange)))}"
        )
    return found


def check_goes_on(run_id: str, outlook: Outlook, parent: str | None) -> None:
    """Raise CodeChanged where a run is not to go on with another code."""
    head = f"the code of run {run_id} has changed since it began: {listed(map(str, outlook.changes))}. Bring it back"
    if outlook.chosen == "refuse":
        raise CodeChanged(
            f"{head}, go on all the same (on_change='continue'), or in a new run that reuses what did not change"
            " (on_change='new_run')"
        )
    if outlook.chosen == "new_run" and parent is not None:
        raise CodeChanged(
            f"{head}, or go on all the same (on_change='continue'): a new run could not take its place, for it is a step of run"
            f" {parent}"
        )
