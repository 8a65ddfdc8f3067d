"""Which events came before: the service delivers each at least once."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import sys
import threading
from collections.abc import Awaitable
from typing import Protocol

from ..models import CallbackEvent
from ..models._checks import check_whole

_log = logging.getLogger("sinch_hosting")
_LONGEST_ID = 200
STORE_TIMEOUT = 2.0
"""Seconds after which a store counts as failed."""


class SeenEvents(Protocol):
    """Remembers which events came before; write one over a database to share it.

    It should have a method `discard(event_id)` as well, plain or async. It is called for an event
    whose handlers did not end, so that the next delivery counts as new. A process that is killed
    cannot call it, so let entries expire after about a day.
    """

    def add(self, event_id: str) -> bool | Awaitable[bool]:
        """Remember an event in one step.

        Args:
            event_id: at most 200 characters; a digest where the event's id is missing or longer.

        Returns:
            Whether it is new, or an awaitable of that. If this raises, or takes longer than two
            seconds, the event counts as new.
        """
        ...


class RecentEvents:
    """Remembers the last events in memory; several threads may use it.

    Args:
        limit: the most events; the oldest are forgotten first.
        max_bytes: the most memory for their ids.
    """

    def __init__(self, limit: int = 10_000, *, max_bytes: int = 4 * 1024 * 1024) -> None:
        self._limit = check_whole(limit, "limit")
        self._max_bytes = check_whole(max_bytes, "max_bytes")
        self._bytes = 0
        self._seen: dict[str, None] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, event_id: str) -> bool:
        """Remember an event, and return whether it is new."""
        with self._lock:
            if event_id in self._seen:
                return False
            self._seen[event_id] = None
            self._bytes += sys.getsizeof(event_id)
            while len(self._seen) > self._limit or self._bytes > self._max_bytes:
                self._remove(next(iter(self._seen)))
        return True

    def discard(self, event_id: str) -> None:
        """Forget an event; one that is not remembered is no error."""
        with self._lock:
            if event_id in self._seen:
                self._remove(event_id)

    def _remove(self, event_id: str) -> None:
        del self._seen[event_id]
        self._bytes -= sys.getsizeof(event_id)


def identity(event: CallbackEvent, body: bytes) -> str:
    """Return a name for an event: its id, or a digest of its id or of its body."""
    if event.event_id and len(event.event_id) <= _LONGEST_ID:
        return event.event_id
    told = event.event_id.encode() if event.event_id else body
    return "sha256:" + hashlib.sha256(told).hexdigest()


async def is_new(store: SeenEvents, event_id: str) -> bool:
    """Remember an event and return whether it is new; where the store fails, it is."""
    try:
        async with asyncio.timeout(STORE_TIMEOUT):
            answer = store.add(event_id)
            return await answer if inspect.isawaitable(answer) else answer
    except Exception:
        # To handle it twice is better than never; the service may deliver it twice as well.
        _log.exception("the store of events failed; the event counts as new")
        return True


async def forget(store: SeenEvents, event_id: str, *, was_answered: bool) -> None:
    """Forget an event whose handlers did not end, where the store can."""
    if was_answered:
        _log.error(
            "event %s was answered 200, but its handlers did not end: it is forgotten, and "
            "handled if it is delivered again",
            event_id,
        )
    discard = getattr(store, "discard", None)
    if discard is None:
        _log.error(
            "the handlers of event %s did not end, but a further delivery will count as known: "
            "the store of events has no method discard()",
            event_id,
        )
        return
    try:
        answer = discard(event_id)
        if inspect.isawaitable(answer):
            async with asyncio.timeout(STORE_TIMEOUT):
                await answer
    except Exception:
        _log.exception(
            "the handlers of event %s did not end, but a further delivery will count as known: "
            "the store cannot forget it",
            event_id,
        )
