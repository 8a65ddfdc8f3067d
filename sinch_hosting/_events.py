"""What happens inside of a client, told to whoever asked: a function, and OpenTelemetry.

Without either nothing here is loaded. Events are put into a queue, and one task takes them out
for the function: it may be slow or raise without any call noticing. Where it is so slow that the
queue is full, the oldest events are dropped, and the log says so.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from .models import Order
from .models._base import Record

if TYPE_CHECKING:
    from ._telemetry import Recorder

_log = logging.getLogger("sinch_hosting")
_MOST_WAITING = 20_000
"""Events that wait for the function; ten thousand orders may change in one moment."""
_LONGEST_FAREWELL = 1.0
"""Seconds that closing a client waits for the function to take the last events."""


@frozen(kw_only=True, eq=False, repr=False)
class RetryScheduled(Record):
    """A try of a call has failed, and another one follows after a pause."""

    operation: str
    """The name of the operation in the contract, or `the token endpoint`."""
    tries: int
    """How many tries there were."""
    seconds: float
    """The pause before the next one."""
    error: Exception
    """Why the last one failed."""


@frozen(kw_only=True, eq=False, repr=False)
class RequestsPaused(Record):
    """A 429 pauses all requests of the client."""

    seconds: float


@frozen(kw_only=True, eq=False, repr=False)
class TokenFetched(Record):
    """A token was fetched."""

    seconds: float
    """How long it is valid."""


@frozen(kw_only=True, eq=False, repr=False)
class OrderChanged(Record):
    """An order that is waited for has changed."""

    order: Order
    previous: Order


@frozen(kw_only=True, eq=False, repr=False)
class LetterSent(Record):
    """An order was created for which the service mails a letter."""

    order_id: str
    operation: str
    """The name of the operation in the contract."""
    numbers: int
    """How many phone numbers the letter is about."""


ClientEvent: TypeAlias = RetryScheduled | RequestsPaused | TokenFetched | OrderChanged | LetterSent
OnEvent: TypeAlias = Callable[[ClientEvent], Awaitable[None] | None]
_Begun: TypeAlias = tuple[ClientEvent, Awaitable[None]]
"""An event, and what is to be awaited for it."""


class Events:
    """Tells what happens to a function, if there is one, and counts it, if telemetry is on."""

    def __init__(self, on_event: OnEvent | None, telemetry: Recorder | None) -> None:
        self.telemetry = telemetry
        self._listener = None if on_event is None else Listener(on_event)

    def retries(self, operation: str, tries: int, seconds: float, error: Exception) -> None:
        """A further try of a call follows."""
        event = RetryScheduled(operation=operation, tries=tries, seconds=seconds, error=error)
        self._tell(event)

    def paused(self, seconds: float) -> None:
        """All requests wait."""
        self._tell(RequestsPaused(seconds=seconds))

    def fetched_token(self, seconds: float) -> None:
        """There is a token."""
        self._tell(TokenFetched(seconds=seconds))

    def changed(self, order: Order, previous: Order) -> None:
        """An order has changed."""
        self._tell(OrderChanged(order=order, previous=previous))

    def sent_letter(self, order_id: str, operation: str, numbers: int) -> None:
        """A letter is mailed."""
        self._tell(LetterSent(order_id=order_id, operation=operation, numbers=numbers))

    def _tell(self, event: ClientEvent) -> None:
        """Count an event, and queue it for the function; it returns at once and never raises."""
        if self.telemetry is not None:
            self.telemetry.count(event)
        if self._listener is not None:
            self._listener.put(event)

    async def aclose(self) -> None:
        """Let the function take what is queued, for a second at most; then end it."""
        if self._listener is not None:
            await self._listener.aclose()


class Listener:
    """One function that hears of events, one after the other."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._is_async = inspect.iscoroutinefunction(on_event) or inspect.iscoroutinefunction(
            getattr(on_event, "__call__", None)  # noqa: B004 - an object with an async method
        )
        self._queue: deque[ClientEvent] = deque(maxlen=_MOST_WAITING)
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None

    def put(self, event: ClientEvent) -> None:
        """Queue an event; where the queue is full, the oldest one is dropped."""
        if len(self._queue) == _MOST_WAITING:
            self._dropped += 1
            if self._dropped == 1:
                _log.warning("on_event is too slow: events are dropped from here on")
        self._queue.append(event)
        if self._task is None or self._task.done():
            # In an empty context: it belongs to nobody's request.
            self._task = asyncio.get_running_loop().create_task(
                self._deliver(), name="sinch_hosting events", context=Context()
            )

    async def _deliver(self) -> None:
        ended = threading.Event()
        try:
            while self._queue:
                if self._is_async:
                    await self._await(self._call())
                else:
                    await self._await(await asyncio.to_thread(self._call_for_all, ended))
        finally:
            ended.set()

    def _call_for_all(self, ended: threading.Event) -> _Begun | None:
        """Call the function, which may block here, for one event after the other.

        Returns at the first call that is to be awaited, after all of them, or after *ended*.
        """
        begun = None
        while self._queue and begun is None and not ended.is_set():
            begun = self._call()
        return begun

    def _call(self) -> _Begun | None:
        """Call the function for the next event; returns what is to be awaited, if anything is."""
        event = self._queue.popleft()
        try:
            told = self._on_event(event)
        except Exception:
            _log.exception("on_event failed for %s", type(event).__name__)
            return None
        return (event, told) if inspect.isawaitable(told) else None

    async def _await(self, begun: _Begun | None) -> None:
        if begun is not None:
            event, told = begun
            try:
                await told
            except Exception:
                _log.exception("on_event failed for %s", type(event).__name__)

    async def aclose(self) -> None:
        """End the task, after a second at most; one that is late is cancelled."""
        task = self._task
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            return
        await asyncio.wait({task}, timeout=_LONGEST_FAREWELL)
        task.cancel()
        await asyncio.wait({task}, timeout=_LONGEST_FAREWELL)
