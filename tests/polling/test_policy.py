"""The policy of waits: intervals, the budget, and what a failure says."""

from __future__ import annotations

import pytest

from sinch_hosting import (
    ApiError,
    BadRequest,
    ConfigurationError,
    DecodeError,
    InvalidRequest,
    NotFound,
    PollPolicy,
    RateLimited,
    ServerError,
    TransportError,
    UsageError,
)
from sinch_hosting._polling.policy import budget_of, passes, says_no


def _api(status: int, kind: type[ApiError] = ApiError) -> ApiError:
    return kind("no", operation="Op", status_code=status)


@pytest.mark.parametrize(
    ("error", "is_no", "is_passing"),
    [
        *((_api(status), True, False) for status in (400, 401, 403, 404, 405, 409, 410, 422)),
        *((_api(status), False, True) for status in (301, 302, 408, 425, 429, 499, 500, 503, 520)),
        (_api(404, NotFound), True, False),
        (_api(400, BadRequest), True, False),
        (_api(429, RateLimited), False, True),
        (_api(500, ServerError), False, True),
        (TransportError("lost", never_sent=False), False, True),
        (DecodeError("Op", path="", reason="", body="", is_json=True), False, True),
        (DecodeError("Op", path="", reason="", body="", is_json=False), False, True),
        (InvalidRequest(field="f", value=1, rule="r"), False, False),
        (UsageError("closed"), False, False),
        (ConfigurationError("proxy"), False, False),
    ],
)
def test_what_a_failure_says(error: Exception, is_no: bool, is_passing: bool) -> None:
    """A no of the service, something that passes, or neither: it was refused here."""
    assert says_no(error) is is_no
    assert passes(error) is is_passing  # type: ignore[arg-type]


def test_jitter_shortens_by_its_share_at_most() -> None:
    """And never lengthens."""
    drawn = [PollPolicy(jitter=0.2).interval(10) for _ in range(500)]
    assert 8 <= min(drawn) < 9 < max(drawn) <= 10
    assert PollPolicy(jitter=0).interval(10) == 10


@pytest.mark.parametrize("rate", [None, 1.0, 100.0])
@pytest.mark.parametrize("per_minute", [0.2, 1.0, 1.5, 3.0, 60.0, 600.0, 6000.0])
def test_no_minute_sees_more_requests_than_the_budget(
    per_minute: float, rate: float | None
) -> None:
    """Nor more than half of the client's pace; and in the long run it gives all of them."""
    now = 0.0
    bucket = budget_of(
        PollPolicy(requests_per_minute=per_minute),
        rate,
        lambda: now,
        lambda _: None,  # type: ignore[arg-type,return-value]
    )
    allowed = per_minute if rate is None else min(per_minute, rate * 30)
    times: list[float] = []
    while now < 600:
        while bucket.remaining() <= 0:
            bucket.take()
            times.append(now)
        now += bucket.remaining()
    for start in times[:: max(1, len(times) // 50)]:
        assert sum(start <= at < start + 59.99 for at in times) <= max(1, allowed)
    assert len(times) >= 10 * (allowed // 1 if allowed >= 1 else allowed) - 1


@pytest.mark.parametrize("back", [1.0, 30.0, 86_400.0])
def test_a_clock_that_is_set_back_neither_stops_the_budget_nor_doubles_it(back: float) -> None:
    """The requests of the last minute count, as if they were sent at the new time."""
    now = 100_000.0
    bucket = budget_of(PollPolicy(requests_per_minute=8), None, lambda: now, None)  # type: ignore[arg-type]
    sent = 0
    for _ in range(8):
        now += bucket.remaining()
        bucket.take()
    now -= back
    began = now
    while now < began + 59:
        if bucket.remaining() <= 0:
            bucket.take()
            sent += 1
        now += max(0.01, bucket.remaining())
    assert 1 <= sent <= 8


@pytest.mark.parametrize(
    "wrong",
    [{"initial": 0}, {"factor": 0.9}, {"maximum": 0}, {"jitter": 1.1}, {"jitter": -0.1}],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    """`InvalidRequest` names the setting."""
    with pytest.raises(InvalidRequest) as caught:
        PollPolicy(**wrong)
    assert caught.value.field in wrong
