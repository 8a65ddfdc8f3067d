"""What a client has on one event loop: aiohttp's session, the queue, the token, the time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from multidict import CIMultiDict

from .._aio import Clock, Sleep
from .._version import __version__
from .auth import Authorization
from .secrets import Secret
from .settings import HttpSettings, polls_at_once
from .throttle import RequestSlots, TokenBucket
from .timeouts import RequestTimeouts

_USER_AGENT = f"sinch-hosting/{__version__} aiohttp/{aiohttp.__version__}"
_DEFERRED = "X-Sinch-Hosting-Authorization"
_PLAIN = {"User-Agent": _USER_AGENT, "Accept": "application/json"}


class LoopState:
    """What a client has on one event loop: aiohttp's session, queue, token and time-outs."""

    def __init__(self, http: HttpSettings, auth: Authorization, clock: Clock, sleep: Sleep) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_closed = False
        self.auth = auth
        self.timeouts = RequestTimeouts(self.loop)
        rate = http.requests_per_second
        self.slots = RequestSlots(http.max_concurrency, polls_at_once(http.max_concurrency, rate))
        # A bucket of one: a larger one lets almost twice the rate pass in the first second.
        self.pace = TokenBucket(rate, 1, clock, sleep) if rate else None
        self.owns_http = http.session is None
        self.http = http.session or _open(http)
        self.is_traced = bool(self.http.trace_configs)
        # An own session has them as its defaults, which is cheaper.
        self._headers = {} if self.owns_http else _PLAIN
        self._authorization = _DEFERRED if self.owns_http and http.trust_env else "Authorization"
        self._authorized_by: Secret | None = None
        self._authorized: CIMultiDict[str] = CIMultiDict()
        # aiohttp replaces the session's middlewares by a request's own: keep the lender's.
        self.middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = tuple(
            getattr(self.http, "_middlewares", ())
        )
        if not self.owns_http:
            self.middlewares = (*self.middlewares, _without_cookies)

    def headers_with(self, header: Secret, own: Mapping[str, str]) -> CIMultiDict[str]:
        """Return the headers of a request: the credentials, and those of its own."""
        if header is not self._authorized_by:
            self._authorized_by = header
            self._authorized = CIMultiDict({**self._headers, self._authorization: header})
        if not own:
            return self._authorized
        headers = self._authorized.copy()
        headers.update(own)
        return headers

    async def aclose(self, *, loop_runs: bool) -> None:
        """Close what the client owns; a borrowed session stays open.

        Where the loop has ended, the token fetch has ended with it: nobody would wake who waits.
        """
        self.is_closed = True
        try:
            if loop_runs:
                self.timeouts.close()
                await self.auth.aclose()
        finally:
            if self.owns_http:
                await self.http.close()


def _open(http: HttpSettings) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        headers=_PLAIN,
        # The slots are the limit: nobody waits for a connection on a running time-out.
        connector=aiohttp.TCPConnector(limit=0),
        trace_configs=list(http.trace_configs),
        trust_env=http.trust_env,
        middlewares=(_authorize_late,) if http.trust_env else (),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def _authorize_late(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """A middleware: with `trust_env` aiohttp refuses our header where netrc has another."""
    request.headers["Authorization"] = request.headers.pop(_DEFERRED)
    return await handler(request)


async def _without_cookies(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """A middleware: the cookies of a borrowed session are not the service's."""
    request.headers.pop("Cookie", None)
    return await handler(request)
