"""Which steps of a run have another code than when it began, and how it goes on then.

When a run starts, the fingerprint of each of its steps is kept once in the store, and the run's source names them all by one
digest. When it is taken up, what was is compared with what is: a step has changed if its code has, or what it is given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args
from weakref import WeakKeyDictionary

import msgspec

from penstock.catalogue.fingerprints import changed, code_of, digest_of, name_of
from penstock.catalogue.shapes import plain
from penstock.engine.recovery import claim_run
from penstock.engine.rows import row_of
from penstock.errors import CodeChanged, CommandRefused, SettingsError
from penstock.model import events as e
from penstock.model.changes import Change, Guard, Put
from penstock.model.program import Coded, Definition, Dependent, OnChange, Program
from penstock.model.wording import listed, shown
from penstock.ports import Store

if TYPE_CHECKING:
    from penstock.app.forking import Forking
    from penstock.app.forks import Source
    from penstock.app.parts import Parts

CODE: Final = "code"
"""The kind of the documents that hold the parts of a code by its digest, and what names it in a run's source."""
CHANGED: Final = "code_changed"
"""The topic of the note that says so in a run's log."""
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


def _digest(program: Program) -> str:
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


def changes_since(store: Store, started: e.RunStarted, program: Program) -> list[StepChange]:
    """What of a run's code is not as it was when it began; nothing where that was not recorded."""
    digest = started.source.get(CODE)
    if not digest or digest == _digest(program):
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


def refusal(run_id: str, changes: Iterable[StepChange]) -> CodeChanged:
    """What is raised where a run is not to go on with another code."""
    return CodeChanged(
        f"the code of run {run_id} has changed since it began: {listed(map(str, changes))}. Bring it back, go on all the same"
        " (on_change='continue'), or in a new run that reuses what did not change (on_change='new_run')"
    )


# ── how it goes on anew ─────────────────────────────────────────────────────────────────────────────────────────────


def stale_steps(
    changes: Iterable[StepChange], names: Iterable[str], *, planned: bool
) -> frozenset[str] | None:
    """The steps to run again, of those that a run had; None: all of them. Pure.

    A program that is `planned` knows its steps. Of any other a step's later calls are named with numbers, and where the
    function itself has changed, what it calls its steps with may have.
    """
    stale = {each.step for each in changes if each.fate != "removed"}
    if planned:
        return frozenset(stale)
    if ITSELF in stale:
        return None
    return frozenset(name for name in names if _base(name) in stale)


def _base(name: str) -> str:
    head, _, tail = name.rpartition("-")
    return head if head and tail.isdecimal() else name


def set_aside(engine: Parts, source: Source, epoch: int, reason: str) -> None:
    """Pause a run that was claimed under that epoch, because another takes its place; one that failed stays as it is."""
    store, last = engine.durable_store(), source.log[-1]
    columns: dict[str, Any] = {"state": "idle", "owner": None, "due": None}
    events: list[e.Event] = []
    if isinstance(last[2], e.RunFailed):
        columns["state"] = "done"
    elif not _is_paused(source):
        events = [e.Owned(epoch, engine.owner), e.Paused(reason)]
        columns["status"] = "paused"
    at = max(engine.clock.now(), last[1])
    rows = [row_of(last[0] + 1 + number, at, event, engine.codec, []) for number, event in enumerate(events)]
    guard = Guard("runs", source.run, {"epoch": epoch, "state": "leased"})
    put = Put("runs", source.run, columns)
    store.commit([Change(source.run, last[0], rows, [put], [guard])])


def begin_anew(engine: Forking, run_id: str, definition: Definition, changes: Iterable[StepChange]) -> str:
    """The id of a new run, not driven yet, that reuses of this one what did not change and depends on no change.

    The other is set aside: paused, if it was under way. Raises CommandRefused if somebody drives it.
    """
    from penstock.app.forks import Fork, source_run
    from penstock.app.reusing import Cut, results_of, undone_in

    store = engine.durable_store()
    epoch = claim_run(store, engine.owner, engine.lease_seconds, run_id)
    if epoch is None:
        raise CommandRefused(
            f"run {run_id} is being driven; when its process is gone it can go on in a new run"
        )
    source = source_run(engine, run_id, definition)
    made = results_of(run_id, source.program, source.log)
    steps = stale_steps(changes, made, planned=isinstance(source.program, Dependent))
    cut = Cut(everything=True) if steps is None else Cut(steps | undone_in(source.log))
    fork = Fork(source, source.started.input, {} if steps is None else made, cut)
    fresh = engine.record_fork(fork)
    set_aside(engine, source, epoch, f"its code changed: it goes on as run {fresh}")
    return fresh


def _is_paused(source: Source) -> bool:
    orders = [event for _, _, event in source.log if isinstance(event, e.Paused | e.Resumed)]
    return bool(orders) and isinstance(orders[-1], e.Paused)
