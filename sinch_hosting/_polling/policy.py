"""How often waits look, how many requests they may take, and which failures end them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping

from attrs import field, fields, frozen

from .. import errors
from .._aio import Clock, Sleep
from .._session.throttle import TokenBucket
from ..models._base import Record
from ..models._checks import check_at_least_one, check_positive, check_share

_LATER = frozenset({408, 425, 429, 499})
"""The statuses below 500 that say nothing about the thing that was requested."""
_UNLIMITED = 1e9
_MINUTE = 60.0


@frozen(kw_only=True, eq=False, repr=False)
class PollPolicy(Record):
    """How often a wait looks.

    Args:
        initial: seconds between the first look and the second, and after every change.
        factor: each interval is this much longer than the one before; 1 or more.
        maximum: the longest interval, in seconds.
        jitter: the share of an interval that is random, 0 to 1.
        requests_per_minute: requests that all waits of the client, for orders and for numbers,
            may take in any minute. Where that is not enough, each request waits for its turn, first
            what is due longest. The look after a callback is made at once, and counts. With the
            client's `requests_per_second`, waits take at most half of that.

    A `Retry-After` counts more than an interval. Raises `InvalidRequest` for values that are not
    possible.
    """

    initial: float = field(default=2.0, validator=lambda _, a, v: check_positive(v, a.name))
    factor: float = field(default=1.5, validator=lambda _, a, v: check_at_least_one(v, a.name))
    maximum: float = field(default=60.0, validator=lambda _, a, v: check_positive(v, a.name))
    jitter: float = field(default=0.2, validator=lambda _, a, v: check_share(v, a.name))
    requests_per_minute: float = field(
        default=600.0, validator=lambda _, a, v: check_positive(v, a.name)
    )

    def __getstate__(self) -> dict[str, float]:
        return {a.name: getattr(self, a.name) for a in fields(PollPolicy)}

    def __setstate__(self, state: Mapping[str, float]) -> None:
        for a in fields(PollPolicy):  # a pickle of 0.1 may have fewer of them
            object.__setattr__(self, a.name, state.get(a.name, a.default))

    def interval(self, seconds: float) -> float:
        """Return a random time between `seconds` without the share of `jitter`, and `seconds`."""
        return seconds * (1 - self.jitter * random.random())  # noqa: S311 - no secret


class Budget(TokenBucket):
    """So many requests a minute in the long run, and no minute has more of them.

    A fourth of them may be sent in one burst, the others evenly. After a burst and what follows it,
    the next request waits until the minute since the burst is over; from then on all come evenly.

    Args:
        per_minute: how many requests; below 1, one is sent every few minutes.
        clock: the time in seconds.
        sleep: waits for so many seconds on that clock.
    """

    def __init__(self, per_minute: float, clock: Clock, sleep: Sleep) -> None:
        super().__init__(per_minute / 60, max(1.0, per_minute // 4), clock, sleep)
        self._per_minute = max(1, int(per_minute))
        self._sent: deque[float] = deque()
        """When the requests of the last minute were sent."""
        self._closed_until = float("-inf")
        """When the last minute has fewer requests again."""

    def remaining(self) -> float:
        """Return the seconds until there is a token; 0 is now."""
        return max(super().remaining(), self._closed_until - self._clock())

    def take(self) -> None:
        """Take a token now, even if there is none."""
        super().take()
        sent, now = self._sent, self._filled_at
        while sent and sent[0] + _MINUTE <= now:
            sent.popleft()
        sent.append(now)
        self._close()

    def give_back(self) -> None:
        """Give a token back that was taken and not needed."""
        super().give_back()
        if self._sent:
            self._sent.pop()
            self._close()

    def _close(self) -> None:
        is_full = len(self._sent) >= self._per_minute
        self._closed_until = self._sent[-self._per_minute] + _MINUTE if is_full else float("-inf")

    def _fill(self) -> None:
        now = self._clock()
        if self._sent and (back := self._sent[-1] - now) > 0:  # the clock was set back
            self._sent = deque(at - back for at in self._sent)
            self._closed_until -= back
        # No burst is saved up for the end of a minute that is used up.
        self._filled_at = max(self._filled_at, self._closed_until - 1 / self.per_second)
        super()._fill()


def budget_of(
    policy: PollPolicy, requests_per_second: float | None, clock: Clock, sleep: Sleep
) -> Budget:
    """Return the budget of a policy, at most half of what the client may send at all."""
    at_most = _UNLIMITED if requests_per_second is None else requests_per_second * 30
    per_minute = min(policy.requests_per_minute, at_most, _UNLIMITED)
    # A whole number of them.
    return Budget(per_minute // 1 if per_minute >= 1 else per_minute, clock, sleep)


def says_no(error: BaseException) -> bool:
    """Whether an error is a refusal by the service, so that a later look is likely to fail, too.

    That is 400, 401, 403, 404, 409 and every other status below 500, except for the few that say
    that a later request may succeed.
    """
    return (
        isinstance(error, errors.ApiError)
        and 400 <= error.status_code < 500
        and error.status_code not in _LATER
    )


def passes(error: errors.SinchHostingError) -> bool:
    """Whether a later look may succeed after this error.

    It may after everything that is not a refusal: no response, 3xx, 5xx, or a response that cannot
    be read. It may not where the request was refused here, before it was sent.
    """
    answered_badly = (errors.ApiError, errors.TransportError, errors.DecodeError)
    return isinstance(error, answered_badly) and not says_no(error)
