"""Those who wait: what they hear, and how their waits end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from copy import deepcopy
from types import TracebackType
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from .. import errors
from ..models import Order
from .schedule import WatchedOrder

if TYPE_CHECKING:
    from .watcher import Watcher


@frozen
class OrderChange:
    """What a follower hears of one order."""

    order: Order
    """How it is; how it was last, where there is an error."""
    previous: Order
    error: errors.SinchHostingError | None = None
    """Why it cannot be looked at any more."""


@define(eq=False)
class Subscription:
    """One wait, for one order or for many; use it as `async with`."""

    _watcher: Watcher
    orders: dict[str, WatchedOrder]
    ends: float | None
    is_expired: bool = False
    _news: list[OrderChange] = field(factory=list)
    _last_looks: set[str] | None = None
    _ended_by: errors.SinchHostingError | None = None
    _waiting: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for order_id in list(self.orders):
            self.leave(order_id)
        await self._watcher.end_if_idle()

    def leave(self, order_id: str) -> None:
        """Hear no more of an order."""
        member = self.orders.pop(order_id, None)
        if member is not None:
            self._watcher.drop(member, self)

    @property
    def has_more(self) -> bool:
        """Whether there is something to hear yet, or may be."""
        return bool(self.orders or self._news)

    async def news(self) -> list[OrderChange]:
        """What there is to hear, as soon as there is something; nothing once time is up."""
        while not self._news and not self.is_expired:
            if self._ended_by is not None:
                # A copy each: one error for a thousand waiters would collect all tracebacks.
                raise deepcopy(self._ended_by)
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        heard, self._news = self._news, []
        return heard

    # ------------------------------------------------------- for the watcher

    def tell(self, news: OrderChange) -> None:
        """Let it hear something."""
        self._news.append(news)
        self._wake()

    def expire(self) -> None:
        """Its time has run out."""
        self.is_expired = True
        self._wake()

    def end(self, error: errors.SinchHostingError) -> None:
        """The watching has ended under it."""
        self._ended_by = error
        self._wake()

    def await_last_looks(self, order_ids: Iterable[str]) -> None:
        """Expire when all of these orders were looked at once more."""
        self._last_looks = set(order_ids)
        if not self._last_looks:
            self.expire()

    def looked(self, order_id: str) -> None:
        """One of its orders was looked at."""
        if self._last_looks is not None:
            self._last_looks.discard(order_id)
            if not self._last_looks:
                self.expire()

    @property
    def is_in_its_last_looks(self) -> bool:
        """Whether its time ran out before."""
        return self._last_looks is not None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
