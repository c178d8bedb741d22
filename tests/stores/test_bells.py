"""Bells between processes: what the suite's promises rest on, and what happens to bells nobody serves any more."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.stores import bells
from penstock.stores.bells import Bells


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short name: a socket's path has 108 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder, "run")
        runtime.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        file = Path(folder, "store")
        file.touch()
        yield file


def _ring(place: Path, topics: list[str]) -> None:
    with closing(Bells(str(place))) as ringer:
        ringer.ring(topics)


def _hung(place: Path) -> list[str]:
    (folder,) = (place.parent / "run" / "penstock").iterdir()
    return sorted(entry.name for entry in folder.iterdir())


RINGER = """
import sys
from penstock.stores.bells import Bells
bells = Bells(sys.argv[1])
for line in sys.stdin:
    bells.ring([line.strip()])
"""


def test_a_bell_wakes_another_process_within_milliseconds(place: Path) -> None:
    bell = Bells(str(place)).watch(["run:*"])
    with subprocess.Popen(
        [sys.executable, "-c", RINGER, str(place)], stdin=subprocess.PIPE, text=True
    ) as ringer:
        assert ringer.stdin is not None
        waits = []
        for n in range(50):
            started = time.perf_counter()
            ringer.stdin.write(f"run:{n}\n")
            ringer.stdin.flush()
            assert select.select([bell], [], [], 60)[0]
            if n:
                waits.append(time.perf_counter() - started)
            assert bell.drain() == {f"run:{n}"}
        ringer.stdin.close()
    assert sorted(waits)[len(waits) // 2] < 1.0, "the budget is 2 ms; without a bell it were seconds"
    bell.close()


def test_a_bell_of_a_dead_process_is_taken_away_by_whoever_rings_it(place: Path) -> None:
    code = "import os, sys; from penstock.stores.bells import Bells; Bells(sys.argv[1]).watch(['a']); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(place)], check=True)
    assert len(_hung(place)) == 2
    _ring(place, ["a"])
    assert _hung(place) == []


def test_a_closed_bell_leaves_nothing_behind(place: Path) -> None:
    Bells(str(place)).watch(["a"]).close()
    assert _hung(place) == []


def test_a_ringer_notices_bells_that_are_hung_one_after_the_other(place: Path) -> None:
    """Also when they come so quickly that the folder's time stamp does not move."""
    ringer = Bells(str(place))
    hung = []
    for n in range(20):
        hung.append(Bells(str(place)).watch([f"t{n}"]))
        ringer.ring([f"t{n}"])
        assert hung[-1].drain() == {f"t{n}"}
    for bell in hung:
        bell.close()
    ringer.close()


def test_ringing_costs_one_look_when_nobody_watches(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Bells(str(place)).watch(["a"]).close()
    time.sleep(2 * bells._UNSURE_SECONDS)  # the folder's time stamp is a real one
    ringer = Bells(str(place))
    ringer.ring(["a"])
    monkeypatch.setattr(os, "listdir", _forbidden)
    for _ in range(3):
        ringer.ring(["a"])


def _forbidden(*_: object) -> list[str]:
    raise AssertionError("the folder was read again")


def test_when_too_many_topics_rang_for_the_socket_every_watched_one_counts(place: Path) -> None:
    bell = Bells(str(place)).watch(["run:*", "owner:me"])
    _ring(place, [f"run:{n}" for n in range(1_000)])
    heard = bell.drain()
    assert {"run:0", "run:*", "owner:me"} <= heard
    bell.close()


def test_long_topics_and_odd_characters_are_topics_like_others(place: Path) -> None:
    topics = ["queue:" + "q" * 5_000, "run:ü/..\n*x", "a b"]
    bell = Bells(str(place)).watch(topics)
    _ring(place, topics)
    assert bell.drain() == set(topics)
    bell.close()


def test_two_stores_do_not_hear_each_other(place: Path) -> None:
    other = place.with_name("other")
    other.touch()
    bell = Bells(str(place)).watch(["a"])
    _ring(other, ["a"])
    assert bell.drain() == frozenset()
    bell.close()


def test_a_store_reached_by_two_names_has_the_same_bells(place: Path) -> None:
    link = place.with_name("link")
    link.symlink_to(place)
    bell = Bells(str(place)).watch(["a"])
    _ring(link, ["a"])
    assert bell.drain() == {"a"}
    bell.close()


def test_bells_hang_only_in_a_folder_of_ones_own(place: Path) -> None:
    (place.parent / "run" / "penstock").mkdir(mode=0o777)
    os.chmod(place.parent / "run" / "penstock", 0o777)
    with pytest.raises(PermissionError, match="0700"):
        Bells(str(place)).watch(["a"])


def test_a_runtime_folder_with_too_long_a_name_is_passed_over(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = place.parent / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    bell = Bells(str(place)).watch(["a"])
    _ring(place, ["a"])
    assert bell.drain() == {"a"}
    bell.close()
