"""Wall time and moments: which moment a clock on the wall means, around the hours that are left out and those that come twice.

A moment is seconds since 1970. A wall time is a datetime without a zone; beside it stands whose wall it is.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from penstock.errors import SettingsError
from penstock.model.wording import shown

HOUR = timedelta(hours=1)


@lru_cache(maxsize=256)
def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name. Raises SettingsError, with the nearest names, where there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a folder, a path, a name that is not there
        raise SettingsError(f"there is no time zone {shown(name)}; {_hint(name)}") from None


def _hint(name: str) -> str:
    import difflib
    import zoneinfo

    known = zoneinfo.available_timezones()
    if not known:
        return "this machine knows none: install the package tzdata"
    close = difflib.get_close_matches(str(name), sorted(known), 1)
    return f"did you mean {close[0]!r}?" if close else "zones are named as in 'Europe/Rome', or 'UTC'"


def wall_at(moment: float, zone: ZoneInfo) -> datetime:
    """What the wall's clock shows at a moment, with its zone."""
    return datetime.fromtimestamp(moment, zone)


def first_moment(wall: datetime, zone: ZoneInfo) -> int:
    """The moment at which the clock first shows `wall` or, where it leaves that out, the first moment after the gap."""
    before = _moment(wall.replace(fold=0), zone)
    if wall_at(before, zone).replace(tzinfo=None) == wall:
        return before
    return _end_of_gap(_moment(wall.replace(fold=1), zone), before, zone)


def every_moment(wall: datetime, zone: ZoneInfo) -> list[int]:
    """The moments at which the clock shows `wall`: none in a gap, two where an hour comes twice."""
    found = sorted({_moment(wall.replace(fold=0), zone), _moment(wall.replace(fold=1), zone)})
    return [each for each in found if wall_at(each, zone).replace(tzinfo=None) == wall]


@lru_cache(maxsize=4_096)
def is_even(day: date, zone: ZoneInfo) -> bool:
    """Whether the clock is not set while it shows that day, nor an hour before or after."""
    at = datetime.combine(day, time()) - HOUR
    offset = at.replace(tzinfo=zone).utcoffset()
    for _ in range(27):
        for fold in (0, 1):
            if at.replace(tzinfo=zone, fold=fold).utcoffset() != offset:
                return False
        at += HOUR
    return True


def _moment(wall: datetime, zone: ZoneInfo) -> int:
    return int(wall.replace(tzinfo=zone).astimezone(UTC).timestamp())


def _end_of_gap(early: int, late: int, zone: ZoneInfo) -> int:
    """The second in (early, late] from which the zone's offset is that of `late`."""
    offset = wall_at(late, zone).utcoffset()
    while late - early > 1:
        middle = (early + late) // 2
        if wall_at(middle, zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late
