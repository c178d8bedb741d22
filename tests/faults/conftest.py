"""What tests of whole runs start from: a store of their own, and what every run must give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lives import STEPS, Place, Unit, results


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Unit, str]:
    """The results of a run that nobody disturbs, by step and item, as the log holds them."""
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    life = place.life("inline")
    run = life.go("only")
    assert life.ended().startswith("done ")
    found = results(place.log(run))
    assert len(found) == STEPS
    return found
