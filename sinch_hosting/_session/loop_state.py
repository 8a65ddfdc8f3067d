"""What a client has on one event loop: aiohttp's session, the queue, the token, the time-outs."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from .._aio import Clock, Sleep
from .._version import __version__
from .auth import Authorization
from .secrets import Secret, SentSecret
from .settings import HttpSettings, polls_at_once
from .throttle import RequestSlots, TokenBucket
from .timeouts import Limits, RequestTimeouts

_USER_AGENT = f"sinch-hosting/{__version__} aiohttp/{aiohttp.__version__}"
_DEFERRED = "X-Sinch-Hosting-Authorization"
_HEADERS = {"User-Agent": _USER_AGENT, "Accept": "application/json"}
_OPTIONS: dict[str, Any] = {
    "raise_for_status": False,  # a lender's session may: a refusal would look lost
    "auto_decompress": True,
    "read_bufsize": 2**16,
}


class LoopState:
    """What a client has on one event loop: aiohttp's session, queue, token and time-outs."""

    def __init__(
        self,
        http: HttpSettings,
        auth: Authorization,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_closed = False
        self.auth = auth
        self.timeouts = RequestTimeouts(self.loop)
        rate = http.requests_per_second
        self.slots = RequestSlots(http.max_concurrency, polls_at_once(http.max_concurrency, rate))
        # A bucket of one: a larger one lets almost twice the rate pass in the first second.
        self.pace = TokenBucket(rate, 1, clock, sleep) if rate else None
        self.owns_http = http.session is None
        traces = http.trace_configs if http.session is None else http.session.trace_configs
        lent: tuple[aiohttp.ClientMiddlewareType, ...] = getattr(http.session, "_middlewares", ())
        self.is_traced = bool(traces)
        self._leaves_timeouts = bool(traces or lent)
        self._set_limits(http.timeout)
        self.http = http.session or _open(http, self.limits.rest)
        self._authorization = _DEFERRED if self.owns_http and http.trust_env else "Authorization"
        self._authorized_by: Secret | None = None
        # aiohttp replaces the session's middlewares by a request's own: keep the lender's.
        self.middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = tuple(
            getattr(self.http, "_middlewares", ())
        )
        # An own session has most of what a request needs as its defaults, which is cheaper; a
        # lender's may have others. Credentials are no default: aiohttp would show them to a proxy.
        self._headers = {} if self.owns_http else _HEADERS
        self._options: dict[str, Any] = {"allow_redirects": False}
        if http.proxy is not None:
            self._options["proxy"] = SentSecret(http.proxy)
        if http.ssl is not True:
            self._options["ssl"] = http.ssl
        if not self.owns_http:
            self.middlewares = (*self.middlewares, _without_cookies)
            self._options.update(_OPTIONS, timeout=self.limits.rest, middlewares=self.middlewares)

    def _set_limits(self, timeout: aiohttp.ClientTimeout) -> None:
        """Set the time-outs of requests; what traces or wraps a request sees aiohttp's own."""
        if self._leaves_timeouts:
            self.limits = self.limits_of_creates = Limits.left_to_aiohttp(timeout)
        else:
            self.limits = Limits.of(timeout, connects=False)
            self.limits_of_creates = Limits.of(timeout, connects=True)

    def options_with(self, header: Secret) -> dict[str, Any]:
        """Return what every request asks of aiohttp, with these credentials."""
        if header is not self._authorized_by:
            self._authorized_by = header
            headers = CIMultiDict(self._headers)
            headers[self._authorization] = SentSecret(header)
            self._options = {**self._options, "headers": headers}
        return self._options

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


class SharedLoopState(LoopState):
    """What another client has on the loop, used with time-outs of one's own."""

    def __init__(self, whole: LoopState, timeout: aiohttp.ClientTimeout) -> None:
        self.__dict__.update(whole.__dict__)
        self._whole = whole
        self._set_limits(timeout)
        self._options = {**self._options, "timeout": self.limits.rest}

    @property
    def is_closed(self) -> bool:  # type: ignore[override]
        """Whether the other client is closed."""
        return self._whole.is_closed


def _open(http: HttpSettings, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        headers=_HEADERS,
        # The slots are the limit: nobody waits for a connection on a running time-out.
        connector=aiohttp.TCPConnector(limit=0),
        trace_configs=list(http.trace_configs),
        trust_env=http.trust_env,
        middlewares=(_authorize_late,) if http.trust_env else (),
        cookie_jar=_NoCookies(),
        timeout=timeout,
        **_OPTIONS,
    )


class _NoCookies(aiohttp.DummyCookieJar):
    """A jar that keeps no cookies; the empty ones of all requests are one object."""

    _none: SimpleCookie = SimpleCookie()

    def filter_cookies(self, request_url: URL) -> SimpleCookie:
        return self._none


async def _authorize_late(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Set the `Authorization` header late, as a middleware: aiohttp refuses it beside netrc's."""
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
