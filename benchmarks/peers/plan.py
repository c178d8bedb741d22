"""What is measured: which engines, in which environments, at which workloads, and how much of each.

An amount is chosen so that a measurement takes a second or two on a quiet machine: engines differ by a factor of a
thousand. Where that would still take long, `rounds` says how often at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KEPT = ROOT / ".bench"
RESULTS = ROOT / "benchmarks" / "results" / "peers.json"

TIMEOUT_SECONDS = 150
ROUNDS = 3
QUICK_ROUNDS = 1
QUICK_DIVISOR = 5
RESUMED_STEPS = 300

WORKLOADS = {
    "chain": "a chain, per step",
    "fan_out": "a fan-out, per step",
    "one_by_one": "3 steps, one after another, per workflow",
    "in_flight": "3 steps, in flight together, per workflow",
    "resume": f"resume at {RESUMED_STEPS - 1} of {RESUMED_STEPS} steps, new process",
}

QUIET = {
    "DO_NOT_TRACK": "1",
    "HAMILTON_TELEMETRY_ENABLED": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""The documented switches that keep every engine from calling home."""


@dataclass(frozen=True)
class Amount:
    n: int
    rounds: int = ROUNDS


@dataclass(frozen=True)
class Contender:
    """One line of the table: an engine, set up in one way."""

    name: str
    environment: str
    keeps: str
    amounts: dict[str, Amount]
    variant: str = ""
    against: str | None = "penstock"

    @property
    def script(self) -> Path:
        return HERE / f"{self.environment}_peer.py"

    @property
    def requirements(self) -> Path:
        return HERE / f"{self.environment}.txt"


def amounts(
    chain: int, fan_out: int, one_by_one: int, in_flight: int, *, resumes: bool = True
) -> dict[str, Amount]:
    found = {"chain": chain, "fan_out": fan_out, "one_by_one": one_by_one, "in_flight": in_flight}
    if resumes:
        found["resume"] = RESUMED_STEPS
    return {workload: Amount(n) for workload, n in found.items()}


IN_MEMORY = amounts(30_000, 30_000, 5_000, 1_000, resumes=False)

CONTENDERS = (
    Contender("penstock", "penstock", "power", amounts(1_000, 2_000, 200, 1_000), against=None),
    Contender("dbos", "dbos", "power", amounts(500, 500, 100, 200)),
    Contender("dbos-wal", "dbos", "power", amounts(500, 500, 100, 200), variant="wal"),
    Contender("langgraph", "langgraph", "power", amounts(500, 500, 200, 200)),
    Contender("luigi", "luigi", "crash", amounts(300, 300, 100, 100)),
    Contender(
        "prefect",
        "prefect",
        "crash",
        # Ten in flight take as long as ten one after another; a hundred would take minutes.
        amounts(50, 50, 5, 10)
        | {"in_flight": Amount(10, rounds=1), "resume": Amount(RESUMED_STEPS, rounds=1)},
    ),
    Contender("penstock-ephemeral", "penstock", "nothing", IN_MEMORY, variant="ephemeral", against=None),
    Contender("hamilton", "hamilton", "nothing", IN_MEMORY, against="penstock-ephemeral"),
)
"""`keeps` says what a finished step outlives: `power` a power cut, `crash` the end of the process, `nothing` neither."""


def planned(contender: Contender, workload: str, *, quick: bool) -> Amount | None:
    """How much of the workload this contender is given; None if it cannot do it."""
    amount = contender.amounts.get(workload)
    if amount is None or not quick or workload == "resume":
        return amount
    return Amount(max(amount.n // QUICK_DIVISOR, 3), QUICK_ROUNDS)
