"""Rests that a callback ends: a wait for a number sleeps on its bell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from ._retry import Sleep

QUIET = 0.5
"""Seconds until the next look where the bell rang while one was under way."""


@define(eq=False)
class Bell:
    """The bell of one wait."""

    _sleep: Sleep
    _has_rung: bool = False
    _resting: asyncio.Event | None = None

    def ring(self) -> None:
        """End the rest that is going on, or shorten the one to come."""
        if self._resting is not None:
            self._resting.set()
        else:
            self._has_rung = True

    async def rest(self, seconds: float) -> None:
        """Sleep for so many seconds, or until the bell rings."""
        if self._has_rung:
            self._has_rung, seconds = False, min(seconds, QUIET)
        self._resting = over = asyncio.Event()
        try:
            await sleep_until(over, self._sleep, seconds)
        finally:
            self._resting = None


async def sleep_until(over: asyncio.Event, sleep: Sleep, seconds: float) -> None:
    """Sleep for so many seconds, or until `over` is set; raises what the sleep raises."""

    async def sleeping() -> None:
        await sleep(seconds)

    sleeper = asyncio.create_task(sleeping())
    sleeper.add_done_callback(lambda _: over.set())
    try:
        await over.wait()
    finally:
        sleeper.cancel()
        await asyncio.wait({sleeper})
    if not sleeper.cancelled():
        sleeper.result()


@define(eq=False)
class Bells:
    """The bells of the numbers that are waited for."""

    _sleep: Sleep
    _bells: dict[str, list[Bell]] = field(factory=dict)

    @contextmanager
    def bell(self, phone_number: str) -> Iterator[Bell]:
        """A bell that callbacks about the number ring, as long as the block lasts."""
        bell = Bell(self._sleep)
        self._bells.setdefault(phone_number, []).append(bell)
        try:
            yield bell
        finally:
            others = self._bells[phone_number]
            others.remove(bell)
            if not others:
                del self._bells[phone_number]

    def ring(self, phone_number: str) -> bool:
        """Ring all that are there for the number; whether there were any."""
        bells = self._bells.get(phone_number, ())
        for bell in bells:
            bell.ring()
        return bool(bells)
