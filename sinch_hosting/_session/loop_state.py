"""What of a client belongs to one event loop: aiohttp's session, the queue, the token."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie

import aiohttp

from .._aio import Clock, Sleep
from .._version import __version__
from .auth import Authorization
from .settings import HttpSettings, polls_at_once
from .throttle import RequestSlots, TokenBucket

_USER_AGENT = f"sinch-hosting/{__version__} aiohttp/{aiohttp.__version__}"
_DEFERRED = "X-Sinch-Hosting-Authorization"
_PLAIN = {"User-Agent": _USER_AGENT, "Accept": "application/json"}


class LoopState:
    """What belongs to one event loop: the aiohttp session, the queue, the token."""

    def __init__(self, http: HttpSettings, auth: Authorization, clock: Clock, sleep: Sleep) -> None:
        self.loop = asyncio.get_running_loop()
        self.auth = auth
        rate = http.requests_per_second
        self.slots = RequestSlots(http.max_concurrency, polls_at_once(http.max_concurrency, rate))
        # A bucket of one: a larger one lets almost twice the rate pass in the first second.
        self.pace = TokenBucket(rate, 1, clock, sleep) if rate else None
        self.owns_http = http.session is None
        self.http = http.session or _open(http)
        # An own session has them as its defaults, which is cheaper.
        self.headers = {} if self.owns_http else _PLAIN
        self.authorization = _DEFERRED if self.owns_http and http.trust_env else "Authorization"
        # aiohttp replaces the session's middlewares by a request's own: keep the lender's.
        self.middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = tuple(
            getattr(self.http, "_middlewares", ())
        )
        if not self.owns_http:
            self.middlewares = (*self.middlewares, _without_cookies)


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
    """A middleware: a borrowed session sends the service no cookies, and keeps none of it."""
    request.headers.pop("Cookie", None)
    response = await handler(request)
    response.cookies = SimpleCookie()  # aiohttp has not put them into its jar yet
    return response
