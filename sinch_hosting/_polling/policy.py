"""Waiting for a state: look, rest, look again, with growing and jittered intervals."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from attrs import field, frozen

from .. import errors
from .._aio import Clock, Sleep
from .._session.retry import exponential, full_jitter
from ..models._checks import check_at_least_one, check_positive, check_seconds, check_share

T = TypeVar("T")
OnUpdate = Callable[[T], Awaitable[None] | None]
_LAST_LOOK = 5.0
_log = logging.getLogger("sinch_hosting")


@frozen(kw_only=True)
class PollPolicy:
    """How often a wait looks.

    Args:
        initial: seconds between the first look and the second, and after every change.
        factor: each interval is this much longer than the one before; 1 or more.
        maximum: seconds that an interval is at most.
        jitter: the share of an interval that is drawn at random, 0 to 1.
        requests_per_minute: requests that looking after orders may take in any minute, however
            many are watched; orders then wait their turn, the longest due first. A callback's
            look is taken at once, and counts. With the client's `requests_per_second`, at most
            half of that.

    A `Retry-After` wins over an interval. Raises `InvalidRequest` for values that make no
    sense.
    """

    initial: float = field(default=2.0, validator=lambda _, a, v: check_positive(v, a.name))
    factor: float = field(default=1.5, validator=lambda _, a, v: check_at_least_one(v, a.name))
    maximum: float = field(default=60.0, validator=lambda _, a, v: check_positive(v, a.name))
    jitter: float = field(default=0.2, validator=lambda _, a, v: check_share(v, a.name))
    requests_per_minute: float = field(
        default=600.0, validator=lambda _, a, v: check_positive(v, a.name)
    )

    def interval(self, seconds: float) -> float:
        """A time between `seconds` less the jittered share, and `seconds`."""
        return seconds * (1 - self.jitter) + full_jitter(seconds * self.jitter)


def passes(error: errors.SinchHostingError) -> bool:
    """Whether a later look may succeed where this one failed."""
    if isinstance(error, errors.DecodeError):
        return not error.is_json
    return isinstance(error, (errors.TransportError, errors.ServerError, errors.RateLimited))


@frozen(kw_only=True)
class Wait(Generic[T]):
    """One wait: what to look at, when it is over, and how often to look."""

    fetch: Callable[[], Awaitable[T]]
    is_over: Callable[[T], bool]
    """Whether the wait is over; raises where what is waited for cannot come any more."""
    what: str
    """What is waited for, for the errors: `order 01ab… in COMPLETED`."""
    policy: PollPolicy
    clock: Clock
    sleep: Sleep
    timeout: float | None = field(
        default=None, validator=lambda _, a, v: None if v is None else check_seconds(v, a.name)
    )
    on_update: OnUpdate[T] | None = None

    async def run(self, last: T | None = None) -> T:
        """Wait from the snapshot `last`, where there is one; answer the one that ends it.

        Raises what `is_over` raises, `WaitTimeout`, and what `fetch` raises unless it passes;
        every error carries the last snapshot.
        """
        ends = None if self.timeout is None else self.clock() + self.timeout
        intervals = self._intervals()
        if last is not None and self.is_over(last):
            return last
        while True:
            floor = 0.0
            try:
                seen = await self._look(last, ends)
            except errors.SinchHostingError as error:
                error.last = last
                if not passes(error):
                    raise
                _log.warning("waiting for %s goes on: %s", self.what, error)
                floor = error.retry_after or 0.0 if isinstance(error, errors.ApiError) else 0.0
            else:
                if seen != last:
                    last, intervals = seen, self._intervals()
                    await self._tell(seen)
                if self.is_over(seen):
                    return seen
            await self._rest(max(floor, self.policy.interval(next(intervals))), last, ends)

    def _intervals(self) -> Iterator[float]:
        policy = self.policy
        return exponential(initial=policy.initial, factor=policy.factor, maximum=policy.maximum)

    async def _look(self, last: T | None, ends: float | None) -> T:
        remaining = None if ends is None else ends - self.clock()
        if remaining is not None and remaining <= 0:
            remaining = _LAST_LOOK  # or a timeout of 0 could see nothing
        limit = asyncio.timeout(remaining)
        try:
            # On the loop's clock: a slow answer must not outlast the wait.
            async with limit:
                return await self.fetch()
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._timed_out(last) from None

    async def _rest(self, seconds: float, last: T | None, ends: float | None) -> None:
        if ends is not None:
            remaining = ends - self.clock()
            if remaining <= 0:
                raise self._timed_out(last)
            seconds = min(seconds, remaining)
        await self.sleep(seconds)

    def _timed_out(self, last: T | None) -> errors.WaitTimeout:
        return errors.WaitTimeout(self.what, timeout=self.timeout or 0.0, last=last)

    async def _tell(self, seen: T) -> None:
        if self.on_update is not None:
            told = self.on_update(seen)
            if inspect.isawaitable(told):
                await told
