"""Reading many things once: by lists where they take fewer requests, singly otherwise.

The same rule and the same walks as those of waits, without their budget: whoever reads asked for
it now. What was read is given as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from attrs import define, field

from .. import errors
from .._session.session import Session
from ..models import ImportedNumber, Order, QualifiedNumber
from .fetcher import Fetcher
from .lists import Group
from .policy import PollPolicy
from .schedule import Watched
from .sources import Place, Source

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)
_READER = ("reader",)


@define(eq=False, repr=False)
class _Reading(Generic[T]):
    """One reading: what is not read yet, and what was read and is not given yet."""

    source: Source[T]
    left: dict[str, Watched[T]] = field(factory=dict)
    groups: dict[Place | None, Group] = field(factory=dict)
    found: dict[str, T | None] = field(factory=dict)
    failed: errors.SinchHostingError | None = None
    news: asyncio.Event = field(factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    def add(self, thing: T) -> None:
        """Have a thing read."""
        thing_id = self.source.id_of(thing)
        if thing_id in self.left:
            return
        member = Watched(self.source, thing_id, thing, 0.0, len(self.left), followers=_READER)
        self.left[thing_id] = member
        self._join(member)

    def _join(self, member: Watched[T]) -> None:
        place = self.source.place_of(member.item)
        member.group = self.groups.setdefault(place, Group(self.source, place))
        member.group.members[member.id] = member

    def _settle(self, member: Watched[T], thing: T | None) -> None:
        if self.left.pop(member.id, None) is not None:
            self.found[member.id] = thing
            member.followers = ()
            member.group.members.pop(member.id, None)
            if thing is not None:  # where it is, others are likely to be
                place = self.source.place_of(thing)
                member.group = self.groups.setdefault(place, Group(self.source, place))
        self.news.set()

    # -------------------------------------------------------------- as a host

    async def turn(self, due: float) -> None:
        """A reading waits for no turn but the session's."""

    def return_turn(self) -> None:
        """Nothing was taken."""

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a job until it ends, or the reading is left."""
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def find(self, source: Source[Any], thing_id: str) -> Watched[Any] | None:
        """Return what is not read yet."""
        return self.left.get(thing_id)

    def looked(self, member: Watched[T], previous: Any) -> None:
        """Hear of a look; one that failed is made again."""
        if member.is_seen:
            self._settle(member, member.item)

    def refused(self, member: Watched[T], error: errors.SinchHostingError) -> None:
        """Hear of a "no": a 404 says that there is no such thing, all else ends the reading."""
        if isinstance(error, errors.NotFound):
            self._settle(member, None)
        else:
            self.ended(member, error)

    def ended(self, member: Watched[T], error: errors.SinchHostingError) -> None:
        """Hear of what cannot be read."""
        self.failed = self.failed or error
        self._settle(member, None)

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def read(
    session: Session, policy: PollPolicy, source: Source[T], things: Iterable[T]
) -> AsyncGenerator[dict[str, T | None], None]:
    """Read things once, and give what was read as it comes.

    Args:
        session: the client's.
        policy: how long to wait before what failed is tried again.
        source: how they are read.
        things: bare snapshots; a place in them saves the requests that find it out.

    Gives dictionaries by id, `None` for what the service does not know. Each thing is in one of
    them. What passes is tried again, as waits do; raises what does not. Safe to repeat.
    """
    reading = _Reading(source)
    for thing in things:
        reading.add(thing)
    fetcher = Fetcher(session, policy, reading, len(reading.left) or 1)

    async def rounds() -> None:
        while waiting := [group for group in reading.groups.values() if group.members]:
            due = min(m.due for g in waiting for m in g.members.values())
            seconds = max(due, fetcher.not_before) - session.clock()
            if seconds > 0:
                await session.sleep(seconds)
            for group in waiting:
                await fetcher.round(group)

    running = asyncio.create_task(rounds())
    running.add_done_callback(lambda _: reading.news.set())
    try:
        while not running.done() or reading.found:
            await reading.news.wait()
            if not running.done():
                reading.news.clear()
            if reading.failed is not None:
                raise reading.failed
            found, reading.found = reading.found, {}
            if found:
                yield found
        running.result()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({running})
        await reading.aclose()
