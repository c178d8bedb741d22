"""Spans of runs for OpenTelemetry: one tree a run, of the run, its steps and their attempts.

Ids of spans are made from the run's id and the step's, and times are those of the log. So whoever goes on with a run goes on
with its tree: a process that takes it over gives the run, and what was under way in it, the same spans and their first start. A
reopened run has a span of its own below the first. With a provider that makes ids in its own way (one that is not the SDK's)
the tree is one as long as the process lives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from penstock.context import current
from penstock.errors import CommandRefused, SettingsError
from penstock.model import events as e
from penstock.model.failure import Failure

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from penstock.ports import Observer

    class Traced(Protocol):
        """What tracing asks of an engine."""

        observers: list[Observer]

        def events_of(self, run_id: str) -> list[tuple[int, float, e.Event]]: ...


_Place = tuple[str, int | None]
"""A step, or an item of it."""


def trace(engine: Traced, tracer_provider: TracerProvider | None = None) -> Tracing:
    """Make spans of an engine's runs from now on; left out, with the process's own provider.

    Raises SettingsError where opentelemetry-api is not installed.
    """
    try:
        from opentelemetry import trace as api
    except ImportError:
        raise SettingsError(
            "spans need the package opentelemetry-api: pip install 'penstock[tracing]'"
        ) from None
    provider = tracer_provider if tracer_provider is not None else api.get_tracer_provider()
    tracing = Tracing(engine, provider.get_tracer("penstock"))
    engine.observers.append(tracing)
    return tracing


def here() -> Context:
    """In a step: the context of its attempt, for spans of your own: `tracer.start_as_current_span("query", context=here())`.

    It holds in any process that runs the step. Raises CommandRefused outside of steps.
    """
    from opentelemetry import trace as api

    step = current()
    if step is None:
        raise CommandRefused("penstock.observe.tracing.here() knows a context only in a step that runs")
    span = api.SpanContext(
        trace_id_of(step.run),
        span_id_of(step.run, step.step, step.item, step.attempt),
        is_remote=True,
        trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED),
    )
    return api.set_span_in_context(api.NonRecordingSpan(span))


def trace_id_of(run: str) -> int:
    """The id of a run's trace."""
    return _number(16, run)


def span_id_of(run: str, step: str = "", item: int | None = None, attempt: int | None = None) -> int:
    """The id of the span of a run, of one of its steps, or of an attempt of it."""
    return _number(8, run, step, item, attempt)


class Tracing:
    """The observer of one engine. See penstock.ports.Observer."""

    def __init__(self, engine: Traced, tracer: Tracer) -> None:
        self._engine = engine
        self._tracer = tracer
        self._ids = _ids_of(tracer)
        self._runs: dict[str, _Tree] = {}

    def stop(self) -> None:
        """Make no more spans; those of what is under way are never ended."""
        if self in self._engine.observers:
            self._engine.observers.remove(self)
        self._runs.clear()

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        tree = self._runs.get(run)
        if tree is None:
            if not isinstance(event, e.RunStarted | e.Owned):
                return
            tree = self._runs[run] = _Tree(self._tracer, self._ids, run, workflow)
            if sequence > 1:
                tree.catch_up(each for each in self._engine.events_of(run) if each[0] < sequence)
        tree.take(sequence, at, event)
        if type(event) in e.FINAL:
            self._runs.pop(run, None)


class _Tree:
    """The spans of one run that have begun and not ended."""

    def __init__(self, tracer: Tracer, ids: _Ids, run: str, workflow: str) -> None:
        self._tracer = tracer
        self._ids = ids
        self._run = run
        self._workflow = workflow
        self._root: Span | None = None
        self._again: Span | None = None  # of a reopened run: its span below the root's
        self._steps: dict[_Place, Span] = {}
        self._attempts: dict[_Place, Span] = {}

    def catch_up(self, log: Iterable[tuple[int, float, e.Event]]) -> None:
        """Begin what others had begun and not ended; what they ended they have told."""
        began: dict[_Place, float] = {}
        tries: dict[_Place, tuple[int, float]] = {}
        for _, at, event in log:
            match event:
                case e.RunStarted():
                    self._begin_run(at)
                case e.StepStarted(step, item, attempt):
                    began.setdefault((step, item), at)
                    tries[step, item] = (attempt, at)
                case e.StepFailed(step, item, _, _, retry_at):
                    tries.pop((step, item), None)
                    if retry_at is None:
                        began.pop((step, item), None)
                case e.StepDone(step, item) | e.StepCancelled(step, item):
                    tries.pop((step, item), None)
                    began.pop((step, item), None)
                case _:
                    pass
        for place, at in began.items():
            self._begin_step(place, at)
        for place, (attempt, at) in tries.items():
            self._begin_attempt(place, attempt, at)

    def take(self, sequence: int, at: float, event: e.Event) -> None:
        """The next event of the run."""
        match event:
            case e.StepStarted(step, item, attempt):
                place = (step, item)
                if place not in self._steps:
                    self._begin_step(place, at)
                self._begin_attempt(place, attempt, at)
            case e.StepDone(step, item):
                self._end_step((step, item), at)
            case e.StepFailed(step, item, _, error, retry_at):
                _end(self._attempts.pop((step, item), None), at, error)
                if retry_at is None:
                    _end(self._steps.pop((step, item), None), at, error)
            case e.StepCancelled(step, item):
                self._end_step((step, item), at, "cancelled")
            case e.RunStarted():
                self._begin_run(at)
            case e.RunReopened():
                name, id = f"{self._workflow} (reopened)", _number(8, self._run, "reopened", sequence, None)
                self._again = self._span(name, id, self._root, at)
            case e.RunDone():
                self._end_run(at)
            case e.RunFailed(error):
                self._end_run(at, error)
            case e.RunCancelled():
                self._end_run(at, outcome="cancelled")
            case _:
                pass

    def _begin_run(self, at: float) -> None:
        self._root = self._span(self._workflow, span_id_of(self._run), None, at)

    def _begin_step(self, place: _Place, at: float) -> None:
        name, said = _named(place)
        id = span_id_of(self._run, *place)
        self._steps[place] = self._span(name, id, self._again or self._root, at, said)

    def _begin_attempt(self, place: _Place, attempt: int, at: float) -> None:
        name, said = _named(place)
        said["penstock.attempt"] = attempt
        id = span_id_of(self._run, *place, attempt)
        self._attempts[place] = self._span(f"{name} #{attempt}", id, self._steps.get(place), at, said)

    def _end_step(self, place: _Place, at: float, outcome: str = "") -> None:
        for span in (self._attempts.pop(place, None), self._steps.pop(place, None)):
            _end(span, at, outcome=outcome)

    def _end_run(self, at: float, error: Failure | None = None, outcome: str = "") -> None:
        if self._again is not None:  # the first span of the run ended when it failed
            _end(self._again, at, error, outcome)
        else:
            _end(self._root, at, error, outcome)

    def _span(
        self, name: str, id: int, parent: Span | None, at: float, said: Mapping[str, Any] | None = None
    ) -> Span:
        from opentelemetry import trace as api
        from opentelemetry.context import Context

        within = Context() if parent is None else api.set_span_in_context(parent, Context())
        attributes = {"penstock.run": self._run, "penstock.workflow": self._workflow, **(said or {})}
        with self._ids.next(trace_id_of(self._run), id):
            return self._tracer.start_span(
                name, context=within, attributes=attributes, start_time=_nanoseconds(at)
            )


class _Ids:
    """Gives the SDK the ids that are wanted next on this thread. See opentelemetry.sdk.trace.IdGenerator."""

    def __init__(self) -> None:
        self._wanted = threading.local()

    def next(self, trace: int, span: int) -> _Ids:
        """A block in which these ids are given."""
        self._wanted.ids = (trace, span)
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._wanted.ids = None

    def generate_trace_id(self) -> int:
        trace: int = self._wanted.ids[0]
        return trace

    def generate_span_id(self) -> int:
        span: int = self._wanted.ids[1]
        return span

    def is_trace_id_random(self) -> bool:
        return False


def _ids_of(tracer: Any) -> _Ids:
    """What gives a tracer its ids: ours, where it lets us."""
    known = getattr(tracer, "id_generator", None)
    if isinstance(known, _Ids):
        return known
    ids = _Ids()
    if known is not None:
        tracer.id_generator = ids
    return ids


def _named(place: _Place) -> tuple[str, dict[str, Any]]:
    step, item = place
    if item is None:
        return step, {"penstock.step": step}
    return f"{step}[{item}]", {"penstock.step": step, "penstock.item": item}


def _end(span: Span | None, at: float, error: Failure | None = None, outcome: str = "") -> None:
    if span is None:
        return
    if error is not None:
        from opentelemetry.trace import Status, StatusCode

        span.set_status(Status(StatusCode.ERROR, error.message or error.type))
        said = {"exception.type": error.type, "exception.message": error.message}
        span.add_event("exception", {**said, "exception.stacktrace": error.traceback}, _nanoseconds(at))
    if outcome:
        span.set_attribute("penstock.outcome", outcome)
    span.end(_nanoseconds(at))


def _nanoseconds(at: float) -> int:
    return int(at * 1_000_000_000)


def _number(size: int, *parts: object) -> int:
    """A number of so many bytes that stands for these words; never 0, which is no id."""
    return int.from_bytes(sha256(repr(parts).encode()).digest()[:size]) or 1
