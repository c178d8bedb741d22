from collections.abc import Iterable, Mapping

import pandas as pd
import pytest
from flights_tables import (
    FLIGHT_COLUMNS,
    Check,
    Part,
    Quality,
    Reference,
    Tally,
    cleaned,
    delays_table,
    joined,
    month_of,
    package_reference,
    package_table,
    quality_of,
    sampled,
    tallies,
    with_cleaned,
    with_joined,
    year_of,
)

FLIGHT = {
    "year": 2013,
    "month": 1,
    "day": 1,
    "sched_dep_time": 515,
    "carrier": "UA",
    "flight": 1,
    "origin": "EWR",
    "dest": "IAH",
    "tailnum": "N1",
    "hour": 5,
    "dep_time": 517.0,
    "dep_delay": 2.0,
    "arr_delay": 11.0,
    "distance": 1400,
    "time_hour": "2013-01-01T10:00:00Z",
}
NOW, THEN = "2013-01-01T10:00:00Z", "2013-01-01T11:00:00Z"


def flights(*changes: Mapping[str, object]) -> pd.DataFrame:
    """A frame of flights, each like FLIGHT but with a number of its own and what is changed."""
    return pd.DataFrame([{**FLIGHT, "flight": place, **change} for place, change in enumerate(changes)])


@pytest.fixture
def reference() -> Reference:
    weather = [("EWR", NOW, 10.0, 0.0, 25.0), ("EWR", NOW, 0.0, 1.0, 0.0), ("JFK", NOW, 1.0, 0.2, 30.0)]
    return Reference(
        airlines=pd.DataFrame({"carrier": ["UA"], "name": ["United"]}),
        airports=pd.DataFrame({"faa": ["IAH"], "name": ["Houston"]}),
        planes=pd.DataFrame({"tailnum": ["N1", "N2"], "year": [2009.0, None]}),
        weather=pd.DataFrame(weather, columns=["origin", "time_hour", "visib", "precip", "wind_speed"]),
    )


def test_repeated_and_impossible_rows_are_left_out() -> None:
    frame = flights({}, {"flight": 0}, {"dep_delay": 5000.0}, {"distance": 0}, {"dest": None})
    assert list(cleaned(frame)["flight"]) == [0]


def test_a_flight_that_never_left_is_kept_as_cancelled_and_not_late() -> None:
    [row] = cleaned(flights({"dep_time": None, "dep_delay": None})).to_dict("records")
    assert (row["cancelled"], row["late"]) == (True, False)


@pytest.mark.parametrize(("delay", "late"), [(-5.0, False), (15.0, False), (16.0, True)])
def test_a_flight_is_late_after_fifteen_minutes(delay: float, late: bool) -> None:
    assert list(cleaned(flights({"dep_delay": delay}))["late"]) == [late]


def test_a_join_keeps_every_flight_once(reference: Reference) -> None:
    frame = joined(cleaned(flights({}, {"carrier": "??"}, {"dest": "???"}, {"time_hour": THEN})), reference)
    assert len(frame) == 4
    assert list(frame["airline"].fillna("-")) == ["United", "-", "United", "United"]
    assert list(frame["destination"].fillna("-")) == ["Houston", "Houston", "-", "Houston"]


def test_the_weather_is_the_worst_of_the_hour_at_the_airport(reference: Reference) -> None:
    frame = joined(cleaned(flights({}, {"origin": "JFK"}, {"origin": "LGA"})), reference)
    assert list(frame["weather"]) == ["strong wind", "poor visibility", "unknown"]


def test_a_plane_without_a_year_is_found_but_of_unknown_age(reference: Reference) -> None:
    frame = joined(cleaned(flights({}, {"tailnum": "N2"}, {"tailnum": None})), reference)
    assert list(frame["plane_age"]) == ["under 5 years", "unknown", "unknown"]
    assert with_joined(Part(1, "raw", 3), frame, "flights").known_plane == 2


def test_a_tally_counts_delay_only_of_flights_that_left() -> None:
    frame = cleaned(flights({"dep_delay": 30.0}, {"dep_delay": -2.0}, {"dep_time": None, "dep_delay": None}))
    [tally] = tallies(frame, "origin")
    assert tally == Tally("EWR", flights=3, cancelled=1, late=1, delay_minutes=28.0)
    assert (tally.late_share, tally.mean_delay) == (0.5, 14.0)
    assert tally.cancelled_share == pytest.approx(1 / 3)


def test_the_months_add_up_to_the_whole(reference: Reference) -> None:
    frame = joined(
        cleaned(flights(*({"month": 1 + place % 2, "hour": place} for place in range(6)))), reference
    )
    parts = [month_of(found, int(str(month))) for month, found in frame.groupby("month")]
    year = year_of(reversed(parts))
    assert year["hour"] == sorted(tallies(frame, "hour"), key=lambda tally: int(tally.key) % 2)
    assert [(tally.key, tally.flights) for tally in year["month"]] == [("1", 3), ("2", 3)]
    assert set(delays_table(year)["dimension"]) == {"month", *parts[0].by}


def whole_year(**changes: int) -> list[Part]:
    counts = {"read": 100, "kept": 100, "cancelled": 2, "known_airline": 100, "known_destination": 98}
    counts |= {"known_weather": 99, "known_plane": 84, **changes}
    return [Part(month=month, path=f"{month}.csv", **counts) for month in range(1, 13)]


def failed(parts: Iterable[Part], known_planes: float = 0.8) -> list[str]:
    return [
        check.name for check in quality_of(list(parts), known_planes=known_planes).checks if not check.passed
    ]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"read": 200}, "Rows kept by cleaning"),
        ({"cancelled": 30}, "Scheduled flights that left"),
        ({"known_airline": 99}, "Airline found"),
        ({"known_destination": 50}, "Destination found"),
        ({"known_weather": 50}, "Weather found"),
        ({"known_plane": 50}, "Plane found"),
    ],
)
def test_each_check_fails_alone_below_its_minimum(change: dict[str, int], check: str) -> None:
    assert failed(whole_year(**change)) == [check]


def test_good_data_passes_and_a_missing_month_does_not() -> None:
    assert failed(whole_year()) == []
    assert failed(whole_year()[1:]) == ["Months covered"]
    assert failed(whole_year(), known_planes=0.9) == ["Plane found"]


def test_no_data_at_all_does_not_pass() -> None:
    assert not quality_of([], known_planes=0.8).passed
    assert Quality([Check("a", 1.0, 1.0)]).passed


def test_a_sample_of_the_real_flights_passes_its_checks() -> None:
    frame = sampled(package_table("flights", FLIGHT_COLUMNS), 4000)
    reference = package_reference()
    parts = []
    for month, raw in frame.groupby("month"):
        clean = cleaned(raw)
        part = with_cleaned(Part(int(str(month)), "raw", len(raw)), clean, "clean")
        parts.append(with_joined(part, joined(clean, reference), "flights"))
    assert failed(parts, known_planes=0.8) == []
    assert sum(part.kept for part in parts) == 4000
