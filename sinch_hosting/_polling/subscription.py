"""One wait: it gets the changes of the things that it follows, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from copy import deepcopy
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from attrs import define, field, frozen

from .. import errors
from ..models import ImportedNumber, Order, QualifiedNumber
from .schedule import Watched

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)


@frozen
class Change(Generic[T]):
    """A change of one thing."""

    item: T
    """The new snapshot; the last one, where there is an error."""
    previous: T
    """The snapshot before."""
    error: errors.SinchHostingError | None = None
    """Why the thing cannot be read any more."""


class Publisher(Protocol):
    """The sender of the changes: the watcher."""

    def drop(self, member: Watched[Any], follower: Subscription[Any]) -> None:
        """Send a wait no more changes of a thing."""
        ...

    async def end_if_idle(self) -> None:
        """Stop where nothing is followed any more."""
        ...


@define(eq=False, repr=False)
class Subscription(Generic[T]):
    """One wait, for one thing or for many; use it as `async with`."""

    _publisher: Publisher
    members: dict[str, Watched[T]] = field(factory=dict)
    """The things that it follows, by id."""
    is_expired: bool = False
    _changes: list[Change[T]] = field(factory=list)
    _last_looks: set[str] | None = None
    _ended_by: errors.SinchHostingError | None = None
    _waiting: asyncio.Future[None] | None = None
    _listening: asyncio.Timeout | None = None

    async def __aenter__(self) -> Subscription[T]:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for thing_id in list(self.members):
            self.leave(thing_id)
        await self._publisher.end_if_idle()

    def leave(self, thing_id: str) -> None:
        """Get no more changes of a thing."""
        member = self.members.pop(thing_id, None)
        if member is not None:
            self._publisher.drop(member, self)

    @property
    def has_more(self) -> bool:
        """Whether there are changes, or there may be."""
        return bool(self.members or self._changes)

    async def changes(self) -> list[Change[T]]:
        """Return the changes as soon as there are some; an empty list once the time is over."""
        while not self._changes and not self.is_expired:
            if self._ended_by is not None:
                # Each wait raises a copy: one error would collect the tracebacks of all waits.
                raise deepcopy(self._ended_by)
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        changes, self._changes = self._changes, []
        return changes

    async def run_until_expired(self, work: Awaitable[object]) -> None:
        """Await what a listener returned, until the time of the wait is over at the latest."""
        limit = self._listening = asyncio.timeout(0 if self.is_expired else None)
        try:
            async with limit:
                await work
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._listening = None

    # ------------------------------------------------------- for the watcher

    def add(self, change: Change[T]) -> None:
        """Add a change."""
        self._changes.append(change)
        self._wake()

    def expire(self) -> None:
        """End the wait, since its time is over."""
        self.is_expired = True
        if self._listening is not None:
            self._listening.reschedule(asyncio.get_running_loop().time())
        self._wake()

    def end(self, error: errors.SinchHostingError) -> None:
        """End the wait with an error of the watcher."""
        self._ended_by = error
        self._wake()

    def await_last_looks(self, thing_ids: Iterable[str]) -> None:
        """End the wait when each of these things was looked at once more."""
        self._last_looks = set(thing_ids)
        if not self._last_looks:
            self.expire()

    def looked(self, thing_id: str) -> None:
        """Note that one of its things was looked at."""
        if self._last_looks is not None:
            self._last_looks.discard(thing_id)
            if not self._last_looks:
                self.expire()

    @property
    def is_in_its_last_looks(self) -> bool:
        """Whether its time is over and the last looks are under way."""
        return self._last_looks is not None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
