"""What undoes a step, as it is said and as a run keeps it.

`undo_of` makes one, and checks it, where a step is defined; the machine calls for it when a run fails or is cancelled (see
`undoing`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

import msgspec

from penstock.errors import DefinitionError
from penstock.model.calling import Callee
from penstock.model.policies import DEFAULT, Undo
from penstock.model.wording import listed, shown

_PLACED: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_KEYWORD: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_NONE: Final = inspect.Parameter.empty


class Finished(NamedTuple):
    """A step that has completed and could be undone, as it was called and what it came to."""

    name: str
    undo: Undo
    args: tuple[Any, ...]
    kwargs: Any
    value: Any


class Undoing:
    """A run that is being undone: the undo under way, and what failed before it."""

    __slots__ = ("current", "failed", "over")

    def __init__(self) -> None:
        self.current = ""
        self.failed: list[str] = []
        self.over = False


def undo_of(step: Callable[..., Any], undo: Any, where: str, provided: Collection[str] = ()) -> Undo:
    """What undoes a step: a function, or a task with options of its own. `provided` are parameters given to it otherwise.

    Raises DefinitionError for one that cannot be called with what there is.
    """
    call = undo.as_call() if isinstance(undo, Callee) else None
    fn, policy = (undo, DEFAULT) if call is None else (call.fn, call.policy)
    if not callable(fn):
        raise DefinitionError(f"{where}: undo={shown(undo)} must be a function or a task")
    if (
        policy is not DEFAULT
    ):  # it is not undone in its turn, starts when all is recorded, and is done each time
        policy = msgspec.structs.replace(policy, undo=None, pure=False, cache=None)
    takes = _parameters(fn, where)
    has = _parameters(step, where)
    first = next(iter(takes), None)
    takes_result = first is not None and (first.kind in _PLACED or first.kind is first.VAR_POSITIONAL)
    by_name = [each for each in (takes[1:] if takes_result else takes) if each.name not in provided]
    own = {each.name for each in has if each.kind in _KEYWORD}
    everything = any(each.kind is each.VAR_KEYWORD for each in has)
    for each in by_name:
        if each.kind in _KEYWORD and each.default is _NONE and each.name not in own and not everything:
            raise DefinitionError(
                f"{where}: its undo has a parameter {each.name!r}, which the step does not have: the first parameter is given"
                f" the step's result, others the step's own arguments by name ({listed(sorted(own)) or 'it has none'})"
            )
    names = tuple(each.name for each in by_name if each.kind in _KEYWORD)
    return Undo(
        fn,
        policy,
        takes_result,
        None if any(each.kind is each.VAR_KEYWORD for each in takes) else names,
        tuple(each.name for each in has if each.kind in _PLACED),
        {each.name: each.default for each in has if each.default is not _NONE and each.name in names},
    )


def _parameters(fn: Callable[..., Any], where: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"{where}: the parameters of {fn!r} cannot be read: {error}") from error
