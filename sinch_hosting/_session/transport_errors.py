"""Errors of aiohttp as errors of this package, without the secrets that they hold."""

from __future__ import annotations

import json
import re

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

from .. import errors
from .loop_state import LoopState
from .operations import Operation
from .secrets import SecretBytes


class NoToken(Exception):
    """No token could be fetched; the operation itself was never sent."""

    def __init__(self, reason: errors.SinchHostingError) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenExpired(errors.AuthenticationFailed):
    """The service refused an expired token: the request is sent once more with another."""

    def __init__(self, operation: str) -> None:
        super().__init__("the token had expired", operation=operation, status_code=401)


def says_expired(headers: CIMultiDictProxy[str]) -> bool:
    """Return whether a 401 says that another token would help."""
    # A service that takes two schemes may send a challenge for each. By RFC 6750 `invalid_token`
    # means a token that has expired, was revoked or is unknown: another one helps with each.
    said = " ".join(headers.getall("WWW-Authenticate", ())).lower()
    return "expired" in said or "invalid_token" in said


# The connection was never opened, so the service cannot have seen the request.
_NEVER_OPENED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
)


# A response came, or part of one, with a wrong length, chunk, encoding or header.
_BROKEN_ANSWERS = (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)


USERINFO = re.compile(r"//[^/@\s]*@")
_HIDDEN = ("Authorization", "Proxy-Authorization", "Cookie")


def without_secrets(error: BaseException) -> BaseException | None:
    """Return an error without aiohttp's variables, and without the headers that were sent.

    Variables hold bodies, and parts of responses. Returns `None` where the error shows an address
    with a password: aiohttp shows that of a proxy as it is.
    """
    link: BaseException | None = error
    while link is not None:
        key = getattr(link, "connection_key", None) or getattr(link, "_conn_key", None)
        if USERINFO.search(f"{link} {getattr(key, 'proxy', None)}"):
            return None
        link.__traceback__ = None
        if isinstance(link, aiohttp.ClientResponseError):
            _hide_request(link)
        link = link.__cause__ or link.__context__
    return error


def _hide_request(error: aiohttp.ClientResponseError) -> None:
    sent = error.request_info
    headers = CIMultiDict(sent.headers)
    for name in {name for name in headers if _is_hidden(name)}:
        headers[name] = "***"
    shown = aiohttp.RequestInfo(sent.url, sent.method, CIMultiDictProxy(headers), sent.real_url)
    error.request_info, error.history = shown, ()
    error.args = (shown, ())


def _is_hidden(name: str) -> bool:
    return name.title().removeprefix("X-Sinch-Hosting-") in _HIDDEN


def connection_error(operation: str, error: BaseException) -> errors.TransportError:
    never_sent = isinstance(error, _NEVER_OPENED)
    # aiohttp shows a proxy's address whole, password and all.
    said = USERINFO.sub("//***@", str(error))[:1000] or type(error).__name__
    what = "could not connect" if never_sent else "the connection failed before an answer came"
    if isinstance(error, _BROKEN_ANSWERS) and not never_sent:
        what = "the answer broke off or could not be read"
    if isinstance(error, TimeoutError):
        what = "no connection in time" if never_sent else "no answer in time"
    return errors.TransportError(f"{operation}: {what} ({said})", never_sent=never_sent)


def other_error(
    bound: LoopState, operation: Operation, error: Exception
) -> errors.SinchHostingError:
    """Return the error for a failure that is not the network's."""
    if bound.http.closed:
        whose = "its aiohttp session" if bound.owns_http else "the session that it was given"
        return errors.UsageError(f"the client cannot send: {whose} is closed")
    if "AUTHORIZATION" in str(error):
        return errors.ConfigurationError(
            "the session that was passed in adds its own credentials (auth= or a netrc entry "
            "for the host); pass one without"
        )
    if operation.loses_answers:
        # A trace hook or a middleware may have failed after the request had left.
        return errors.TransportError(
            f"{operation.name}: the request failed on its way ({type(error).__name__}: {error})",
            never_sent=False,
        )
    return errors.UsageError(f"aiohttp refuses the request: {error}")


def what_was_cancelled(operation: Operation, data: bytes | SecretBytes | None) -> str:
    """Return what may have been carried out, and what to look for before it is sent again."""
    body = json.loads(data) if isinstance(data, bytes) else {}
    numbers = body.get("numbers") or body.get("phoneNumbers") or []
    numbers = numbers or [n for n in (body.get("phoneNumber"),) if n]
    of = f" of {len(numbers)} numbers ({', '.join(numbers[:3])})" if numbers else ""
    name = body.get("displayName")
    sought = f"an order named {name!r}" if name else "its numbers, or an order that holds them,"
    return (
        f"{operation.name}{of} was sent, and cancelled before its response came: it may have "
        f"been carried out. Look for {sought} before you send it again."
    )
