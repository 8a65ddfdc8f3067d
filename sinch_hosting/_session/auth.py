"""The credentials of requests: HTTP Basic, or a bearer token that is cached and renewed early."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Protocol

from ..errors import SinchHostingError, UsageError
from .secrets import Secret, plain

_log = logging.getLogger("sinch_hosting")

# A token is renewed when this share of its life is left, so that no caller waits for it.
_RENEWED_AT = 0.1
_LATEST_RENEWAL = 300.0
# It counts as expired this much early: a request takes time to arrive.
_MARGIN = 5.0
_LONGEST_MARGIN_SHARE = 0.1
_PAUSE_AFTER_FAILURE = 5.0


class Token:
    """A bearer token, and the seconds that it lives from now."""

    def __init__(self, value: str, expires_in: float) -> None:
        self.value = Secret(value)
        self.expires_in = expires_in


class Authorization(Protocol):
    """What the session needs to know of credentials."""

    def current(self) -> Secret | None:
        """Return the `Authorization` header, or `None` where it has to be fetched."""
        ...

    async def fetch(self) -> Secret:
        """Return the `Authorization` header, fetched where there is none."""
        ...

    def invalidate(self, header: Secret) -> bool:
        """Forget a header that was refused as expired; return whether another try can help."""
        ...

    def distrust(self, header: Secret) -> None:
        """Forget a header that was refused for another reason, unless it is new."""
        ...

    async def aclose(self) -> None:
        """End what runs in the background."""
        ...


def basic_header(key_id: str, key_secret: str) -> Secret:
    """Return the value of an HTTP Basic `Authorization` header."""
    key = f"{plain(key_id)}:{plain(key_secret)}"
    return Secret("Basic " + b64encode(key.encode()).decode("ascii"))


class Basic:
    """HTTP Basic on every request; the service limits its rate heavily."""

    def __init__(self, key_id: str, key_secret: str) -> None:
        self._header = basic_header(key_id, key_secret)

    def current(self) -> Secret | None:
        """Return the header; it never has to be fetched."""
        return self._header

    async def fetch(self) -> Secret:
        """Return the header."""
        return self._header

    def invalidate(self, header: Secret) -> bool:
        """Return false: a password does not expire, so another try does not help."""
        return False

    def distrust(self, header: Secret) -> None:
        """Do nothing: there is no other header."""

    async def aclose(self) -> None:
        """Do nothing: nothing runs in the background."""


class TokenCache:
    """A token for all tasks of one event loop, fetched once however many ask.

    The cache owns the task that fetches: where one caller is cancelled, the others still get
    their token. `aclose` ends the task.

    Args:
        fetch_token: fetches a token from the service.
        clock: the time in seconds.
    """

    def __init__(
        self, fetch_token: Callable[[], Awaitable[Token]], clock: Callable[[], float]
    ) -> None:
        self._fetch_token = fetch_token
        self._clock = clock
        self._header: Secret | None = None
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._fetched_at = float("-inf")
        self._fetching: asyncio.Task[Secret] | None = None
        self._waiting = 0

    def current(self) -> Secret | None:
        """Return the header while it is valid; start its renewal when its end is near."""
        now = self._clock()
        if now < self._renew_at:
            return self._header
        if self._header is None or now >= self._expires_at:
            return None
        self._start()
        return self._header

    async def fetch(self) -> Secret:
        """Return a valid header, fetched once for all who wait; raise why it cannot be fetched."""
        # The shield keeps one caller's cancellation from the task that all wait for.
        header = self.current()
        if header is not None:
            return header
        task = self._start()
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if task.cancelled() and me is not None and not me.cancelling():
                raise UsageError("the client was closed while it fetched a token") from None
            raise
        finally:
            self._waiting -= 1

    def invalidate(self, header: Secret) -> bool:
        """Forget the header if it is still the cached one; asking again can help."""
        if header == self._header:
            _log.info("the token was refused; the next call fetches another")
            self._header = None
            self._renew_at = self._expires_at = 0.0
        return True

    def distrust(self, header: Secret) -> None:
        """Forget the header unless it was fetched just now: it may have been revoked.

        The next call fetches another, at most one every few seconds.
        """
        if self._clock() - self._fetched_at >= _PAUSE_AFTER_FAILURE:
            self.invalidate(header)

    async def aclose(self) -> None:
        """Cancel and await a fetch that is under way."""
        task, self._fetching, self._header = self._fetching, None, None
        self._renew_at = self._expires_at = 0.0
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    def _start(self) -> asyncio.Task[Secret]:
        if self._fetching is None or self._fetching.done():
            # In an empty context: it belongs to none of the requests that wait for it.
            self._fetching = asyncio.create_task(
                self._renew(), name="sinch_hosting token", context=Context()
            )
            self._fetching.add_done_callback(self._note_failure)
        return self._fetching

    async def _renew(self) -> Secret:
        asked_at = self._clock()
        try:
            token = await self._fetch_token()
        except SinchHostingError:
            # While the old token lives, the next attempt is not made with the next call.
            self._renew_at = min(self._clock() + _PAUSE_AFTER_FAILURE, self._expires_at)
            raise
        life = token.expires_in
        expires = asked_at + life - min(_MARGIN, life * _LONGEST_MARGIN_SHARE)
        self._expires_at = expires
        self._renew_at = expires - min(life * _RENEWED_AT, _LATEST_RENEWAL)
        self._fetched_at = self._clock()
        self._header = Secret("Bearer " + token.value.reveal())
        _log.info("fetched a token, valid for %.0f s", life, extra={"sinch_seconds": life})
        return self._header

    def _note_failure(self, task: asyncio.Task[Secret]) -> None:
        """Read the failure of a fetch, and log it where nobody waits for the token."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not self._waiting:
            _log.warning("could not fetch a token: %s", error)
