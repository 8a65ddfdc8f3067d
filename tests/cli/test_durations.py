"""Spans of time as people write them, business days, and times in the user's zone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting.cli.durations import before, business_days, local_time, seconds_of, since
from sinch_hosting.cli.errors import BadInput

MONDAY = datetime(2026, 11, 30, 10, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("15m", 900), ("15min", 900), ("2h", 7200), ("1.5 d", 129600)],
)
def test_a_span_is_seconds(text: str, seconds: float) -> None:
    """Units are those that people write."""
    assert seconds_of(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "soon", "3bd", "-5m", "5 y", "1e9"])
def test_what_is_no_span_is_refused_with_its_option(text: str) -> None:
    """The option is named, and what would do."""
    with pytest.raises(BadInput, match=r"--timeout .*15m"):
        seconds_of(text, "--timeout")


@pytest.mark.parametrize(
    ("now", "days", "then"),
    [
        (MONDAY, "1bd", datetime(2026, 11, 27, 10, tzinfo=UTC)),
        (MONDAY, "3bd", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        (MONDAY, "5bd", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        (MONDAY - timedelta(days=1), "1bd", datetime(2026, 11, 27, tzinfo=UTC)),  # a Sunday
        (MONDAY, "2d", datetime(2026, 11, 28, 10, tzinfo=UTC)),
    ],
)
def test_business_days_leave_out_weekends(now: datetime, days: str, then: datetime) -> None:
    """Three business days before a Monday is a Wednesday."""
    assert before(now, days, "--older") == then


@pytest.mark.parametrize("text", ["1.5bd", "99999bd", "later", "99999999999d"])
def test_what_is_no_time_ago_is_refused(text: str) -> None:
    """Whatever is wrong with it, it is one sentence."""
    with pytest.raises(BadInput, match="--older"):
        before(MONDAY, text, "--older")


@settings(deadline=None)
@given(MOMENTS, st.integers(1, 40))
def test_what_is_older_than_so_many_business_days_has_waited_for_them(
    now: datetime, days: int
) -> None:
    """Both measures agree: the moment before the limit has waited so long, and no longer."""
    limit = before(now, f"{days}bd", "--older")

    assert business_days(limit - timedelta(seconds=2), now) in (days, days - 1)
    assert business_days(limit + timedelta(days=3), now) < days
    assert limit.weekday() < 5 or limit.hour == 0


def test_a_time_is_shown_in_the_users_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the zone, in summer and in winter."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert local_time(MONDAY) == "2026-11-30 05:00 EST"
        assert local_time(datetime(2026, 7, 1, 10, tzinfo=UTC)) == "2026-07-01 06:00 EDT"
        assert local_time(None) == ""
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=30), "30 h"),
        (timedelta(days=4), "2 business days"),
    ],
)
def test_how_long_ago(ago: timedelta, said: str) -> None:
    """Short spans in hours, long ones in business days."""
    assert since(MONDAY - ago, MONDAY) == said
