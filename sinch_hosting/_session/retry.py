"""When a request is sent again, and after which pause; the only import of backoff.

backoff gives the growing intervals and the jitter. Its decorators are not used: they sleep
on the real clock, which a test cannot step, shrink a `Retry-After` by their jitter, and cut
it short by their `max_time`. The rule of this package is the opposite, `Retry-After` is a floor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

from .. import errors
from .._aio import Clock, Sleep
from ..models._base import Record
from ..models._checks import check_positive, check_seconds, check_whole
from .operations import SENT_AGAIN_AFTER, Failure, Operation

if TYPE_CHECKING:
    from .._events import Events

_log = logging.getLogger("sinch_hosting")
# One response must not stop the client for ever: with a wrong clock, a date may lie years ahead.
LONGEST_PAUSE = 3600.0


@frozen(kw_only=True, eq=False, repr=False)
class RetryPolicy(Record):
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
    """Return intervals in seconds: `initial`, then `factor` times the last, up to `maximum`."""
    import backoff  # noqa: PLC0415 - loads when used

    intervals = backoff.expo(base=factor, factor=initial, max_value=maximum)
    next(intervals)  # backoff's generators give their first value to send(), not here
    return intervals


def full_jitter(seconds: float) -> float:
    """Return a random time between 0 and `seconds`."""
    import backoff  # noqa: PLC0415 - loads when used

    return backoff.full_jitter(seconds)


def failure_of(error: BaseException) -> Failure | None:
    """Return which failure an error is; `None` where another try does not help."""
    match error:
        case errors.TransportError(never_sent=True):
            return Failure.NEVER_SENT
        case errors.RateLimited():
            return Failure.TOO_MANY
        case errors.SinchHostingError(is_transient=True):
            return Failure.RESPONSE_LOST
    return None


class CreateObserver(Protocol):
    """Is told when a create is sent, and later what became of it.

    In between its outcome is not known. A ledger has to record that.
    """

    async def on_sending(self) -> None:
        """The create is about to be sent. Where this raises, it is not sent."""
        ...

    def on_writing(self) -> None:
        """Its connection is open. Where this raises, its body is not written."""
        ...

    async def on_refused(self, error: errors.SinchHostingError) -> None:
        """It was refused, or never arrived. It may be sent again later."""
        ...

    async def on_created(self, order_id: str) -> None:
        """The service has created an order."""
        ...


class RateLimitPause:
    """The pause that one 429 puts on the whole client."""

    def __init__(self, clock: Clock, sleep: Sleep, events: Events | None = None) -> None:
        self._events = events
        self._clock = clock
        self._sleep = sleep
        self._ends = float("-inf")
        self.is_on = False
        """Whether there may be a pause to wait for: most calls need not ask the clock."""
        self.refusals = 0
        """How many requests were answered 429, each try counted."""

    def begin(self, seconds: float) -> None:
        """Let no request leave for at least this long from now."""
        self.refusals += 1
        if seconds <= self.remaining() + 0.001:
            return  # requests that were under way are refused as well
        self._ends = self._clock() + seconds
        self.is_on = True
        _log.warning(
            "rate limited: the client pauses for %.3g s", seconds, extra={"sinch_seconds": seconds}
        )
        if self._events is not None:
            self._events.paused(seconds)

    def remaining(self) -> float:
        """Return the seconds until the pause ends; 0 or less where there is none."""
        return self._ends - self._clock()

    async def wait(self, operation: Operation, policy: RetryPolicy, patience: int = 0) -> None:
        """Wait until the pause is over, or raise `RateLimited` where that takes too long."""
        while (seconds := self.remaining()) > 0:
            if seconds > _longest_pause(policy, patience):
                raise errors.RateLimited(
                    "not sent: the service has asked the client to pause, for "
                    f"{seconds:.0f} s more",
                    operation=operation.name,
                    status_code=429,
                    retry_after=seconds,
                )
            # With jitter, or all who wait would leave in the same moment.
            await self._sleep(seconds + full_jitter(min(policy.initial, seconds)))
        self.is_on = False


class Retries:
    """The tries that one call has left.

    Args:
        operation: what is tried; its kind says which failures allow another try.
        policy: how many tries there are, and the pauses between them.
        pause: the client's pause after a 429, which an error here may begin.
        clock: the time in seconds.
        sleep: waits on that clock.
        started: when the first try began, on that clock.
        patience: how many 429s are waited for on top, up to an hour each. The tries and the time
             of the policy begin anew after each.
        events: who is told of each further try, where anybody is.
    """

    def __init__(
        self,
        operation: Operation,
        policy: RetryPolicy,
        pause: RateLimitPause,
        clock: Clock,
        sleep: Sleep,
        started: float,
        patience: int = 0,
        events: Events | None = None,
    ) -> None:
        self._events = events
        self._operation = operation
        self._policy = policy
        self._pause = pause
        self._clock = clock
        self._sleep = sleep
        self._started = started
        self._patience = patience
        self._intervals = exponential(initial=policy.initial, factor=2, maximum=policy.maximum)
        self._tries = 0
        self._is_lost = False

    async def wait(self, error: errors.SinchHostingError) -> bool:
        """Wait for the next try after an error; return whether there is one.

        An `ApiError` then says in `after_lost_answer` whether an earlier try may have been
        carried out.
        """
        self._tries += 1
        tries = self._tries
        if isinstance(error, errors.ApiError):
            error.after_lost_answer = self._is_lost = self._is_lost or error.after_lost_answer
        seconds = self._seconds_after(error)
        if seconds is None:
            return False
        if self._patience and isinstance(error, errors.RateLimited):
            self._patience -= 1
            self._tries, self._started = 0, self._clock() + seconds
        if self._tries >= self._policy.max_tries or not self._is_in_time(seconds):
            return False
        self._is_lost = self._is_lost or error.may_have_been_applied
        if self._events is not None:
            self._events.retries(self._operation.name, tries, seconds, error)
        await self._sleep(seconds)
        # Another call's 429 may have begun a pause meanwhile, which lasts longer than there is
        # time. One beyond the maximum is refused where it is waited for: that error says how
        # long it takes.
        seconds = max(0.0, self._pause.remaining())
        return seconds > self._policy.maximum or self._is_in_time(seconds)

    def _is_in_time(self, seconds: float) -> bool:
        return self._clock() - self._started + seconds <= self._policy.max_time

    def _seconds_after(self, error: errors.SinchHostingError) -> float | None:
        """Return the seconds before the next try, `None` where there must not be one."""
        failure, longest = failure_of(error), _longest_pause(self._policy, self._patience)
        interval = next(self._intervals)
        floor = error.retry_after if isinstance(error, errors.ApiError) else None
        if failure is Failure.TOO_MANY:
            self._pause.begin(
                interval if floor is None else min(floor, max(LONGEST_PAUSE, longest))
            )
        is_allowed = failure in SENT_AGAIN_AFTER[self._operation.kind]
        if not is_allowed or (floor or 0) > longest:
            return None
        return (floor or 0) + full_jitter(interval)


def _longest_pause(policy: RetryPolicy, patience: int) -> float:
    return max(LONGEST_PAUSE, policy.maximum) if patience else policy.maximum
