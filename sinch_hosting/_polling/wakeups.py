"""Rests that a callback ends: a wait for a number sleeps on its bell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from .._aio import Sleep, sleep_until

QUIET = 0.5
"""Seconds until the next look where the bell rang while one was under way."""


@define(eq=False)
class WakeUp:
    """The bell of one wait."""

    _sleep: Sleep
    _was_notified: bool = False
    _resting: asyncio.Event | None = None

    def notify(self) -> None:
        """End the rest that is going on, or shorten the one to come."""
        if self._resting is not None:
            self._resting.set()
        else:
            self._was_notified = True

    async def sleep(self, seconds: float) -> None:
        """Sleep for so many seconds, or until the bell rings."""
        if self._was_notified:
            self._was_notified, seconds = False, min(seconds, QUIET)
        self._resting = over = asyncio.Event()
        try:
            await sleep_until(over, self._sleep, seconds)
        finally:
            self._resting = None


@define(eq=False)
class WakeUps:
    """The bells of the numbers that are waited for."""

    _sleep: Sleep
    _listening: dict[str, list[WakeUp]] = field(factory=dict)

    @contextmanager
    def listen(self, phone_number: str) -> Iterator[WakeUp]:
        """A bell that callbacks about the number ring, as long as the block lasts."""
        wakeup = WakeUp(self._sleep)
        self._listening.setdefault(phone_number, []).append(wakeup)
        try:
            yield wakeup
        finally:
            others = self._listening[phone_number]
            others.remove(wakeup)
            if not others:
                del self._listening[phone_number]

    def notify(self, phone_number: str) -> bool:
        """Ring all that are there for the number; whether there were any."""
        wakeups = self._listening.get(phone_number, ())
        for wakeup in wakeups:
            wakeup.notify()
        return bool(wakeups)
