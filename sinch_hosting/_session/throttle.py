"""When a request may be sent: so many at once, so many a second, and polls after other calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from .._aio import Clock, Sleep

_INSTANT = 1e-6
"""Fewer seconds than these, or a smaller share of a token, are 0: sums of floats are not exact."""
_SHORTEST_SLEEP = 0.001
"""The shortest sleep in seconds: a clock that counts from 1970 may not show a shorter one."""


class RequestSlots:
    """The turns of requests, as many as may run at once, and two queues for them.

    A poll gets a turn only while no other call waits for one, and polls hold at most
    `for_polls` of the turns: however many orders are watched, the next call finds one soon.
    """

    def __init__(self, limit: int, for_polls: int) -> None:
        self.free = limit
        self.calls = SlotQueue(self, limit)
        self.polls = SlotQueue(self, for_polls)

    def serve(self) -> None:
        """Give the turns that are free to those who wait, calls first."""
        self.calls.serve()
        if not self.calls.queue:
            self.polls.serve()


class SlotQueue:
    """One of the two queues for turns."""

    def __init__(self, slots: RequestSlots, limit: int) -> None:
        self.queue: deque[asyncio.Future[None]] = deque()
        self._slots = slots
        self._free = limit

    def take(self) -> bool:
        """Take a turn if one is free and nobody waits for it; return whether it did."""
        slots = self._slots
        if self.queue or slots.calls.queue or not (slots.free and self._free):
            return False
        slots.free -= 1
        self._free -= 1
        return True

    async def acquire(self) -> None:
        """Wait for a turn and take it."""
        if not self.take():
            await self._queue_up()

    def release(self) -> None:
        """Give a turn back."""
        slots = self._slots
        slots.free += 1
        self._free += 1
        if slots.calls.queue or slots.polls.queue:
            slots.serve()

    async def _queue_up(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                with suppress(ValueError):  # whoever came to serve it may have dropped it
                    self.queue.remove(place)
                self._slots.serve()
            else:
                self.release()  # it was given a turn, and leaves
            raise

    def serve(self) -> None:
        """Give turns to those who wait, as far as they go."""
        while self.queue and self._slots.free and self._free:
            place = self.queue.popleft()
            if not place.done():
                self._slots.free -= 1
                self._free -= 1
                place.set_result(None)


class TokenBucket:
    """So many requests a second in the long run, and at most `burst` of them in one instant.

    The bucket is full at first. A request takes a token, and tokens come back evenly. Whoever
    may not wait takes one that is not there yet; that debt is at most a burst, and is paid off
    before anybody else gets a token. Time is the given clock's: one that is set back costs no
    token and gives none.

    Args:
        per_second: tokens that come back in a second; a fraction is one every few seconds.
        burst: tokens that the bucket holds at most, 1 or more. With 1 the pace is strict.
        clock: the time in seconds.
        sleep: waits for so many seconds on that clock.
    """

    def __init__(self, per_second: float, burst: float, clock: Clock, sleep: Sleep) -> None:
        self.per_second = per_second
        self.burst = max(1.0, burst)
        self._clock = clock
        self._sleep = sleep
        self._tokens = self.burst
        self._filled_at = clock()
        self._queue = asyncio.Lock()
        self._waiting = 0

    def remaining(self) -> float:
        """Return the seconds until there is a token; 0 is now."""
        self._fill()
        missing = 1 - self._tokens
        return max(_SHORTEST_SLEEP, missing / self.per_second) if missing > _INSTANT else 0.0

    def take(self) -> None:
        """Take a token now, even if there is none."""
        self._fill()
        self._tokens = max(self._tokens - 1, -self.burst)

    def give_back(self) -> None:
        """Give a token back that was taken and not needed."""
        self._tokens = min(self._tokens + 1, self.burst)

    def take_now(self) -> bool:
        """Take a token if there is one and nobody waits for it; return whether it did."""
        if self._waiting:
            return False
        self._fill()
        if self._tokens < 1 - _INSTANT:
            return False
        self._tokens -= 1
        return True

    async def acquire(self) -> None:
        """Wait for a token and take it, in the order of asking; cancelling takes none."""
        self._waiting += 1
        try:
            async with self._queue:
                while (seconds := self.remaining()) > 0:
                    await self._sleep(seconds)
                self.take()
        finally:
            self._waiting -= 1

    def _fill(self) -> None:
        now, burst = self._clock(), self.burst
        if now > self._filled_at:
            tokens = self._tokens + (now - self._filled_at) * self.per_second
            self._tokens = tokens if tokens < burst else burst  # `min` would cost a call
        self._filled_at = now


class AdaptiveLimit:
    """How many requests may run at once, by additive increase and multiplicative decrease.

    Args:
        maximum: how many at first, and at most.
        refusals: how many requests of the client were answered 429 so far.
    """

    def __init__(self, maximum: int, refusals: Callable[[], int]) -> None:
        self._maximum = float(maximum)
        self._refusals = refusals
        self._answered_for = refusals()
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.limit = self._maximum
        """How many may run at present; a fraction counts once it makes a whole."""

    async def __aenter__(self) -> None:
        while self._under_way >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn that came too late goes to the next
                raise
        self._under_way += 1

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._under_way -= 1
        refusals = self._refusals()
        if refusals > self._answered_for:
            # One halving for all the 429s since the last: they are one overload.
            self._answered_for = refusals
            self.limit = max(1.0, self.limit / 2)
        elif exc_type is None:
            self.limit = min(self._maximum, self.limit + 1 / self.limit)
        for _ in range(int(self.limit) - self._under_way):
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
