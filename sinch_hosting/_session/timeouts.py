"""The time-outs of requests, checked twice a second for all of them.

aiohttp sets two timers or more for each request, and almost none of them ever goes off. Setting
and cancelling them costs about a tenth of the request. Here a request only notes when it began.
One timer of the event loop, which runs only while there are requests, checks all of them, and
cancels the wait of each that takes too long, as `asyncio.timeout` does. Such a time-out comes up
to a second late, and never too early. For a time-out under five seconds that would be much: it
stays with aiohttp. So do those of connecting, which cost nothing where a connection is open.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from math import inf

import aiohttp
from attrs import evolve

_INTERVAL = 0.5
_SHORTEST = 5.0
# So long after a stop of the event loop is the next check: what came in meanwhile is read first.
_AFTER_A_STOP = 0.05


class Limits:
    """The time-outs of a request, and who watches over which."""

    def __init__(self, total: float, silence: float, rest: aiohttp.ClientTimeout) -> None:
        self.total = total
        """Seconds for the whole request; infinite where it has no limit or aiohttp watches it."""
        self.silence = silence
        """Seconds without any data of the response, likewise; opening the connection counts."""
        self.rest = rest
        """What aiohttp watches."""
        self.is_empty = total == silence == inf

    @classmethod
    def of(cls, timeout: aiohttp.ClientTimeout, *, connects: bool) -> Limits:
        """Divide the time-outs of a request.

        Args:
            timeout: all of them.
            connects: whether the request always opens a connection. Its silence begins after
                that, and aiohttp alone knows when.
        """
        total, silence = timeout.total, timeout.sock_read
        if total is None or not _SHORTEST <= total < inf:
            total = None
        # Where opening a connection may take longer than a silence, it must not count as one.
        counts = not connects and timeout.connect and timeout.connect <= (silence or 0)
        if silence is None or not _SHORTEST <= silence < inf or not counts:
            silence = None
        rest = evolve(
            timeout,
            total=None if total else timeout.total,
            sock_read=None if silence else timeout.sock_read,
        )
        return cls(total or inf, silence or inf, rest)

    @classmethod
    def left_to_aiohttp(cls, timeout: aiohttp.ClientTimeout) -> Limits:
        """Leave all to aiohttp: traces and middlewares then see its time-outs, no cancellation."""
        return cls(inf, inf, timeout)


class RunningRequest:
    """A request that is under way, and since when."""

    # As values of the class, these cost a request nothing.
    response: aiohttp.ClientResponse | None = None
    """The response while its body is read."""
    expired = ""
    """Which limit has passed; empty where none has."""
    _is_cancelled = False
    _heard: float | None = None
    _received = -1

    def __init__(self, limits: Limits, task: asyncio.Task[object], started: float) -> None:
        self.started = started
        self._limits = limits
        self._task = task
        self._cancelling = task.cancelling()

    def check(self, now: float) -> None:
        """Cancel the wait of the request if it takes too long."""
        if self.expired:
            return
        if self.response is not None:
            received = self.response.content.total_raw_bytes
            if received != self._received:
                self._received, self._heard = received, now
        if now - self.started >= self._limits.total:
            self.expired = f"{self._limits.total:g} s in all"
        elif now - (self._heard or self.started) >= self._limits.silence:
            self.expired = f"{self._limits.silence:g} s without data"
        if self.expired:
            self._is_cancelled = True
            self._task.cancel()

    def take_back(self) -> bool:
        """Take back the cancellation by a time-out, and return whether there was no other.

        Where the caller has cancelled the task as well, that cancellation has to go on.
        """
        if not self._is_cancelled:
            return False
        self._is_cancelled = False
        return self._task.uncancel() <= self._cancelling


class RequestTimeouts:
    """Watches over the requests of one event loop. Close it with the client.

    Its timer runs only while requests do, and goes off once more after the last.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: set[RunningRequest] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._is_closed = False

    def start(self, limits: Limits) -> RunningRequest:
        """Watch over a request of the current task; `end` has to follow."""
        loop = self._loop
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a request needs a task: await it in a coroutine that asyncio runs")
        request = RunningRequest(limits, task, loop.time())
        if not limits.is_empty:
            self._running.add(request)
            if self._timer is None:
                self._set_timer()
        return request

    def end(self, request: RunningRequest) -> None:
        """Watch over a request no longer."""
        self._running.discard(request)
        if request.expired:
            request.take_back()
        if self._is_closed and not self._running:
            self._stop()

    def close(self) -> None:
        """Leave no timer behind; requests that go on in a borrowed session keep their limits."""
        self._is_closed = True
        if not self._running:
            self._stop()

    def _set_timer(self, seconds: float = _INTERVAL) -> None:
        self._due = self._loop.time() + seconds
        # The context of whoever sends a request is no business of the others.
        self._timer = self._loop.call_later(seconds, self._check, context=Context())

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if not self._running:
            return
        now = self._loop.time()
        if now - self._due > _INTERVAL:
            self._set_timer(_AFTER_A_STOP)
            return
        for request in self._running:
            request.check(now)
        self._set_timer()
