"""The calls of handlers on one event loop.

Each event has a task (see `receiver`), and each call of a handler has one. A call waits for one of
its handler's slots, so a handler that hangs does not stop the others. The handler itself runs in a
third task. So a handler that ignores its cancellation keeps neither its slot nor its event.

    event ── call of handler A ── (slot of A) ── handler A, at most `timeout` seconds
          └─ call of handler B ── (slot of B) ── handler B
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from ..models import CallbackEvent

R = TypeVar("R")
Handler = Callable[[CallbackEvent], Awaitable[None]]

_log = logging.getLogger("sinch_hosting")
_CANCEL_TIMEOUT = 1.0
# The handler calls that the running code belongs to, also in tasks that a handler started.
_inside: ContextVar[tuple[object, ...]] = ContextVar("handler_calls", default=())


class DeliverAgain(Exception):
    """Raised by a handler that could not do its work now, such as while a database is away.

    The event is forgotten, so that its next delivery is handled. Where the answer waits for the
    handlers, it is 503, and the service delivers the event again.
    """


class HandlerCalls:
    """The events, and the calls of handlers, that run on one event loop.

    Args:
        slots: the most calls of one handler at the same time.
        timeout: seconds that a handler has; `None` for no limit.
    """

    def __init__(self, slots: int, timeout: float | None) -> None:
        self.events: dict[asyncio.Task[None], str] = {}
        """The tasks that process an event, until its handlers have ended, and the event's id."""
        self.entering: set[asyncio.Task[None]] = set()
        """Those tasks that still wait for the store."""
        self.loop = asyncio.get_running_loop()
        self.is_over = False
        """Whether the time to close has run out: no handler starts any more."""
        self._slots = slots
        self._timeout = timeout
        self._slots_of: dict[int, asyncio.Semaphore] = {}
        self._full: set[int] = set()
        self._calls: set[asyncio.Task[bool]] = set()
        self._closing: set[asyncio.Task[bool]] = set()
        self._abandoned: set[asyncio.Future[None]] = set()
        self._moved = asyncio.Event()

    def start(self, coroutine: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Start a task that takes its first step later, whatever the loop's task factory.

        So the task is known here before it runs, and `close` finds it even from within it.
        """
        return asyncio.Task(coroutine, loop=self.loop)

    def moved(self) -> None:
        """Make every running `close` look again at what it waits for."""
        self._moved.set()
        self._moved.clear()

    async def run(self, handlers: Sequence[Handler], event: CallbackEvent) -> bool:
        """Call the handlers of an event.

        Returns:
            Whether all ended by themselves. One that raised did; one that was cancelled, took too
            long or raised `DeliverAgain` did not.
        """
        calls = [self.start(self._call(*numbered, event)) for numbered in enumerate(handlers)]
        if not calls:
            return True
        self._calls.update(calls)
        for call in calls:
            call.add_done_callback(self._end)
        try:
            await asyncio.wait(calls)
        except asyncio.CancelledError:
            for call in calls:
                if not call.cancelling():  # a second time would end its wait for its handler
                    call.cancel()
            await asyncio.wait(calls)
            raise
        return all(not call.cancelled() and call.result() for call in calls)

    def _end(self, call: asyncio.Task[bool]) -> None:
        self._calls.discard(call)
        self.moved()

    async def _call(self, number: int, handler: Handler, event: CallbackEvent) -> bool:
        """Call one handler as soon as it has a slot; return whether it ended by itself."""
        _inside.set((*_inside.get(), asyncio.current_task()))
        slots = self._slots_of.setdefault(number, asyncio.Semaphore(self._slots))
        if slots.locked() and number not in self._full:
            self._full.add(number)
            _log.warning(
                "all %d slots of the handler %s are taken: events wait for it",
                self._slots,
                _name(handler),
            )
        async with slots:
            ended = await self._within_time(handler, event)
        if not slots.locked():
            self._full.discard(number)
        return ended

    async def _within_time(self, handler: Handler, event: CallbackEvent) -> bool:
        try:
            running = asyncio.ensure_future(handler(event))
        except Exception:
            _log.exception("a handler failed for event %s", event.event_id)
            return True
        try:
            await asyncio.wait({running}, timeout=self._timeout)
        except asyncio.CancelledError:
            await self._stop(running)
            raise
        if not running.done():
            _log.error(
                "the handler %s took longer than handler_timeout=%g s for event %s, "
                "and is cancelled",
                *(_name(handler), self._timeout, event.event_id),
            )
            await self._stop(running)
            return False
        if running.cancelled():
            _log.error("the handler %s was cancelled for event %s", _name(handler), event.event_id)
            return False
        error = running.exception()
        if isinstance(error, DeliverAgain):
            _log.warning(
                "the handler %s asks for event %s again: %s", _name(handler), event.event_id, error
            )
            return False
        if error is not None:
            _log.error("a handler failed for event %s", event.event_id, exc_info=error)
        return True

    async def _stop(self, running: asyncio.Future[None]) -> None:
        """Cancel a handler and await its end for a limited time."""
        running.cancel()
        self._abandoned.add(running)
        running.add_done_callback(self._ended_late)
        await asyncio.wait({running}, timeout=_CANCEL_TIMEOUT)

    def _ended_late(self, running: asyncio.Future[None]) -> None:
        self._abandoned.discard(running)
        self.moved()
        if not running.cancelled() and (error := running.exception()) is not None:
            _log.error("a handler failed when it was cancelled", exc_info=error)

    # -------------------------------------------------------------- closing

    async def close(self, timeout: float) -> bool:
        """Wait for all events and handlers, and cancel those that do not end in time.

        From within a handler it waits only for the others. Two handlers that close do not wait
        for each other.

        Returns:
            Whether all ended in time.
        """
        mine = {call for call in self._calls if call in _inside.get()}
        self._closing |= mine
        self.moved()  # another handler that closes does not wait for this one any more
        try:
            async with asyncio.timeout(timeout):
                while self._others(mine):
                    await self._moved.wait()
        except TimeoutError:
            self.is_over = True
            await self._cancel(self._others(mine))
            return False
        finally:
            self._closing -= mine
        return True

    def _others(self, mine: set[asyncio.Task[bool]]) -> set[asyncio.Future[Any]]:
        if mine:
            return {*self.entering, *(self._calls - self._closing), *self._abandoned}
        return {*self.events, *self._abandoned}

    async def _cancel(self, others: set[asyncio.Future[Any]]) -> None:
        calls = (others & self._calls) or self._calls  # an event ends with its calls
        _log.warning(
            "closing cancels %d handlers that did not end in time", len(calls | self._abandoned)
        )
        for task in others:
            task.cancel()
        # These waits are limited: a call's by `_CANCEL_TIMEOUT`, an event's by that of the store.
        if bounded := others - self._abandoned:
            await asyncio.wait(bounded)
        if self._abandoned:
            _log.error("%d handlers did not end when they were cancelled", len(self._abandoned))


def _name(handler: Handler) -> str:
    return str(getattr(handler, "__qualname__", type(handler).__qualname__))
