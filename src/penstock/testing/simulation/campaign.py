"""Many seeds, one after another: what they found, how often everything occurred, and what never did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib import import_module
from typing import Any

from penstock.model import events as e
from penstock.model.child import PARENT_OVER, PARENT_PAUSED
from penstock.model.states import RUN, STEP
from penstock.testing.simulation.case import Draw
from penstock.testing.simulation.faults import Faults
from penstock.testing.simulation.programs import STYLES
from penstock.testing.simulation.simulation import Simulation
from penstock.testing.simulation.world import Violation

Programs = Iterable[str] | Mapping[str, Draw]

FAULTS = (
    "answer given twice", "bell not heard", "cancelled while it was undone", "clock set back", "clock set forward", "crash",
    "crash after claim",
    "crash after commit", "crash after extend", "crash before claim", "crash before commit", "crash before extend",
    "crash before get", "crash before inbox", "crash before read", "crash during commit", "crash of a clockwork",
    "crash while a fork was made", "lease lost",
    "letters delivered twice", "lost reply", "process stopped for a while", "process stopped in a call",
    "signal sent twice", "slow call",
    "reopened though undone", "started twice", "store outage", "store unavailable",
)  # fmt: skip
PORTS = ("commit", "read", "inbox", "get", "claim", "extend")

_NEVER_TAKEN = {
    "run pending RunCancelled",  # a run is cancelled by its owner, who has started it
    "step waiting StepCancelled", "step ready StepCancelled",  # what did not start is dropped without an event
}  # fmt: skip


def every_name() -> set[str]:
    """All that a campaign over all programs must have seen."""
    names = {f"fault {name}" for name in FAULTS} | {f"port {name}" for name in PORTS}
    names |= {f"event {kind}" for kind in e.KINDS}
    names |= {f"run {status} {event.__name__}" for status, event in RUN}
    names |= {f"step {status} {event.__name__} {how}".rstrip() for status, event, how in STEP}
    names |= {f"style {style}" for style in STYLES} | {
        "started by a stale engine",
        "takeovers",
        "left behind",
        "undone and RunFailed",
        "undone and RunCancelled",
        "undos that failed",
        "undos that were done",
        "reopening refused",
        "children",
        "limit counted by the logs alone",
        "limit full",
        "limit held",
        "limit of a rate",
        "limit shared by runs",
        "limit taken by another after a crash",
        "cancelled by one without its code",
        "forks",
        "forks of forks",
        "forks of runs that were taken over",
        "schedule cancelled a run",
        "schedule moments backfilled",
        "schedule moments caught up",
        "schedule moments fired",
        "schedule moments left out",
        "schedule moments that had their runs",
        "schedule paused",
        "schedule resumed",
        "schedule skipped a moment",
        "schedule was there already",
        "steps that a fork reuses",
        "style scheduled",
        "children that were followed by others",
        f"child Paused as {PARENT_PAUSED}",
        f"child CancelAsked as {PARENT_OVER}",
    }
    return names - _NEVER_TAKEN


class Campaign:
    """What came of a range of seeds. `found` holds (seed, what was wrong, the end of its log)."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.counts: Counter[str] = Counter()
        self.found: list[tuple[int, str, list[str]]] = []
        self.digests: dict[int, str] = {}
        self.seconds = 0.0

    @property
    def digest(self) -> str:
        """Stands for every log of every seed."""
        return sha256(" ".join(f"{seed}:{text}" for seed, text in self.digests.items()).encode()).hexdigest()[
            :16
        ]

    def missing(self) -> list[str]:
        """What never occurred, of all that can."""
        return sorted(name for name in every_name() if not self.counts[name])

    def report(self) -> str:
        """Figures, one a line, the failures last."""
        lines = [f"{number:>9} {name}" for name, number in sorted(self.counts.items())]
        lines += [f"{0:>9} {name}" for name in self.missing()]
        each = self.seconds / max(1, len(self.digests)) * 1_000
        lines.append(
            f"{len(self.digests)} seeds in {self.seconds:.1f} s, {each:.1f} ms each, digest {self.digest}"
        )
        for seed, what, end in self.found:
            lines += ["", *end, f"seed {seed}: {what}", f"replay: {self.command(seed)}"]
        return "\n".join(lines)

    def command(self, seed: int) -> str:
        """How to play one seed again and see its log."""
        names = ",".join(self.programs)
        return f"python -m penstock.testing.simulation --seeds {seed} --program {names} --log"

    def play(self, seed: int, how: Mapping[str, Any]) -> Simulation:
        """Play one seed and remember what came of it."""
        simulation = Simulation(seed, list(draws_of(self.programs).values()), **how)
        try:
            simulation.play()
        except Violation as violation:
            self.found.append((seed, str(violation), simulation.world.lines[-30:]))
        self.counts += simulation.world.counts
        self.digests[seed] = simulation.digest()
        return simulation


def simulate(
    programs: Programs = tuple(STYLES),
    seeds: Iterable[int] = range(100),
    *,
    faults: Faults | None = None,
    minutes: float | None = None,
    stop_at: int = 1,
    **how: Any,
) -> Campaign:
    """Play these seeds, until `stop_at` of them failed or the time is over.

    `programs` names styles of `penstock.testing.simulation.programs` or draws of one's own as MODULE:NAME, or maps names to
    draws. `faults` are drawn for each seed where they are not given; `how` goes to Simulation.
    """
    campaign = Campaign(programs)
    began = time.monotonic()
    for seed in seeds:
        campaign.play(seed, {"faults": faults, **how})
        campaign.seconds = time.monotonic() - began
        if len(campaign.found) >= stop_at or (minutes is not None and campaign.seconds > minutes * 60):
            break
    return campaign


def draws_of(programs: Programs) -> dict[str, Draw]:
    """The draws that names stand for. Raises ValueError for a name nobody knows."""
    if isinstance(programs, Mapping):
        return dict(programs)
    return {name: _draw(name) for name in programs}


def _draw(name: str) -> Draw:
    if name in STYLES:
        return STYLES[name]
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ValueError(f"there is no program {name!r}; there are {', '.join(STYLES)}, or say MODULE:NAME")
    draw: Draw = getattr(import_module(module), attribute)
    return draw
