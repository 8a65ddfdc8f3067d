"""A call over all its tries: its turn, its credentials, aiohttp, and what came back.

The first try of a call that has to wait for nothing passes through here without an `await` before
aiohttp's. Whatever it may have to wait for (a turn, a token, the pause after a 429, the pace, the
next try) is an `if` on that way.

What matters is set on each request, whatever session is borrowed: time-outs, redirects, whether
an error status raises, decompression, and that the lender's cookies are not sent. A status that
has arrived decides, even where the body behind it breaks off.
"""

from __future__ import annotations

import asyncio
import logging
import re
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import aiohttp
from attrs import evolve
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .. import errors
from .._aio import Clock, Sleep
from ..models import CallbackConfiguration
from . import codec, recording
from .call import Call, body_of
from .credentials import Credentials
from .loop_state import LoopState
from .retry import RateLimitPause, Retries, RetryPolicy
from .secrets import Secret, mask
from .settings import HttpSettings
from .timeouts import Limits, RunningRequest
from .transport_errors import (
    NoToken,
    TokenExpired,
    connection_error,
    other_error,
    says_expired,
    what_was_cancelled,
    without_secrets,
)

if TYPE_CHECKING:
    from .._events import Events

T = TypeVar("T")
Reply = tuple[int, CIMultiDictProxy[str], bytes]

_log = logging.getLogger("sinch_hosting")
CLOSED = "the client is closed; make another SinchHosting"
_WITHHELD = "(withheld)"
_NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
# So much of the body of an error is read: no service explains more.
_ERROR_BODY = 65_536
# The field that a violation names.
_HMAC_FIELD = r"([a-zA-Z]+\.)*(hmacSecret|hmac_secret)"


class Exchange:
    """Carries out the calls of one client."""

    def __init__(
        self,
        http: HttpSettings,
        credentials: Credentials,
        retry: RetryPolicy,
        clock: Clock,
        sleep: Sleep,
        events: Events | None = None,
    ) -> None:
        self.pause = RateLimitPause(clock, sleep, events)
        self._events = events
        self._key_secret = credentials.key_secret
        self._retry = retry
        self._once = evolve(retry, max_tries=1)
        self._clock = clock
        self._sleep = sleep
        self._limit = http.max_response_bytes
        self._host = URL(credentials.base_url).raw_host

    # ------------------------------------------------------------- tries

    async def run(self, bound: LoopState, call: Call[T]) -> T:
        """Try a call until it has succeeded or nothing allows another try.

        See `RetryPolicy` for how many tries there are.

        Raises:
            OutcomeUnknown: the response to a create was lost.
            SinchHostingError: the error of the last try.
        """
        started = self._clock()
        turns = bound.slots.polls if call.is_poll else bound.slots.calls
        while True:
            try:
                if not turns.take():
                    await turns.acquire()
                try:
                    header = bound.auth.current()
                    pace = bound.pace
                    if header is None or self.pause.is_on or not (pace is None or pace.take_now()):
                        header = await self._wait_for_turn(bound, call, header)
                    if bound.is_closed:
                        raise errors.UsageError(CLOSED)  # while it queued: it must not be sent now
                    call.tries += not call.is_token_renewed
                    return self._result(bound, call, header, *await self.send(bound, call, header))
                finally:
                    turns.release()
            except errors.SinchHostingError as error:
                failed = error
            except NoToken as error:
                # A copy for each: one error for a thousand callers would collect their tracebacks.
                raise deepcopy(error.reason) from error.reason.__cause__
            if await self._is_done(call, failed, started):
                return cast("T", None)

    async def _wait_for_turn(
        self, bound: LoopState, call: Call[Any], header: Secret | None
    ) -> Secret:
        """Wait for a token, for the end of the pause of a 429, and for the pace.

        The pause comes first, and again after the pace: it ends in no crowd.
        """
        if bound.is_closed:
            raise errors.UsageError(CLOSED)
        header = header or await _authorize(bound, call)
        await self.pause.wait(call.operation, self._retry, call.patience)
        while bound.pace is not None:
            await bound.pace.acquire()
            if self.pause.remaining() <= 0:
                break
            await self.pause.wait(call.operation, self._retry, call.patience)
        return bound.auth.current() or header  # it may have been renewed meanwhile

    async def _is_done(
        self, call: Call[Any], error: errors.SinchHostingError, started: float
    ) -> bool:
        """Wait for the next try after an error, or raise what the call ends with.

        Returns whether there is nothing left to do, in spite of the error.
        """
        operation = call.operation
        if call.observer is not None and not error.may_have_been_applied:
            await call.observer.on_refused(error)
        call.is_token_renewed = isinstance(error, TokenExpired)
        if call.is_token_renewed:
            return False
        if call.retries is None:
            policy = self._once if call.is_poll else self._retry
            call.retries = Retries(
                operation,
                policy,
                self.pause,
                self._clock,
                self._sleep,
                started,
                patience=call.patience,
                events=self._events,
            )
        if await call.retries.wait(error):
            return False
        if operation.loses_answers and error.may_have_been_applied:
            raise errors.OutcomeUnknown(operation.name, error) from error
        is_gone = isinstance(error, errors.NotFound) and error.after_lost_answer
        if operation.method == "DELETE" and is_gone:
            return True
        raise error

    # ------------------------------------------------------------- one try

    async def send(  # noqa: PLR0912 - each handler says what one failure means
        self, bound: LoopState, call: Call[Any], header: Secret
    ) -> Reply:
        """Send a request and read its response; a failure becomes an error of this package."""
        if call.observer is not None:
            await call.observer.on_sending()
        operation, options, limits = call.operation, bound.options_with(header), bound.limits
        if operation.method != "GET":
            options, limits = self._options_of(bound, call, options)
        status, headers = None, _NO_HEADERS
        running = bound.timeouts.start(limits)
        try:
            response = await bound.http.request(operation.method, call.url, **options)
            content = response.content
            if response.status == 200 and content.is_eof() and not bound.is_traced:
                # All of it has come, and perhaps a middleware of the lender has read it.
                body = content.read_nowait() or await response.read()
            else:
                running.response = response
                body = await self._read(call, response, running)
            if len(body) > self._limit:
                raise self._too_long(call)
            status, headers = response.status, response.headers
            if call.on_body is not None and status == 200:
                await call.on_body(body)
            return status, headers, body
        except aiohttp.InvalidURL:
            # It may hold a password; and nothing was sent, so a create is not lost.
            raise errors.ConfigurationError(
                "a proxy's address, of the client or of the environment, is no URL"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if isinstance(error.__cause__, errors.SinchHostingError):
                raise error.__cause__ from None  # of the observer: the body was not written
            raise connection_error(operation.name, error) from without_secrets(error)
        except (RuntimeError, ValueError) as error:
            raise other_error(bound, operation, error) from without_secrets(error)
        except asyncio.CancelledError as cancelled:
            if running.take_back():
                timed_out = TimeoutError(running.expired)
                timed_out.__cause__ = without_secrets(cancelled)
                raise connection_error(operation.name, timed_out) from timed_out
            if operation.loses_answers:
                _log.warning("%s was cancelled: it may have been carried out", operation.name)
                cancelled.add_note(what_was_cancelled(call.operation, call.data))
            raise
        finally:
            bound.timeouts.end(running)
            if _log.isEnabledFor(logging.DEBUG):
                took = bound.loop.time() - running.started
                request_id = codec.request_id_of(headers, partial(self.hide, call, header))
                _log.debug(
                    "%s %s: %s in %.3f s, try %d%s",
                    operation.method,
                    call.url.raw_path,
                    status or "no answer",
                    took,
                    call.tries,
                    f", request id {request_id}" if request_id else "",
                    extra={
                        "sinch_operation": call.operation.name,
                        "sinch_status": status,
                        "sinch_seconds": took,
                        "sinch_try": call.tries,
                        "sinch_request_id": request_id,
                    },
                )

    def _options_of(
        self, bound: LoopState, call: Call[Any], common: dict[str, Any]
    ) -> tuple[dict[str, Any], Limits]:
        """Return what a request asks of aiohttp beyond what all do, and its time-outs."""
        operation, limits = call.operation, bound.limits
        options = {**common, "headers": {**common["headers"], **call.headers}}
        if call.data is not None:
            options["data"] = body_of(call)
        elif operation.loses_answers:
            # aiohttp would give a request without a body the type of a binary one.
            options["skip_auto_headers"] = ("Content-Type",)
        if operation.loses_answers:
            # A name in the pool's key keeps creates off pooled connections, one of which may
            # be dead already: a create on it would look lost though it never left. The name
            # is the one that TLS would use anyway.
            options["server_hostname"] = self._host
            limits = bound.limits_of_creates
            options["timeout"] = limits.rest
        elif operation.method == "DELETE":
            call.sends = 0
            options["middlewares"] = (*bound.middlewares, call.count_sends)
        return options, limits

    async def _read(
        self, call: Call[Any], response: aiohttp.ClientResponse, running: RunningRequest
    ) -> bytes:
        """Read the body; `DecodeError` where it is longer than the limit."""
        if not 200 <= response.status < 300:
            return await _read_error(response, running)
        if response.content.at_eof():
            return await response.read()  # what a middleware of the lender has read, or nothing
        length = response.content_length
        if length is not None and "Content-Encoding" not in response.headers:
            if length <= self._limit:
                # Read whole, a response gives its connection back by itself.
                return await response.read()
        else:
            body = bytearray()
            try:
                while chunk := await response.content.readany():
                    body += chunk
                    if len(body) > self._limit:
                        break
                else:
                    return bytes(body)
            except BaseException:
                response.close()
                raise
        response.close()
        raise self._too_long(call)

    def _too_long(self, call: Call[Any]) -> errors.DecodeError:
        reason = f"the body is longer than {self._limit} bytes; see max_response_bytes"
        return errors.DecodeError(call.operation.name, path="", reason=reason, body="")

    # ----------------------------------------------------------- the response

    def _result(
        self,
        bound: LoopState,
        call: Call[T],
        header: Secret,
        status: int,
        headers: CIMultiDictProxy[str],
        raw: bytes,
    ) -> T:
        """Return what a response holds, or raise what it says."""
        hide = partial(self.hide, call, header)
        if recording.open_recordings:
            recording.record(
                recording.ResponseInfo(
                    operation=call.operation.name,
                    status_code=status,
                    tries=call.tries,
                    request_id=codec.request_id_of(headers, hide),
                    headers=codec.shown_headers(headers, hide),
                )
            )
        error: errors.SinchHostingError
        if 200 <= status < 300:
            try:
                return codec.decode(call.operation.name, raw, call.response_type, hide)
            except errors.DecodeError as undecoded:
                error = undecoded.with_traceback(None)
        elif self._is_expired(bound, call, header, status, headers):
            error = TokenExpired(call.operation.name)
        else:
            error = codec.api_error(call.operation.name, status, headers, raw, hide)
            error.after_lost_answer = call.sends > 1
        # Tracebacks may be shown with all variables: none of their frames holds the response.
        del raw, headers
        raise error

    def _is_expired(
        self,
        bound: LoopState,
        call: Call[Any],
        header: Secret,
        status: int,
        headers: CIMultiDictProxy[str],
    ) -> bool:
        """Return whether the token had expired, so that the request is sent again with another."""
        if status != 401:
            return False
        if not call.is_token_renewed and says_expired(headers) and bound.auth.invalidate(header):
            return True
        bound.auth.distrust(header)
        return False

    def hide(self, call: Call[Any], header: Secret, text: str) -> str:
        """Return a text without the secrets of this call, which the service may have repeated."""
        known = (self._key_secret, header.reveal().partition(" ")[2], call.secret)
        shown = mask(text, filter(None, known))
        if call.response_type is not CallbackConfiguration or call.secret is not None:
            return shown
        # The service may repeat a secret that this client does not know.
        if re.fullmatch(_HMAC_FIELD, text):
            return shown
        return shown if "***" in shown or "secret" not in shown.lower() else _WITHHELD


async def _read_error(response: aiohttp.ClientResponse, running: RunningRequest) -> bytes:
    """Read what there is of the body of an error, and not more than anybody would."""
    if response.content.at_eof():
        return (await response.read())[:_ERROR_BODY]
    body = bytearray()
    try:
        while len(body) <= _ERROR_BODY and (chunk := await response.content.readany()):
            body += chunk
        is_whole = len(body) <= _ERROR_BODY
    except (aiohttp.ClientError, OSError, TimeoutError):
        is_whole = False
    except asyncio.CancelledError:
        if not running.take_back():
            response.close()
            raise
        is_whole = False
    except BaseException:
        response.close()
        raise
    if not is_whole:
        response.close()
    return bytes(body[:_ERROR_BODY])


async def _authorize(bound: LoopState, call: Call[Any]) -> Secret:
    try:
        return await bound.auth.fetch()
    except errors.SinchHostingError as error:
        if call.patience and isinstance(error, errors.RateLimited):
            raise deepcopy(error) from error.__cause__  # waited for like a 429 of the call
        raise NoToken(error) from error
