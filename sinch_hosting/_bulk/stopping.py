"""Stops a run: what was sent is waited for, and what still waits to be sent ends at once.

A create may wait for long before it is sent: for the pause of a 429, a slot, a token. While it
waits, it is inside an `asyncio.timeout` without an end; to stop the run is to let that expire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import RunStopped


class Stopping:
    """Whether a run is stopped, and its creates that wait to be sent."""

    def __init__(self) -> None:
        self.reason: RunStopped | None = None
        """Why it is stopped; `None` while it is not."""
        self._waiting: set[asyncio.Timeout] = set()

    def stop(self, reason: RunStopped) -> None:
        """Let no further create be sent; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            for wait in self._waiting:
                _end(wait)

    def check(self) -> None:
        """Raise `RunStopped` where the run is stopped."""
        if self.reason is not None:
            raise RunStopped(self.reason.reason, self.reason.__cause__)

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[asyncio.Timeout]:
        """Raise `RunStopped` inside the block when the run is stopped, except while it is sent."""
        self.check()
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waiting.add(wait)
                yield wait
        except TimeoutError:
            if wait.expired():
                self.check()
            raise
        finally:
            self._waiting.discard(wait)

    def sends(self, wait: asyncio.Timeout) -> None:
        """Note that a create is sent now, and must not be ended; raises `RunStopped`."""
        self.check()
        self._waiting.discard(wait)

    def waits_again(self, wait: asyncio.Timeout) -> None:
        """Note that a create was refused, and may wait for another try."""
        self._waiting.add(wait)
        if self.reason is not None:
            _end(wait)


def _end(wait: asyncio.Timeout) -> None:
    wait.reschedule(asyncio.get_running_loop().time())
