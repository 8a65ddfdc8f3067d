"""When the times of waits are over."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Any

from attrs import define, field

from .schedule import INSTANT
from .subscription import Subscription

_KEPT = 64


@define(eq=False, repr=False)
class Deadlines:
    """The waits that have a time-out, those that end first in front."""

    _heap: list[tuple[float, int, Subscription[Any]]] = field(factory=list)
    _count: Iterator[int] = field(factory=count)

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, ends: float, follower: Subscription[Any], watched: int) -> None:
        """Add a wait; where most of those that are here are over, these are dropped.

        Args:
            ends: when its time is over.
            follower: the wait.
            watched: how many things are watched.
        """
        if len(self._heap) > 2 * watched + _KEPT:
            self._heap = [entry for entry in self._heap if entry[2].members]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (ends, next(self._count), follower))

    def next(self) -> float:
        """Return when the first of them ends; `inf` where there is none."""
        while self._heap and not self._heap[0][2].members:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def pop(self, now: float) -> list[Subscription[Any]]:
        """Remove and return the waits whose time is over."""
        over = []
        while self.next() <= now + INSTANT:
            over.append(heapq.heappop(self._heap)[2])
        return over

    def move(self, seconds: float) -> None:
        """Move all of them by so many seconds, after the clock was set."""
        self._heap = [(ends + seconds, n, follower) for ends, n, follower in self._heap]

    def clear(self) -> None:
        """Forget all of them."""
        self._heap.clear()
