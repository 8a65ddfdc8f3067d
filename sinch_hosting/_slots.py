"""Turns to send: so many requests at once, and polling gives way to every other call."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress


class Slots:
    """As many turns as requests may be under way at once, and two queues for them.

    A poll gets a turn only while no other call waits for one, and polls hold at most
    `for_polls` of the turns: however many orders are watched, the next call finds one soon.
    """

    def __init__(self, limit: int, for_polls: int) -> None:
        self.free = limit
        self.calls = Turns(self, limit)
        self.polls = Turns(self, for_polls)

    def serve(self) -> None:
        """Give the turns that are free to those who wait, calls first."""
        self.calls.serve()
        if not self.calls.queue:
            self.polls.serve()


class Turns:
    """One of the two queues."""

    def __init__(self, slots: Slots, limit: int) -> None:
        self.queue: deque[asyncio.Future[None]] = deque()
        self._slots = slots
        self._free = limit

    async def acquire(self) -> None:
        """Wait for a turn and take it."""
        slots = self._slots
        if self.queue or slots.calls.queue or not (slots.free and self._free):
            await self._queue_up()
        else:
            slots.free -= 1
            self._free -= 1

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
