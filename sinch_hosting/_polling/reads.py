"""Reading many things once: by lists where they take fewer requests, singly otherwise.

The rule and the walks are those of waits (`lists`, `sweeps`). Results are given as they come. The
requests take tokens of the budget of the waits, so that later polls have to wait. A reading that a
caller asked for goes on where there are none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Coroutine, Iterable, Mapping
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from .. import errors
from .._session.session import Session
from .._session.throttle import TokenBucket
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
    """One reading: what is not read yet, and the results that are not given yet."""

    source: Source[T]
    budget: TokenBucket
    waits_for_budget: bool
    believes_lists: bool
    past: dict[tuple[str, Place | None], Group]
    """The groups of earlier readings: they know how long their lists are."""
    left: dict[str, Watched[T]] = field(factory=dict)
    groups: dict[Place | None, Group] = field(factory=dict)
    found: dict[str, T | None] = field(factory=dict)
    listed: list[Watched[T]] = field(factory=list)
    """What lists have shown."""
    failed: errors.SinchHostingError | None = None
    news: asyncio.Event = field(factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(factory=set)
    _has_token: bool = False
    """Whether the last turn took a token."""

    def add(self, thing: T) -> None:
        """Add a thing to read."""
        thing_id = self.source.id_of(thing)
        if thing_id in self.left:
            return
        member = Watched(self.source, thing_id, thing, 0.0, len(self.left), followers=_READER)
        self.left[thing_id] = member
        member.group = self._group_of(thing)
        member.group.members[member.id] = member

    def _group_of(self, thing: T) -> Group:
        place = self.source.place_of(thing)
        if place not in self.groups:
            group, key = Group(self.source, place), (self.source.noun, place)
            if key in self.past:
                group.recall(self.past[key])
            self.groups[place] = self.past[key] = group
        return self.groups[place]

    def _settle(self, member: Watched[T], thing: T | None) -> None:
        if self.left.pop(member.id, None) is not None:
            self.found[member.id] = thing
            member.followers = ()
            member.group.members.pop(member.id, None)
            if thing is not None:  # others are likely to be where it is
                member.group = self._group_of(thing)
        self.news.set()

    # -------------------------------------------------------------- as a host

    async def turn(self, due: float) -> None:
        """Take a token of the budget; where there is none, wait for it or go on without."""
        self._has_token = True
        if self.waits_for_budget:
            await self.budget.acquire()
        elif not self.budget.remaining():
            self.budget.take()
        else:
            self._has_token = False

    def return_turn(self) -> None:
        """Give a token back, where one was taken."""
        if self._has_token:
            self.budget.give_back()

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a job until it ends, or the reading is left."""
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def things(self, source: Source[Any]) -> Mapping[str, Watched[Any]]:
        """Return what is not read yet, by id."""
        return self.left

    def looked(self, member: Watched[T], previous: Any) -> None:
        """Store a result."""
        if member.listed_as:
            self.listed.append(member)
        self._settle(member, member.item)

    def in_no_list(self, members: Iterable[Watched[T]]) -> None:
        """Store that things do not exist, where the lists that do not show them are believed.

        They have to show all things: their place is `()`. Things of no known place may be in the
        lists of any other place.
        """
        for member in members:
            if self.believes_lists and member.group.place == ():
                self._settle(member, None)

    def ended(self, member: Watched[T], error: errors.SinchHostingError) -> None:
        """Handle an error: a 404 says that there is no such thing, others end the reading."""
        if isinstance(error, errors.NotFound):
            self._settle(member, None)
        else:
            self.failed = self.failed or error
            self.news.set()

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@frozen
class Reader:
    """Reads many things once.

    Args:
        session: the client's.
        policy: the client's.
        budget: that of the client's waits.
    """

    _session: Session
    _policy: PollPolicy
    _budget: TokenBucket
    _past: dict[tuple[str, Place | None], Group] = field(factory=dict, init=False)

    async def read(
        self,
        source: Source[T],
        things: Iterable[T],
        *,
        only_lists: bool = False,
        waits_for_budget: bool = False,
        believes_lists: bool = False,
    ) -> AsyncGenerator[dict[str, T | None], None]:
        """Read things, and give what was read as it comes.

        Args:
            source: how they are read.
            things: what is known of them; a place in them saves the requests that find it out.
            only_lists: read lists where that is worth it, and look at nothing singly.
            waits_for_budget: as polls do. Then one of the things that lists showed is looked at
                singly, too, and given again.
            believes_lists: take for absent what no list shows, where the lists show all things;
                else it is looked at singly, since lists may lag.

        Gives dictionaries by id, with `None` for what the service does not know. Each thing is in
        one of them; with `only_lists`, those that lists show. A request that fails is retried as
        other calls are; raises what then comes of it. Where lists cannot be read, each thing is
        looked at singly. Safe to repeat.
        """
        reading = _Reading(source, self._budget, waits_for_budget, believes_lists, self._past)
        for thing in things:
            reading.add(thing)
        fetcher = Fetcher(
            self._session, self._policy, reading, len(reading.left) or 1, is_patient=False
        )
        work = self._sweep(reading, fetcher) if only_lists else self._rounds(reading, fetcher)
        running = asyncio.create_task(work)
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
            if waits_for_budget and reading.listed:
                checked = random.choice(reading.listed)  # noqa: S311 - no secret
                yield {checked.id: await self._check_lists(checked)}
        finally:
            running.cancel()
            try:
                await asyncio.wait({running})  # cancelled here, it does not go on
            finally:
                await reading.aclose()

    async def _check_lists(self, member: Watched[T]) -> T:
        """Look singly at a thing that a list has shown, and return what is seen.

        Lists may show, for good, states that have passed: a later reading decides, as it does for
        waits. A 404 is not believed.
        """
        await self._budget.acquire()
        try:
            seen = await member.source.get(self._session, member.id, is_poll=False)
        except errors.NotFound:
            return member.item
        trust = member.group.trust
        if member.source.state_of(seen) == member.state:
            trust.confirmed()
        else:
            trust.contradicted(member.id, member.listed_as, self._session.clock())
        return seen

    async def _sweep(self, reading: _Reading[T], fetcher: Fetcher) -> None:
        for group in list(reading.groups.values()):
            if group.place is not None:
                await fetcher.sweep(group)

    async def _rounds(self, reading: _Reading[T], fetcher: Fetcher) -> None:
        while waiting := [group for group in reading.groups.values() if group.members]:
            due = min(m.due for g in waiting for m in g.members.values())
            seconds = max(due, fetcher.outcomes.not_before) - self._session.clock()
            if seconds > 0:
                await self._session.sleep(seconds)
            for group in waiting:
                await fetcher.round(group)
