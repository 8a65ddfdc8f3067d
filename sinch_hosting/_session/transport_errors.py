"""Failures of aiohttp, said in this package's terms and without what they would give away."""

from __future__ import annotations

import re

import aiohttp
from multidict import CIMultiDictProxy

from .. import errors
from .loop_state import LoopState
from .operations import Operation


class NoToken(Exception):
    """The token endpoint's failure, which is not the operation's: that was never sent."""

    def __init__(self, reason: errors.SinchHostingError) -> None:
        super().__init__(reason)
        self.reason = reason


def expired_token(operation: str) -> errors.AuthenticationFailed:
    return errors.AuthenticationFailed(
        "the token had expired", operation=operation, status_code=401
    )


def says_expired(headers: CIMultiDictProxy[str]) -> bool:
    # A service that takes two schemes may send a challenge for each.
    return any("expired" in said.lower() for said in headers.getall("WWW-Authenticate", ()))


# The connection was never opened, so the service cannot have seen the request.
_NEVER_OPENED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ServerFingerprintMismatch,
)


# An answer came, or its first half: a wrong length, chunk, encoding or header.
_BROKEN_ANSWERS = (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)


def without_frames(error: BaseException) -> BaseException:
    """The error without aiohttp's variables: headers, bodies, and the half of an answer."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


USERINFO = re.compile(r"//[^/@\s]*@")


def transport_error(operation: str, error: BaseException) -> errors.TransportError:
    never_sent = isinstance(error, _NEVER_OPENED)
    # aiohttp shows a proxy's address whole, password and all.
    said = USERINFO.sub("//***@", str(error)) or type(error).__name__
    what = "could not connect" if never_sent else "the connection failed before an answer came"
    if isinstance(error, _BROKEN_ANSWERS) and not never_sent:
        what = "the answer broke off or could not be read"
    if isinstance(error, TimeoutError):
        what = "no connection in time" if never_sent else "no answer in time"
    return errors.TransportError(f"{operation}: {what} ({said})", never_sent=never_sent)


def other_error(
    bound: LoopState, operation: Operation, error: Exception
) -> errors.SinchHostingError:
    """What a failure means that is none of the network's."""
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
