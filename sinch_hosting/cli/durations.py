"""Spans of time as people write them, and times as people read them: zones, business days."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from .errors import BadInput

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(bd|w|d|h|min|m|s|)", re.IGNORECASE)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "min": 60, "s": 1, "": 1}
_SATURDAY = 5  # also the number of working days before it
_LONGEST = 10_000


def seconds_of(text: str, name: str) -> float:
    """Return the seconds of a span such as `90`, `30s`, `15m`, `2h`, `3d` or `1w`.

    Raises:
        BadInput: It is none; *name* is the option that it was given for.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None or found[2].lower() == "bd":
        raise BadInput(f"{name} {text!r}: give a span of time, such as 90s, 15m, 2h or 3d")
    return float(found[1]) * _SECONDS[found[2].lower()]


def before(now: datetime, text: str, name: str) -> datetime:
    """Return the moment so long before *now*; `3bd` are three business days.

    Business days leave out Saturdays and Sundays in the zone of *now*.

    Raises:
        BadInput: The text is no span of time.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is not None and found[2].lower() == "bd":
        return _business_days_before(now, float(found[1]), text, name)
    try:
        return now - timedelta(seconds=seconds_of(text, name))
    except OverflowError:
        raise BadInput(f"{name} {text!r}: is longer than the calendar goes back") from None
    except BadInput:
        raise BadInput(
            f"{name} {text!r}: give a span of time, such as 3bd (business days), 2d or 12h"
        ) from None


def _business_days_before(now: datetime, days: float, text: str, name: str) -> datetime:
    if days != int(days) or days > _LONGEST:
        raise BadInput(f"{name} {text!r}: give a whole number of business days, such as 3bd")
    moment = now
    if now.weekday() >= _SATURDAY:  # the working week ended as Saturday began
        moment = _midnight(now - timedelta(days=now.weekday() - _SATURDAY))
    for _ in range(int(days)):
        moment -= timedelta(days=1)
        while moment.weekday() >= _SATURDAY:
            moment -= timedelta(days=1)
    return moment


def business_days(start: datetime, now: datetime) -> int:
    """Return how many whole business days have passed between two moments, in *now*'s zone."""
    return max(0, int(_worked_days(now) - _worked_days(start.astimezone(now.tzinfo))))


def _worked_days(moment: datetime) -> float:
    """Return the working days since the calendar began, which was on a Monday."""
    weeks, weekday = divmod(moment.toordinal() - 1, 7)
    today = 0.0 if weekday >= _SATURDAY else (moment - _midnight(moment)).total_seconds() / 86_400
    return weeks * _SATURDAY + min(weekday, _SATURDAY) + today


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def local_time(moment: datetime | None) -> str:
    """Return a time in the user's zone, with the zone; `""` for none."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M %Z").strip()


def since(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, as people say it: `3 h`, `2 business days`."""
    if moment is None:
        return ""
    seconds = max(0.0, (now - moment).total_seconds())
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.0f} h"
    days = business_days(moment, now.astimezone())
    return f"{days} business day{'' if days == 1 else 's'}"
