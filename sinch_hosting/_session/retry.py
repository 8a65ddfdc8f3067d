"""When a request is sent again, and how long before; the only import of backoff.

backoff gives the growing intervals and the jitter. Its decorators are not used: they sleep
on the real clock, which a test cannot step, shrink a `Retry-After` by their jitter, and cut
it short by their `max_time`. The rule of this package is the opposite, `Retry-After` is a floor.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Protocol, TypeVar

import backoff
from attrs import field, frozen

from .. import errors
from .._aio import Clock, Sleep
from ..models._checks import check_positive, check_seconds, check_whole
from .operations import SENT_AGAIN_AFTER, Failure, Operation

T = TypeVar("T")

_log = logging.getLogger("sinch_hosting")
# One answer must not shut the client for good: with a wrong clock, a date may lie years ahead.
LONGEST_PAUSE = 3600.0


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how long a request is tried.

    Args:
        max_tries: requests at most for one call, the first included; 1 never repeats.
        max_time: seconds from the first request after which no further one is started.
        initial: seconds before the second request; the pause doubles from there and is
            drawn at random between nothing and that ("full jitter").
        maximum: seconds that one pause may last. A `Retry-After` beyond it is not waited
            for: `RateLimited` is raised at once.

    Raises `InvalidRequest` for values that make no sense.
    """

    max_tries: int = field(default=5, validator=lambda _, a, v: check_whole(v, a.name))
    max_time: float = field(default=120.0, validator=lambda _, a, v: check_seconds(v, a.name))
    initial: float = field(default=0.5, validator=lambda _, a, v: check_seconds(v, a.name))
    maximum: float = field(default=60.0, validator=lambda _, a, v: check_positive(v, a.name))


def exponential(*, initial: float, factor: float, maximum: float) -> Iterator[float]:
    """Intervals in seconds: `initial`, then `factor` times the one before, up to `maximum`."""
    intervals = backoff.expo(base=factor, factor=initial, max_value=maximum)
    next(intervals)  # backoff's generators answer their first value to send(), not here
    return intervals


def full_jitter(seconds: float) -> float:
    """A random time between nothing and `seconds`."""
    return backoff.full_jitter(seconds)


def failure_of(error: BaseException) -> Failure | None:
    """Which of the mendable ways of failing this is; `None` where trying again is no use."""
    match error:
        case errors.TransportError(never_sent=True):
            return Failure.NEVER_SENT
        case errors.RateLimited():
            return Failure.TOO_MANY
        case errors.SinchHostingError(is_transient=True):
            return Failure.RESPONSE_LOST
    return None


class CreateObserver(Protocol):
    """Told when a create leaves for the service, and what is known of it then.

    In between nobody knows: that is what a ledger has to hold.
    """

    async def on_sending(self) -> None:
        """It is about to be sent; where this raises, it is not."""
        ...

    async def on_refused(self, error: errors.SinchHostingError) -> None:
        """It was refused, or never arrived; it may yet be sent again."""
        ...

    async def on_created(self, order_id: str) -> None:
        """There is an order."""
        ...


class RateLimitPause:
    """The pause that one 429 puts on the whole client."""

    def __init__(self, clock: Clock, sleep: Sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._opens = float("-inf")
        self.is_shut = False
        """Whether `passage` has anything to look at: most calls need not ask the clock."""
        self.refusals = 0
        """How many requests were answered 429, each try counted."""

    def shut(self, seconds: float) -> None:
        """Keep everybody out for at least this long from now."""
        self.refusals += 1
        if seconds <= self.remaining() + 0.001:
            return  # requests that were under way say it again
        self._opens = self._clock() + seconds
        self.is_shut = True
        _log.warning("rate limited: the client pauses for %.3g s", seconds)

    def remaining(self) -> float:
        """Seconds until it opens; 0 or less when it is open."""
        return self._opens - self._clock()

    async def passage(self, operation: Operation, policy: RetryPolicy, patience: int = 0) -> None:
        """Wait until it is open, or raise `RateLimited` where that takes too long."""
        while (seconds := self.remaining()) > 0:
            if seconds > _longest_pause(policy, patience):
                raise errors.RateLimited(
                    "not sent: the service has asked the client to pause, for "
                    f"{seconds:.0f} s more",
                    operation=operation.name,
                    status_code=429,
                    retry_after=seconds,
                )
            # Jitter on top, or all who wait would leave in the same instant.
            await self._sleep(seconds + full_jitter(min(policy.initial, seconds)))
        self.is_shut = False


async def with_retries(
    attempt: Callable[[int], Awaitable[T]],
    operation: Operation,
    policy: RetryPolicy,
    gate: RateLimitPause,
    clock: Clock,
    sleep: Sleep,
    patience: int = 0,
) -> T:
    """Call `attempt(1)`, `attempt(2)`, … until one succeeds or nothing allows a further one.

    So many 429s as `patience` says are waited for on top, up to an hour each. Neither they nor
    their pauses count against the policy: its tries and its time begin anew after each.

    Raises what the last one raised. An `ApiError` says in `after_lost_answer` whether an
    earlier try may have been carried out.
    """
    failed: errors.SinchHostingError | None = None
    last, ends = policy.max_tries, clock() + policy.max_time
    intervals: Iterator[float] | None = None
    lost = False
    for tries in count(1):
        try:
            return await attempt(tries)
        except errors.SinchHostingError as error:
            if isinstance(error, errors.ApiError):
                error.after_lost_answer = lost = lost or error.after_lost_answer
            if intervals is None:
                intervals = exponential(initial=policy.initial, factor=2, maximum=policy.maximum)
            longest = _longest_pause(policy, patience)
            pause = _pause(error, operation, longest, gate, next(intervals))
            if pause is None:
                raise
            if patience and isinstance(error, errors.RateLimited):
                patience -= 1
                last, ends = tries + policy.max_tries, clock() + pause + policy.max_time
            if tries >= last or clock() + pause > ends:
                raise
            lost = lost or error.may_have_been_applied
            failed = error
        await sleep(pause)
        # Another call's 429 may have shut the gate meanwhile, for longer than there is time. A
        # pause beyond the maximum is the gate's to refuse: it knows how long it takes.
        shut = max(0.0, gate.remaining())
        if shut <= policy.maximum and clock() + shut > ends:
            raise failed
    raise AssertionError("count() does not end")


def _longest_pause(policy: RetryPolicy, patience: int) -> float:
    return max(LONGEST_PAUSE, policy.maximum) if patience else policy.maximum


def _pause(
    error: errors.SinchHostingError,
    operation: Operation,
    longest: float,
    gate: RateLimitPause,
    interval: float,
) -> float | None:
    """Seconds before the next try, `None` where there must not be one."""
    failure = failure_of(error)
    floor = error.retry_after if isinstance(error, errors.ApiError) else None
    if failure is Failure.TOO_MANY:
        gate.shut(interval if floor is None else min(floor, max(LONGEST_PAUSE, longest)))
    if failure not in SENT_AGAIN_AFTER[operation.kind] or (floor or 0) > longest:
        return None
    return (floor or 0) + full_jitter(interval)
