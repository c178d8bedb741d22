"""2,000 seeds, shared by programs of every style, find nothing wrong and leave nothing out; a seed is a log, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from penstock.testing.simulation import Campaign, Simulation, simulate
from penstock.testing.simulation.programs import STYLES
from penstock.testing.simulation.programs.coroutines import FunctionPlay, FunctionProgram
from penstock.testing.simulation.programs.functions import interpret, step

SEEDS = 2_000
DIGESTS = Path(__file__).with_name("digests.txt")


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return simulate(seeds=range(SEEDS), stop_at=3)


@pytest.mark.timeout(1_800)
def test_no_seed_finds_anything(campaign: Campaign) -> None:
    print(campaign.report())
    assert not campaign.found, campaign.report()


@pytest.mark.timeout(1_800)
def test_every_fault_event_transition_and_port_call_occurred(campaign: Campaign) -> None:
    assert not campaign.missing(), "a campaign that never saw these says nothing of them"


def test_a_seed_that_fails_says_how_to_replay_it() -> None:
    campaign = Campaign(["graph"])
    campaign.found.append((17, "the sky fell", ["1000.0 e1 the end of its log"]))
    assert "python -m penstock.testing.simulation --seeds 17 --program graph --log" in campaign.report()
    assert "the end of its log" in campaign.report()


@pytest.mark.parametrize("style", STYLES)
def test_a_seed_is_a_log(style: str) -> None:
    first, second = (Simulation(3, [STYLES[style]]).play().world.lines for _ in range(2))
    assert first == second


def test_seeds_give_the_logs_they_gave_whatever_the_hash_seed() -> None:
    """On every Python. A change of the engine that changes logs brings the file up to date:

    python -m penstock.testing.simulation --seeds 0..49 --digests > tests/simulation/digests.txt
    """
    expected = DIGESTS.read_text(encoding="utf-8")
    for hash_seed in ("0", "1", "random"):
        assert digests(hash_seed) == expected, f"PYTHONHASHSEED={hash_seed}"


def digests(hash_seed: str) -> str:
    command = [sys.executable, "-m", "penstock.testing.simulation", "--seeds", "0..49", "--digests"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_function_of_10_000_steps_is_driven_in_linear_time() -> None:
    """Each step is told of once, and asks for the next: nothing is gone through again."""
    times = 10_000
    play = FunctionPlay(FunctionProgram("loop", interpret), [["loop", times, 5]])
    (ask,) = play.begin(0.0)
    for _ in range(times):
        assert not play.flow.asks
        assert len(play.flow.handles) == 1
        (ask,) = play.done(ask.key, step(5, 1), 0.0)
    assert ask.value == step(5, 1)


def test_draws_are_decided_by_the_generator_alone() -> None:
    for draw in STYLES.values():
        one, other = draw(Random(5)), draw(Random(5))
        assert (one.fates, one.signals, one.input) == (other.fates, other.signals, other.input)
