"""Cron expressions: which moments one means in a time zone. Pure, but for the zone's table.

The package cronsim reads an expression and says which days it means. Which moments of a day are meant is decided here, since
that must not depend on the moment from which one looks:

1. An expression that names its minutes and its hours (`30 2 * * *`) is about the clock on the wall. A time that comes twice
   counts once, the first time. A time that is left out counts right after the gap.
2. One whose minutes or hours begin with a star (`*/15 * * * *`) is about time that passes: it goes on through an hour that
   comes twice, and a gap holds nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from penstock.app.scheduling.zones import every_moment, first_moment, is_even, wall_at, zone_named
from penstock.errors import SettingsError
from penstock.model.wording import shown

if TYPE_CHECKING:
    from cronsim import CronSim

HORIZON_DAYS: Final = 366 * 50
"""What names no day in fifty years names none: 29 February on a certain weekday comes within forty."""
_DAY: Final = timedelta(days=1)
_SHORT: Final = {
    "@yearly": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


class Timetable(NamedTuple):
    """A parsed expression: its days, and the wall times of each in order."""

    days: CronSim
    times: list[time]
    on_the_wall: bool
    zone: ZoneInfo

    def means(self, day: date) -> bool:
        """Whether anything is due on that day."""
        return day.month in self.days.months and self.days.match_day(day)

    def moments_of(self, day: date) -> list[int]:
        """The moments that a day's wall times mean, in any order."""
        if is_even(day, self.zone):
            start = first_moment(datetime.combine(day, time()), self.zone)
            return [start + at.hour * 3600 + at.minute * 60 for at in self.times]
        walls = [datetime.combine(day, at) for at in self.times]
        if self.on_the_wall:
            return [first_moment(wall, self.zone) for wall in walls]
        return [moment for wall in walls for moment in every_moment(wall, self.zone)]


@lru_cache(maxsize=1_024)
def timetable(expression: str, zone: str) -> Timetable:
    """What an expression of five fields, or a word such as `@daily`, means. Raises SettingsError for what means nothing."""
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        raise SettingsError(
            "cron expressions need the package cronsim: pip install 'penstock[schedules]'"
        ) from None
    fields = _SHORT.get(expression.strip().lower(), expression).split()
    if len(fields) != 5:
        raise SettingsError(
            f"cron expression {shown(expression)} has {len(fields)} fields of five: minute hour day month weekday,"
            " such as '30 2 * * MON-FRI'"
        )
    try:
        days = CronSim(" ".join(fields), datetime(2000, 1, 1))  # noqa: DTZ001 - wall time: its days are asked, not its moments
    except (CronSimError, ValueError, AssertionError) as error:
        said = str(error).removeprefix("Bad ") or "an expression"
        raise SettingsError(
            f"cron expression {shown(expression)}: its {said} means nothing; fields are minute hour day month weekday,"
            " such as '30 2 * * MON-FRI'"
        ) from None
    times = [time(hour, minute) for hour, minute in product(sorted(days.hours), sorted(days.minutes))]
    return Timetable(days, times, not (fields[0][0] == "*" or fields[1][0] == "*"), zone_named(zone))


def moments_after(table: Timetable, after: float) -> Iterator[int]:
    """The moments later than `after`, in order, each once."""
    # a gap or a clock set back may carry a moment over midnight
    day = wall_at(after, table.zone).date() - _DAY
    held: set[int] = set()
    empty_days = 0
    while empty_days < HORIZON_DAYS:
        if held:  # days from this one on hold nothing before their beginning
            begins = first_moment(datetime.combine(day, time()), table.zone)
            yield from sorted(each for each in held if each < begins)
            held = {each for each in held if each >= begins}
        if table.means(day):
            held.update(each for each in table.moments_of(day) if each > after)
        empty_days = 0 if held else empty_days + 1
        if day.year >= 9998:
            return
        day += _DAY
