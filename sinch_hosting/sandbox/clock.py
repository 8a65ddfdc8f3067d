"""Virtual time: the clock, and what is to happen when.

The clock runs at a multiple of real time, or stands still until it is stepped
by hand. What is due runs in the order of its due time, and while it runs the
clock shows exactly that time, so that histories read right however fast time goes.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Subject: TypeAlias = tuple[str, str]
"""What a transition belongs to: its kind (``order``, ``qualified``, ...) and its id."""

LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
"""Times in requests must be before this, so that what begins then can end."""
FASTEST = 1e7
"""Virtual seconds that can pass in a real one."""

# Time stops here: soon after, its year would have five digits.
_END_OF_TIME = datetime(9990, 1, 1, tzinfo=UTC).timestamp()


@define(eq=False)
class Pending:
    """A transition that has not happened yet; ``due`` is ``None`` where a person must start it.

    ``count`` says how many were planned before it.
    """

    name: str
    subject: Subject
    due: float | None
    action: Callable[[], None]
    count: int
    live: bool = True


@define(eq=False)
class Clock:
    """Virtual time in seconds since 1970, and the transitions waiting for it.

    Args:
        speed: virtual seconds in one real second; 0 stands still between `advance` calls.
        start: the first instant shown, in seconds since 1970.

    ``at_rest`` is called whenever transitions have happened.
    """

    speed: float
    start: float
    _monotonic: Callable[[], float] = time.monotonic
    _offset: float = field(init=False, default=0.0)
    _origin: float = field(init=False, default=0.0)
    _shown: float | None = field(init=False, default=None)
    _heap: list[tuple[float, int, Pending]] = field(init=False, factory=list)
    _count: int = field(init=False, default=0)
    _waiting: dict[Subject, Pending] = field(init=False, factory=dict)
    _calls: dict[Subject, list[Pending]] = field(init=False, factory=dict)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)
    _timer_due: float = field(init=False, default=float("inf"))
    _running: bool = field(init=False, default=False)
    at_rest: Callable[[], None] = field(init=False, default=lambda: None)

    def __attrs_post_init__(self) -> None:
        self._origin = self._monotonic()

    @property
    def now(self) -> float:
        """The virtual time, in seconds since 1970."""
        if self._shown is not None:
            return self._shown
        passed = self._offset + (self._monotonic() - self._origin) * self.speed
        return min(self.start + passed, _END_OF_TIME)

    def plan(
        self, subject: Subject, name: str, due: float | None, action: Callable[[], None]
    ) -> None:
        """Plan *action* for *due*, or until triggered. It replaces the subject's last plan."""
        self.forget(subject)
        self._count += 1
        pending = Pending(name, subject, due, action, self._count)
        self._waiting[subject] = pending
        if due is not None:
            heapq.heappush(self._heap, (due, self._count, pending))
            self._wake()

    def call_at(self, due: float, name: str, subject: Subject, action: Callable[[], None]) -> None:
        """Plan *action*, called *name*, for *due*. Nothing replaces or triggers it."""
        self._count += 1
        pending = Pending(name, subject, due, action, self._count)
        self._calls.setdefault(subject, []).append(pending)
        heapq.heappush(self._heap, (due, self._count, pending))
        self._wake()

    def planned(self) -> list[Pending]:
        """Return everything that is planned, in the order in which it happens."""
        timed = [pending for _, _, pending in sorted(self._heap, key=itemgetter(0, 1))]
        manual = [pending for pending in self._waiting.values() if pending.due is None]
        return [pending for pending in (*timed, *manual) if pending.live]

    def planned_for(self, subject: Subject) -> list[Pending]:
        """Return what is planned for *subject*."""
        waiting = self._waiting.get(subject)
        return [*self._calls.get(subject, ()), *([] if waiting is None else [waiting])]

    def forget(self, subject: Subject) -> None:
        """Cancel what is planned for *subject*, if anything is."""
        pending = self._waiting.pop(subject, None)
        if pending is not None:
            pending.live = False

    def change_speed(self, speed: float) -> None:
        """Let time pass *speed* times as fast from now on. With 0 it stands still."""
        now = self.now
        self.start, self._offset, self._origin = now, 0.0, self._monotonic()
        self.speed = speed
        self._disarm()
        self._wake()

    def start_at(self, moment: float) -> None:
        """Set the time to *moment*. Nothing may be planned yet."""
        self.start, self._offset, self._origin = moment, 0.0, self._monotonic()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let time stand still inside the block, so that everything in it has one time."""
        shown, self._shown = self._shown, self.now
        try:
            yield
        finally:
            self._shown = shown

    def subjects(self) -> Iterable[Subject]:
        """Return the subjects for which something is planned."""
        return self._waiting.keys()

    def pending(self, subject: Subject) -> Pending | None:
        """Return what is planned for *subject*, or ``None``."""
        return self._waiting.get(subject)

    def trigger(self, subject: Subject) -> str:
        """Do now what is planned for *subject*. Returns its name, ``""`` where nothing is."""
        pending = self._waiting.get(subject)
        if pending is None:
            return ""
        self._fire(pending)
        self._rest()
        return pending.name

    def check_ahead(self, seconds: float) -> float:
        """Return the time in so many *seconds*; raise `ValueError` where time cannot go there."""
        if not seconds >= 0:
            raise ValueError("time only moves forward: seconds must not be negative")
        target = self.now + seconds
        if target > _END_OF_TIME:
            raise ValueError("that is beyond the end of virtual time")
        return target

    def advance(self, seconds: float) -> int:
        """Move *seconds* ahead; returns how many transitions happened, each at its own time."""
        target = self.check_ahead(seconds)
        happened = self._run_until(target)
        self._offset += seconds
        self._wake()
        return happened

    def run_due(self) -> int:
        """Do what is due by now; returns how many transitions happened."""
        if self._running or not self._heap or self._heap[0][0] > self.now:
            return 0
        return self._run_until(self.now)

    def step(self) -> str | None:
        """Jump to the next planned transition and do it alone; returns its name, or ``None``.

        Raises `ValueError` where that is beyond the end of time.
        """
        if (self.next_due() or 0.0) > _END_OF_TIME:
            raise ValueError("the next transition is beyond the end of virtual time")
        if not self._heap:
            return None
        due, _, pending = heapq.heappop(self._heap)
        now = self.now
        self._shown = max(due, now)
        try:
            self._fire(pending)
        finally:
            self._shown = None
        self._offset += max(0.0, due - now)
        self._rest()
        return pending.name

    def next_due(self) -> float | None:
        """Return when the next planned transition is due, or ``None``."""
        while self._heap and not self._heap[0][2].live:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def close(self) -> None:
        """Cancel the timer. Nothing happens by itself any more."""
        self._disarm()

    def clear(self) -> None:
        """Cancel everything that is planned."""
        self._heap.clear()
        self._waiting.clear()
        self._calls.clear()
        self._disarm()

    def _run_until(self, target: float) -> int:
        happened = 0
        self._running = True
        # The clock may have gone on since: what is immediate must still be due by the target.
        last = min(self.now, target)
        try:
            while self._heap and self._heap[0][0] <= target:
                due, _, pending = heapq.heappop(self._heap)
                if pending.live:
                    last = self._shown = max(due, last)
                    self._fire(pending)
                    happened += 1
        finally:
            self._shown = None
            self._running = False
        self._rest()
        return happened

    def _rest(self) -> None:
        self.at_rest()
        self._wake()

    def _fire(self, pending: Pending) -> None:
        pending.live = False
        if self._waiting.get(pending.subject) is pending:
            del self._waiting[pending.subject]
        calls = self._calls.get(pending.subject, [])
        if pending in calls:
            calls.remove(pending)
            if not calls:
                del self._calls[pending.subject]
        pending.action()

    def _wake(self) -> None:
        """Set the timer for the next transition."""
        due = self.next_due() if not self._running else None
        if due is None or due > _END_OF_TIME:
            return
        now = self.now
        if self.speed == 0 and due > now:
            return
        delay = max(0.0, (due - now) / self.speed) if self.speed else 0.0
        if self._timer is not None and self._timer_due <= due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # not started yet: starting runs what is due
        self._disarm()
        self._timer_due = due
        self._timer = loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._disarm()
        self.run_due()
        self._wake()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._timer_due = float("inf")


def business_days_after(moment: float, days: float) -> float:
    """Return the time *days* business days (UTC, Monday to Friday) after *moment*."""
    at = datetime.fromtimestamp(moment, UTC)
    whole, rest = divmod(days, 1)
    at += timedelta(days=rest)
    at = _past_weekend(at)
    for _ in range(int(whole)):
        at = _past_weekend(at + timedelta(days=1))
    return at.timestamp()


def _past_weekend(at: datetime) -> datetime:
    while at.weekday() >= 5:
        at += timedelta(days=1)
    return at


@lru_cache(maxsize=4096)
def wire_time(moment: float, digits: int = 3) -> str:
    """Return *moment* as the service writes it: RFC 3339 in UTC with 3 or 6 fractional digits."""
    at = datetime.fromtimestamp(moment, UTC)
    text = at.isoformat(timespec="milliseconds" if digits == 3 else "microseconds")
    return text.replace("+00:00", "Z")
