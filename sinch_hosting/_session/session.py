"""One request from start to end: its turn, its credentials, aiohttp, and what came back."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache, partial
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from attrs import evolve
from yarl import URL

from .. import errors
from .._aio import Clock, Sleep
from ..models import CallbackConfiguration
from . import codec
from .auth import Authorization, Basic, Token, TokenCache, basic_header
from .credentials import Credentials
from .exchange import Call, Exchange
from .loop_state import LoopState
from .operations import OPERATIONS, Operation, Retryability
from .responses import AccessToken
from .retry import CreateObserver, RateLimitPause, RetryPolicy, with_retries
from .secrets import Secret, SecretBytes, mask
from .settings import HttpSettings
from .transport_errors import NoToken, expired_token, says_expired

T = TypeVar("T")
Query = Mapping[str, str | int | None]

_log = logging.getLogger("sinch_hosting")
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ONCE = {"Connection": "close"}
# By whether a lost answer matters (then the connection serves this request alone), and by
# whether there is a body.
_HEADERS = {
    (False, False): {},
    (False, True): _JSON,
    (True, False): _ONCE,
    (True, True): {**_JSON, **_ONCE},
}
# What the service documents, for an answer that does not say how long its token lives.
_TOKEN_LIFE = 3600.0
# No answer means more than that; what it means, then, is not known.
_LONGEST_TOKEN_LIFE = 1e9
_WITHHELD = "(withheld)"
_CLOSED = "the client is closed; make another SinchHosting"
_GET_ANYTHING = Operation("GET", "GET", "", Retryability.READ)
_GET_TOKEN = Operation("the token endpoint", "POST", "", Retryability.READ)


class Session:
    """Sends the operations of the contract for one client."""

    def __init__(
        self,
        credentials: Credentials,
        http: HttpSettings,
        retry: RetryPolicy,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self._credentials = credentials
        self._http = http
        self._retry = retry
        self._once = evolve(retry, max_tries=1)
        self.clock = clock
        self.sleep = sleep
        self._gate = RateLimitPause(clock, sleep)
        self._auth_gate = RateLimitPause(clock, sleep)
        self._project_path = f"/v1/projects/{credentials.project_id}"
        self._root = f"{credentials.base_url}{self._project_path}"
        self._bound: LoopState | None = None
        self._closed = False
        self._exchange = Exchange(http, credentials.base_url, clock)

    @property
    def max_concurrency(self) -> int:
        """How many requests may be under way at once."""
        return self._http.max_concurrency

    @property
    def longest_request(self) -> float | None:
        """Seconds after which a request has ended, whatever happened; `None` is no limit.

        aiohttp rounds the end of a longer time-out up to a whole second.
        """
        total = self._http.timeout.total
        if not total:
            return None
        return total + (1 if total > self._http.timeout.ceil_threshold else 0)

    @property
    def refusals(self) -> int:
        """How many requests of the client were answered 429 so far."""
        return self._gate.refusals

    @property
    def project_id(self) -> str:
        """The project of the account."""
        return self._credentials.project_id

    @property
    def requests_per_second(self) -> float | None:
        """The pace of all requests together, where there is one."""
        return self._http.requests_per_second

    def __reduce__(self) -> str:
        raise errors.UsageError(
            "a client holds a secret and an event loop's connections, so it cannot be copied or "
            "pickled; make another from the same settings"
        )

    # ------------------------------------------------------------- life

    def bind(self) -> LoopState:
        """What belongs to the running loop, opened at first use; `UsageError` elsewhere."""
        bound = self._bound
        if bound is not None and bound.loop is asyncio.get_running_loop():
            return bound
        if self._closed:
            raise errors.UsageError(_CLOSED)
        if bound is not None:
            raise errors.UsageError(
                "the client belongs to another event loop; make one SinchHosting for each loop"
            )
        self._bound = LoopState(self._http, self._make_auth(), self.clock, self.sleep)
        return self._bound

    async def aclose(self) -> None:
        """Close what the client owns; a borrowed session stays open. Safe to repeat.

        `UsageError` where another loop, which may go on with it, uses the client.
        """
        bound = self._bound
        is_ours = bound is None or bound.loop is asyncio.get_running_loop()
        if bound is not None and not is_ours and not bound.loop.is_closed():
            raise errors.UsageError("the client belongs to another event loop; close it there")
        self._closed, self._bound = True, None
        if bound is None:
            return
        try:
            # A token fetch of a closed loop has ended with it: nobody would wake who waits for it.
            if is_ours:
                await bound.auth.aclose()
        finally:
            if bound.owns_http:
                await bound.http.close()

    def _make_auth(self) -> Authorization:
        credentials = self._credentials
        if credentials.auth == "basic":
            return Basic(credentials.key_id, credentials.key_secret)
        return TokenCache(self._fetch_token, self.clock)

    # ---------------------------------------------------------- requests

    async def request(
        self,
        name: str,
        answer_type: type[T],
        *,
        identifiers: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        is_poll: bool = False,
        witness: CreateObserver | None = None,
    ) -> T:
        """Send an operation and answer what the service answers, as an `answer_type`.

        A poll lets every other call go first, and is tried once: its next round tries again.
        A `witness` is told of each try when it has queued for everything there is to queue for.
        Raises `OutcomeUnknown` where the answer to a create was lost, else the error of the
        last try; see `RetryPolicy` for how many there are.
        """
        operation = OPERATIONS[name]
        call = Call(
            operation,
            answer_type,
            self._url(operation, identifiers, query),
            None if body is None else _encoded(body),
            _HEADERS[operation.loses_answers, body is not None],
            None if body is None else body.get("hmacSecret"),
            is_poll,
            witness,
        )
        try:
            return await with_retries(
                partial(self._attempt if witness is None else self._witnessed, call),
                operation,
                self._once if is_poll else self._retry,
                self._gate,
                self.clock,
                self.sleep,
            )
        except NoToken as failed:
            # A copy each: one error for a thousand waiters would collect all their tracebacks.
            raise deepcopy(failed.reason) from failed.reason.__cause__
        except errors.SinchHostingError as error:
            if operation.loses_answers and error.may_have_been_applied:
                raise errors.OutcomeUnknown(name, error) from error
            is_gone = isinstance(error, errors.NotFound) and error.after_lost_answer
            if operation.method == "DELETE" and is_gone:
                return cast("T", None)
            raise

    async def get_json(self, path: str) -> object:
        """Read any path with the care of a read; see `SinchHosting.get_json`."""
        below = path if path.startswith("/") else f"{self._project_path}/{path}"
        address = URL(f"{self._credentials.base_url}{below}")
        # cattrs leaves `Any` as it is.
        call: Call[object] = Call(_GET_ANYTHING, cast("Any", Any), address, None, {}, None)
        return await with_retries(
            partial(self._attempt, call),
            _GET_ANYTHING,
            self._retry,
            self._gate,
            self.clock,
            self.sleep,
        )

    def _url(
        self, operation: Operation, identifiers: Mapping[str, str] | None, query: Query | None
    ) -> URL:
        address = _address(self._root, operation.name, *(identifiers or {}).items())
        if query:
            given = [(key, value) for key, value in query.items() if value is not None]
            return URL(f"{address}?{urlencode(given)}", encoded=True)
        return address

    async def _attempt(self, call: Call[T], tries: int) -> T:
        """One try, and a second send of it where the token turns out to have expired."""
        bound = self.bind()
        turns = bound.slots.polls if call.is_poll else bound.slots.calls
        await turns.acquire()
        try:
            header = bound.auth.current() or await _authorize(bound.auth)
            if bound.pace is not None or self._gate.is_shut:
                await self._turn(bound, call.operation)
                header = bound.auth.current() or header  # it may have been renewed meanwhile
            if self._closed:
                raise errors.UsageError(_CLOSED)  # while it queued: it must not be sent now
            status, headers, raw = await self._exchange.send(bound, call, header, tries)
            if status == 401 and says_expired(headers) and bound.auth.invalidate(header):
                await _tell(call, expired_token(call.operation.name))
                header = await _authorize(bound.auth)
                await self._turn(bound, call.operation)
                status, headers, raw = await self._exchange.send(bound, call, header, tries)
            if status == 401:
                bound.auth.distrust(header)
        finally:
            turns.release()
        hide = partial(self._hide, header, call.secret)
        if call.answer_type is CallbackConfiguration and call.secret is None:
            hide = partial(_withhold_unless_masked, hide)
        error: errors.SinchHostingError
        if 200 <= status < 300:
            try:
                return codec.decode(call.operation.name, raw, call.answer_type, hide)
            except errors.DecodeError as undecoded:
                error = undecoded.with_traceback(None)
        else:
            error = codec.api_error(call.operation.name, status, headers, raw, hide)
            error.after_lost_answer = call.sends > 1
        # Tracebacks may be shown with all variables: none of their frames holds the answer.
        del raw, headers
        raise error

    async def _witnessed(self, call: Call[T], tries: int) -> T:
        try:
            return await self._attempt(call, tries)
        except errors.SinchHostingError as error:
            await _tell(call, error)
            raise

    async def _turn(self, bound: LoopState, operation: Operation) -> None:
        """Wait until the pause of a 429 is over, then for the pace: a pause ends in no crowd."""
        await self._gate.passage(operation, self._retry)
        while bound.pace is not None:
            await bound.pace.acquire()
            if self._gate.remaining() <= 0:
                return
            await self._gate.passage(operation, self._retry)

    def _hide(self, header: Secret, secret: str | None, text: str) -> str:
        """The text without any of the secrets that this call knows, were they echoed."""
        known = (self._credentials.key_secret, header.partition(" ")[2], secret)
        return mask(text, filter(None, known))

    # ------------------------------------------------------------- token

    async def _fetch_token(self) -> Token:
        return await with_retries(
            self._ask_for_token, _GET_TOKEN, self._retry, self._auth_gate, self.clock, self.sleep
        )

    async def _ask_for_token(self, tries: int) -> Token:
        bound, mine = self.bind(), self._credentials
        await self._auth_gate.passage(_GET_TOKEN, self._retry)
        url = URL(mine.auth_url, encoded=True)
        call = Call(_GET_TOKEN, AccessToken, url, b"grant_type=client_credentials", _FORM, None)
        header = basic_header(mine.key_id, mine.key_secret)
        status, headers, raw = await self._exchange.send(bound, call, header, tries)
        hide = partial(self._hide, header, None)
        error: errors.SinchHostingError
        if 200 <= status < 300:
            try:
                return _usable(codec.decode(call.operation.name, raw, AccessToken, _withhold))
            except errors.DecodeError as undecoded:
                error = undecoded.with_traceback(None)
        elif status in (400, 401, 403):
            error = codec.api_error(call.operation.name, 401, headers, raw, hide)
            error.add_note("Check SINCH_KEY_ID and SINCH_KEY_SECRET, and that the key is active.")
        else:
            error = codec.api_error(call.operation.name, status, headers, raw, hide)
        del raw, headers
        raise error


# What was asked for once is often asked for again: a poll reads one order many times.
@lru_cache(maxsize=1024)
def _address(root: str, name: str, *identifiers: tuple[str, str]) -> URL:
    return URL(root + OPERATIONS[name].path(dict(identifiers)), encoded=True)


def _usable(answer: AccessToken) -> Token:
    """The token of an answer; `DecodeError` where it could not be sent in a header."""
    token = Secret(answer.access_token)
    try:
        life = _TOKEN_LIFE if answer.expires_in is None else float(answer.expires_in)
    except (ValueError, OverflowError):
        life = _TOKEN_LIFE
    if not 0 <= life <= _LONGEST_TOKEN_LIFE:  # nor is NaN
        life = _TOKEN_LIFE
    if not token or not token.isascii() or not token.isprintable():
        raise errors.DecodeError(
            _GET_TOKEN.name, path="access_token", reason="expected a token", body=_WITHHELD
        )
    return Token(value=token, expires_in=life)


def _encoded(body: Mapping[str, Any]) -> bytes:
    raw = json.dumps(body).encode()
    return SecretBytes(raw) if "hmacSecret" in body else raw


def _withhold(_: str) -> str:
    return _WITHHELD


# Where a violation says which field it is about.
_SECRET_FIELD = re.compile(r"([a-zA-Z]+\.)*(hmacSecret|hmac_secret)")


def _withhold_unless_masked(hide: codec.Hide, text: str) -> str:
    """A text that may hold a secret which nobody here knows: shown where that was found."""
    shown = hide(text)
    if _SECRET_FIELD.fullmatch(text):
        return shown
    return shown if "***" in shown or "secret" not in shown.lower() else _WITHHELD


async def _authorize(auth: Authorization) -> Secret:
    try:
        return await auth.fetch()
    except errors.SinchHostingError as error:
        raise NoToken(error) from error


async def _tell(call: Call[Any], error: errors.SinchHostingError) -> None:
    if call.witness is not None and not error.may_have_been_applied:
        await call.witness.on_refused(error)
