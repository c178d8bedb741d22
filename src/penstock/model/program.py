"""The seam between a style of writing workflows and the engine.

A style gives the engine a `Program`. For each scope of a run the program makes a `Play`, which is told what is done and asks
for what comes next. It sees nothing else: no store, no executor, no clock. The engine plays live runs and old logs through the
same calls, so a play must answer the same to the same calls: no clock, no chance, no I/O; `at` is the time it may use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

import msgspec

from penstock.model.failure import Failure
from penstock.model.policies import DEFAULT, Policy

if TYPE_CHECKING:
    from penstock.model.limits import Limit

Partial = Literal["fail", "collect"]
"""What one failed item means to a map: it fails the step, or stands in the results as its `Failure`."""


OnChange = Literal["continue", "refuse", "new_run"]
"""What to do when a run is taken up whose code has changed: go on with the code at hand, do not, or begin a new run, which
reuses what did not change and depends on no change."""


class Do(msgspec.Struct, gc=False):
    """Run `fn(*args, **kwargs)` as step `key`."""

    key: str
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    policy: Policy = DEFAULT


class Map(msgspec.Struct, gc=False):
    """Run `fn(item...)` for each item, at most `window` at once; the step's value is the list of results, in order.

    Each item is a mapping of keyword arguments laid over `kwargs` when `by` is None, else it is passed as keyword `by`.
    """

    key: str
    fn: Callable[..., Any]
    items: Sequence[Any]
    by: str | None = None
    kwargs: Mapping[str, Any] = {}
    window: int = 256
    partial: Partial = "fail"
    policy: Policy = DEFAULT


def item_arguments(ask: Map, item: int) -> Mapping[str, Any]:
    """The keyword arguments of one item of a map."""
    value = ask.items[item]
    if ask.by is None:
        return {**ask.kwargs, **value}
    return {**ask.kwargs, ask.by: value}


class Open(msgspec.Struct, gc=False):
    """Play another program in a scope of this run; the step's value is what that program ends with."""

    key: str
    program: Program
    input: Any = None


class Sleep(msgspec.Struct, gc=False):
    """Done after `seconds`, or at wall time `until`."""

    key: str
    seconds: float | None = None
    until: float | None = None


class Wait(msgspec.Struct, gc=False):
    """Done with the value of the next signal of that name; failed with cause timeout after `timeout` seconds.

    `approval` says that somebody is asked for a decision: see model.approval.
    """

    key: str
    signal: str
    timeout: float | None = None
    approval: bool = False


class Publish(msgspec.Struct, gc=False):
    """Tell whoever asks of the run these values, by name, until others of that name are published."""

    values: Mapping[str, Any]


class Stop(msgspec.Struct, gc=False):
    """Stop a step or a scope that was asked for; the program hears of it no more."""

    key: str


class Skip(msgspec.Struct, gc=False):
    """Record that a step will not run, and why."""

    key: str
    reason: str = ""


class End(msgspec.Struct, gc=False):
    """The scope is done with this value, as soon as nothing of it runs any more; what did not start is dropped."""

    value: Any = None


class Fail(msgspec.Struct, gc=False):
    """The scope has failed, as soon as nothing of it runs any more; what did not start is dropped.

    `blamed` names the steps whose failures brought it down, which a reopened run tries again; none: the one just told of.
    """

    error: Failure
    blamed: Sequence[str] = ()


Ask = Do | Map | Open | Sleep | Wait | Publish | Stop | Skip | End | Fail


@runtime_checkable
class Play(Protocol):
    """One scope of one run: private, mutable, told in log order.

    A play may also have `identify(run, path)`, told before it begins whose it is (of a fork whose fork it is, so that it has
    the same chance), and `close(why)`, told that it is asked nothing more though it did not end: it was cancelled, or its run
    is out of time.
    """

    def begin(self, at: float) -> Iterable[Ask]: ...
    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]: ...
    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]: ...


Calls = Mapping[tuple[str | None, float | None], Sequence[Callable[..., Any]]]
"""Code that is known beforehand, by the executor it names and its timeout in seconds."""


@runtime_checkable
class Program(Protocol):
    """A definition as the engine sees it. `version` stands for its structure: a log is continued only under the same one.

    `hooks` names steps to run after the root scope ended, before the run does, by outcome ("completed", "failed",
    "cancelled"): the function is called with the value, the failure, or the reason. Their own failures change nothing.
    `limit` bounds how many steps of a run are in flight at once; `timeout` is the run's time in seconds from its start.
    `keep` says whether finished steps stay in memory (a graph: yes; an endless flow: no). `calls` is the code it will ask for,
    as far as it knows: refused before the run starts where its executor cannot run it.
    """

    name: str
    version: str
    hooks: Mapping[str, Do]
    limit: int | None
    timeout: float | None
    keep: bool
    calls: Calls

    def play(self, input: Any) -> Play: ...


class Plan:
    """Defaults for programs: subclass and set what differs."""

    name = "program"
    version = ""
    hooks: Mapping[str, Do] = {}
    limit: int | None = None
    under: Limit | None = None
    timeout: float | None = None
    keep = True
    calls: Calls = {}  # noqa: RUF012 - a Mapping: nobody changes it

    def play(self, input: Any) -> Play:
        raise NotImplementedError


@runtime_checkable
class Dependent(Protocol):
    """A program that knows beforehand which of its steps depend on which."""

    def downstream(self, steps: Iterable[str], inputs: Iterable[str]) -> set[str]:
        """These steps, those that are given these inputs, and all that depend on them."""

    def part(self, step: str) -> Program | None:
        """The program that is played as this step, if it is no call."""


class StepCode(NamedTuple):
    """The functions that a step's code is, and what it is given, as plain data."""

    functions: tuple[Callable[..., Any], ...]
    wiring: Any = None


@runtime_checkable
class Coded(Protocol):
    """A program that knows the code of its steps before it runs, by their names; under "" what decides among them."""

    def codes(self) -> Mapping[str, StepCode]: ...


@runtime_checkable
class Definition(Protocol):
    """What every style's definition can do: one style meets another only through it."""

    def as_program(self) -> Program: ...
