"""Where attempts are drawn from: what somebody said of their step, what was recorded of it, or a stated default. Pure."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from penstock.errors import SettingsError
from penstock.model.failure import Failure
from penstock.model.policies import Policy
from penstock.model.wording import shown
from penstock.whatif.drawing import Asked, Drawn, Source, fresh, kind_of
from penstock.whatif.learning import Learned, Pool, Sample

Change = Callable[[Policy], Policy]
"""What a step is allowed, changed for a simulation."""

Number = float | Sequence[float] | Mapping[str, float]
"""Seconds: always so many; `[low, high]`, between; `{"mean": m}`, exponential; `{"median": m, "p95": q}`, lognormal."""

Ask = Callable[[str, Random], "float | Drawn"]
"""A function of the user's: a step's name and a source of chance -> seconds, or the whole attempt."""

UNKNOWN: Final = object()
_P95: Final = NormalDist().inv_cdf(0.95)


class Said(NamedTuple):
    """What somebody said of a step; None (of `output`, UNKNOWN) is as recorded. `output` is one of `outputs`, each as likely.

    `fails` is the share of attempts that fail, `error` with which exception.
    """

    duration: Number | None = None
    fails: float | None = None
    outputs: Sequence[Any] | None = None
    error: str | None = None
    retries: int | None = None
    delay: float | None = None
    timeout: float | None = None

    def change(self) -> Change | None:
        """What is said of retries and the timeout, as a change of a policy; None if nothing is."""
        if self.retries is None and self.delay is None and self.timeout is None:
            return None
        return self._changed

    def _changed(self, policy: Policy) -> Policy:
        from msgspec.structs import replace

        retry = policy.retry
        if self.retries is not None:
            retry = replace(retry, attempts=self.retries + 1)
        if self.delay is not None:
            retry = replace(retry, delay=self.delay)
        return replace(policy, retry=retry, timeout=policy.timeout if self.timeout is None else self.timeout)


class Model:
    """All sources of one workflow. `missing` collects the kinds of steps of which nothing is known."""

    def __init__(
        self,
        learned: Learned | None = None,
        said: Mapping[str, Said] | None = None,
        ask: Ask | None = None,
        *,
        default_seconds: float = 1.0,
    ) -> None:
        self.learned = learned
        self.said = said or {}
        self.ask = ask
        self.default_seconds = default_seconds
        self.missing: dict[str, None] = {}
        self._sources: dict[str, Source] = {}

    def draw(self, asked: Asked) -> Drawn:
        """See Source."""
        source = self._sources.get(asked.step)
        if source is None:
            source = self._sources[asked.step] = self._find(asked.step)
        return source.draw(asked)

    def _find(self, step: str) -> Source:
        kind = kind_of(step)
        pool = None if self.learned is None else self.learned.pool(step)
        said = self.said.get(step) or self.said.get(kind)
        if said is not None:
            return Told(said, pool, self.default_seconds)
        if self.ask is not None:
            return Function(self.ask, pool)
        if pool is not None:
            return pool
        self.missing[kind] = None
        return Default(self.default_seconds)

    def changes(self) -> dict[str, Change]:
        """By step, what is allowed otherwise than the workflow says."""
        found = {name: said.change() for name, said in self.said.items()}
        return {name: change for name, change in found.items() if change is not None}


class Default:
    """Of a step of which nothing is known: it takes so long and gives nothing. See Source."""

    def __init__(self, seconds: float) -> None:
        self._drawn = Drawn(seconds)

    def draw(self, asked: Asked) -> Drawn:
        """See Source."""
        return self._drawn


class Told:
    """A step of which something was said; the rest is as recorded. See Source."""

    def __init__(self, said: Said, pool: Pool | None, default_seconds: float) -> None:
        samples = () if pool is None else pool.samples
        self._fails = said.fails
        self._outputs = said.outputs
        self._seconds = None if said.duration is None else distribution(said.duration)
        if said.fails is not None:
            failed = [each for each in samples if each.failure is not None]
            samples = [each for each in samples if each.failure is None]
            self._failed = failed if said.error is None and failed else [_failing(said.error)]
        self._rest: Source = Pool(samples) if samples else Default(default_seconds)

    def draw(self, asked: Asked) -> Drawn:
        """See Source."""
        drawn = self._rest.draw(asked)
        if self._fails is not None and asked.chance(1) < self._fails:
            failed = self._failed[int(asked.chance(2) * len(self._failed))]
            drawn = Drawn(failed.seconds or drawn.seconds, None, failed.failure)
        elif self._outputs:
            drawn = Drawn(drawn.seconds, fresh(self._outputs[int(asked.chance(3) * len(self._outputs))]))
        if self._seconds is not None:
            drawn = drawn._replace(seconds=self._seconds(asked.chance(4)), endless=False)
        return drawn


class Function:
    """A function of the user's. See Source."""

    def __init__(self, ask: Ask, pool: Pool | None) -> None:
        self._ask = ask
        self._rest: Source = pool or Default(0.0)

    def draw(self, asked: Asked) -> Drawn:
        """See Source."""
        answer = self._ask(asked.step, Random(asked.chance(5)))
        if isinstance(answer, Drawn):
            return answer
        return self._rest.draw(asked)._replace(seconds=max(0.0, float(answer)), endless=False)


def distribution(said: Number) -> Callable[[float], float]:
    """Seconds for a number in [0, 1). Raises SettingsError for what is no duration."""
    match said:
        case bool():
            pass
        case int() | float() if said >= 0:
            seconds = float(said)
            return lambda chance: seconds
        case [int() | float() as low, int() | float() as high] if 0 <= low <= high:
            return lambda chance: low + (high - low) * chance
        case {"mean": int() | float() as mean, **rest} if mean >= 0 and not rest:
            return lambda chance: -mean * log(1.0 - chance)
        case {"median": int() | float() as median, "p95": int() | float() as p95, **rest} if (
            0 < median <= p95 and not rest
        ):
            spread = log(p95 / median) / _P95
            return lambda chance: (
                median * exp(spread * NormalDist().inv_cdf(min(max(chance, 1e-12), 1 - 1e-12)))
            )
    raise SettingsError(
        f"{shown(said)} is no duration: say seconds, [LOW, HIGH], {{mean = M}} or {{median = M, p95 = Q}}"
    )


def _failing(error: str | None) -> Sample:
    name = error or "RuntimeError"
    kind = getattr(builtins, name, None)
    bases = (
        tuple(each.__qualname__ for each in kind.__mro__[1:-1]) if isinstance(kind, type) else ("Exception",)
    )
    return Sample(0.0, failure=Failure(name, "it was drawn by a simulation", "error", bases))
