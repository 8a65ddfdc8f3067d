"""One request from start to end: its turn, its credentials, aiohttp, and what came back.

The only import of aiohttp's client.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import lru_cache, partial
from ssl import SSLContext
from types import NoneType
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlencode

import aiohttp
from aiolimiter import AsyncLimiter
from attrs import Attribute, define, evolve, field, frozen
from multidict import CIMultiDictProxy
from yarl import URL

from . import _wire, errors
from ._answers import AccessToken
from ._auth import (
    Authorization,
    Basic,
    Secret,
    SecretBytes,
    Token,
    TokenCache,
    basic_header,
    mask,
)
from ._bells import Bells
from ._operations import OPERATIONS, Kind, Operation
from ._retry import Clock, Gate, RetryPolicy, Sleep, Witness, leaves_open, with_retries
from ._slots import Slots
from ._validators import check_positive, check_url
from ._version import __version__
from .models import CallbackConfiguration

T = TypeVar("T")
Query = Mapping[str, str | int | None]

_log = logging.getLogger("sinch_hosting")
_USER_AGENT = f"sinch-hosting/{__version__} aiohttp/{aiohttp.__version__}"
_DEFERRED = "X-Sinch-Hosting-Authorization"
_PLAIN = {"User-Agent": _USER_AGENT, "Accept": "application/json"}
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
_TOTAL, _CONNECT, _READ = 60.0, 10.0, 30.0
# Connecting ends well before the whole does (aiohttp rounds up to seconds): only then is it
# known that nothing was sent.
_CONNECT_SHARE = 0.8
# What the service documents, for an answer that does not say how long its token lives.
_TOKEN_LIFE = 3600.0
# No answer means more than that; what it means, then, is not known.
_LONGEST_TOKEN_LIFE = 1e9
_WITHHELD = "(withheld)"
_CLOSED = "the client is closed; make another SinchHosting"
_GET_TOKEN = Operation("the token endpoint", "POST", "", Kind.READ)


def _an(*kinds: type, said: str) -> Callable[[object, Attribute[Any], object], None]:
    """A validator: aiohttp would fail over anything else, and only in the first call."""

    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not isinstance(value, kinds):
            raise errors.InvalidRequest(field=attribute.name, value=value, rule=f"must be {said}")

    return check


def check_traces(values: object) -> tuple[aiohttp.TraceConfig, ...]:
    """Trace configurations, any number of them."""
    found = list(values) if isinstance(values, Iterable) else [values]
    traces = tuple(value for value in found if isinstance(value, aiohttp.TraceConfig))
    if len(traces) < len(found):
        raise errors.InvalidRequest(
            field="trace_configs", value=values, rule="must be a list of aiohttp.TraceConfig"
        )
    return traces


def check_address(value: str, name: str) -> str:
    """A whole address that aiohttp takes, too."""
    try:
        URL(check_url(value, name))
    except ValueError:
        rule = "must be a whole http(s) address"
        raise errors.InvalidRequest(field=name, value=value, rule=rule) from None
    return value


@frozen(kw_only=True)
class HttpSettings:
    """What reaches aiohttp."""

    session: aiohttp.ClientSession | None = field(
        validator=_an(aiohttp.ClientSession, NoneType, said="an aiohttp.ClientSession or None")
    )
    timeout: aiohttp.ClientTimeout
    trace_configs: tuple[aiohttp.TraceConfig, ...]
    trust_env: bool
    proxy: str | None = field(repr=False)  # it may hold a password
    ssl: Any = field(
        validator=_an(
            bool, SSLContext, aiohttp.Fingerprint, said="a bool, an SSLContext or a Fingerprint"
        )
    )
    max_concurrency: int
    requests_per_second: float | None


@frozen(kw_only=True)
class Credentials:
    """Whose account it is; the secret shows in no `repr`."""

    project_id: str
    key_id: str
    key_secret: Secret
    auth: str
    base_url: str
    auth_url: str


def check_finite(value: object, name: str) -> float:
    """A number above 0 that is not infinite."""
    number = check_positive(value, name)
    if number == float("inf"):
        raise errors.InvalidRequest(field=name, value=value, rule="must be finite")
    return number


def timeout_settings(timeout: aiohttp.ClientTimeout | float | None) -> aiohttp.ClientTimeout:
    """The time-outs for a client: finite ones unless the caller says otherwise."""
    if isinstance(timeout, aiohttp.ClientTimeout):
        return timeout
    total = _TOTAL if timeout is None else check_finite(timeout, "timeout")
    connect = min(_CONNECT, total * _CONNECT_SHARE)
    return aiohttp.ClientTimeout(
        total=total,
        connect=connect,
        sock_connect=connect,
        sock_read=min(_READ, total),
    )


def polls_at_once(max_concurrency: int, requests_per_second: float | None) -> int:
    """How many requests may be polls at the same time: half of all, and few where all are paced.

    Paced requests leave one by one, so every poll that is under way holds up the next call.
    """
    half = max(1, max_concurrency // 2)
    if requests_per_second is None:
        return half
    return min(half, max(1, int(requests_per_second / 4)))


class _NoToken(Exception):
    """The token endpoint's failure, which is not the operation's: that was never sent."""

    def __init__(self, reason: errors.SinchHostingError) -> None:
        super().__init__(reason)
        self.reason = reason


@define
class _Call(Generic[T]):
    """One call of an operation, over all its tries."""

    operation: Operation
    answer_type: type[T]
    url: URL
    data: bytes | None
    headers: Mapping[str, str]
    secret: str | None
    is_poll: bool = False
    witness: Witness | None = None
    sends: int = 0

    async def count_sends(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """A middleware: aiohttp sends a GET or DELETE again by itself on a stale connection."""
        self.sends += 1
        return await handler(request)


class _Bound:
    """What belongs to one event loop: the aiohttp session, the queue, the token."""

    def __init__(self, http: HttpSettings, auth: Authorization) -> None:
        self.loop = asyncio.get_running_loop()
        self.auth = auth
        rate = http.requests_per_second
        self.slots = Slots(http.max_concurrency, polls_at_once(http.max_concurrency, rate))
        # A bucket of one: a larger one lets almost twice the rate pass in the first second.
        self.pace = AsyncLimiter(1, 1 / rate) if rate else None
        self.owns_http = http.session is None
        self.http = http.session or _open(http)
        # An own session has them as its defaults, which is cheaper.
        self.headers = {} if self.owns_http else _PLAIN
        self.authorization = _DEFERRED if self.owns_http and http.trust_env else "Authorization"
        # aiohttp replaces the session's middlewares by a request's own: keep the lender's.
        self.middlewares = tuple(getattr(self.http, "_middlewares", ()))


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
        self.bells = Bells(sleep)
        self._gate = Gate(clock, sleep)
        self._auth_gate = Gate(clock, sleep)
        self._root = f"{credentials.base_url}/v1/projects/{credentials.project_id}"
        self._host = URL(credentials.base_url).raw_host
        self._bound: _Bound | None = None
        self._closed = False
        self._per_request: dict[str, Any] = {
            "timeout": http.timeout,
            "allow_redirects": False,
            "raise_for_status": False,  # a lender's session may: a refusal would look lost
            **({"proxy": http.proxy} if http.proxy is not None else {}),
            **({"ssl": http.ssl} if http.ssl is not True else {}),
        }

    @property
    def max_concurrency(self) -> int:
        """How many requests may be under way at once."""
        return self._http.max_concurrency

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

    # ------------------------------------------------------------- life

    def bind(self) -> _Bound:
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
        self._bound = _Bound(self._http, self._make_auth())
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
        witness: Witness | None = None,
    ) -> T:
        """Send an operation and answer what the service answers, as an `answer_type`.

        A poll lets every other call go first, and is tried once: its next round tries again.
        A `witness` is told of each try when it has queued for everything there is to queue for.
        Raises `OutcomeUnknown` where the answer to a create was lost, else the error of the
        last try; see `RetryPolicy` for how many there are.
        """
        operation = OPERATIONS[name]
        call = _Call(
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
        except _NoToken as failed:
            # A copy each: one error for a thousand waiters would collect all their tracebacks.
            raise deepcopy(failed.reason) from failed.reason.__cause__
        except errors.NotFound as error:
            if operation.method == "DELETE" and error.after_lost_answer:
                return cast("T", None)
            raise
        except errors.SinchHostingError as error:
            if operation.loses_answers and leaves_open(error):
                raise errors.OutcomeUnknown(name, error) from error
            raise

    def _url(
        self, operation: Operation, identifiers: Mapping[str, str] | None, query: Query | None
    ) -> URL:
        address = _address(self._root, operation.name, *(identifiers or {}).items())
        if query:
            given = [(key, value) for key, value in query.items() if value is not None]
            return URL(f"{address}?{urlencode(given)}", encoded=True)
        return address

    async def _attempt(self, call: _Call[T], tries: int) -> T:
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
            status, headers, raw = await self._send(bound, call, header, tries)
            if status == 401 and _says_expired(headers) and bound.auth.invalidate(header):
                await _tell(call, _expired(call.operation.name))
                header = await _authorize(bound.auth)
                await self._turn(bound, call.operation)
                status, headers, raw = await self._send(bound, call, header, tries)
        finally:
            turns.release()
        hide = partial(self._hide, header, call.secret)
        if call.answer_type is CallbackConfiguration and call.secret is None:
            hide = partial(_withhold_unless_masked, hide)
        error: errors.SinchHostingError
        if 200 <= status < 300:
            try:
                return _wire.decode(call.operation.name, raw, call.answer_type, hide)
            except errors.DecodeError as undecoded:
                error = undecoded.with_traceback(None)
        else:
            error = _wire.api_error(call.operation.name, status, headers, raw, hide)
            error.after_lost_answer = call.sends > 1
        # Tracebacks may be shown with all variables: none of their frames holds the answer.
        del raw, headers
        raise error

    async def _witnessed(self, call: _Call[T], tries: int) -> T:
        try:
            return await self._attempt(call, tries)
        except errors.SinchHostingError as error:
            await _tell(call, error)
            raise

    async def _turn(self, bound: _Bound, operation: Operation) -> None:
        """Wait until the pause of a 429 is over, then for the pace: a pause ends in no crowd."""
        await self._gate.passage(operation, self._retry)
        while bound.pace is not None:
            await bound.pace.acquire()
            if self._gate.remaining() <= 0:
                return
            await self._gate.passage(operation, self._retry)

    async def _send(
        self, bound: _Bound, call: _Call[Any], header: Secret, tries: int
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """Send a request with aiohttp, and say in this package's terms where that failed."""
        if call.witness is not None:
            await call.witness.leaves()
        method = call.operation.method
        status: int | None = None
        started = self.clock()
        try:
            response = await bound.http.request(
                method,
                call.url,
                headers={**bound.headers, **call.headers, bound.authorization: header},
                data=call.data,
                **self._options(bound, call),
            )
            # Read whole, an answer gives its connection back by itself; a context manager
            # would only repeat that, at a price that shows in the overhead benchmark.
            raw = await response.read()
            status = response.status
            return status, response.headers, raw
        except aiohttp.InvalidURL:
            # It may hold a password; and nothing was sent, so a create is not lost.
            raise errors.ConfigurationError(
                "a proxy's address, of the client or of the environment, is no URL"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # aiohttp shows a proxy's address whole, so a cause with a password is left out.
            cause = None if _USERINFO.search(str(error)) else _without_frames(error)
            raise _transport_error(call.operation.name, error) from cause
        except (RuntimeError, ValueError) as error:
            raise _usage_error(bound, error) from _without_frames(error)
        except asyncio.CancelledError:
            if call.operation.loses_answers:
                _log.warning("%s was cancelled: it may have been carried out", call.operation.name)
            raise
        finally:
            if _log.isEnabledFor(logging.DEBUG):
                took, path = self.clock() - started, call.url.raw_path
                said = status or "no answer"
                _log.debug("%s %s: %s in %.3f s, try %d", method, path, said, took, tries)

    def _options(self, bound: _Bound, call: _Call[Any]) -> dict[str, Any]:
        """The settings, and what the kind of operation asks of aiohttp beyond them."""
        if call.operation.kind is Kind.READ:
            return self._per_request
        if call.operation.loses_answers:
            # aiohttp would give a request without a body the type of a binary one.
            bare = {"skip_auto_headers": ("Content-Type",)} if call.data is None else {}
            # A name in the pool's key keeps creates off pooled connections, one of which may
            # be dead already: a create on it would look lost though it never left. The name
            # is the one that TLS would use anyway.
            return {**self._per_request, **bare, "server_hostname": self._host}
        if call.operation.method == "DELETE":
            call.sends = 0
            return {**self._per_request, "middlewares": (*bound.middlewares, call.count_sends)}
        return self._per_request

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
        call = _Call(_GET_TOKEN, AccessToken, url, b"grant_type=client_credentials", _FORM, None)
        header = basic_header(mine.key_id, mine.key_secret)
        status, headers, raw = await self._send(bound, call, header, tries)
        hide = partial(self._hide, header, None)
        error: errors.SinchHostingError
        if 200 <= status < 300:
            try:
                return _usable(_wire.decode(call.operation.name, raw, AccessToken, _withhold))
            except errors.DecodeError as undecoded:
                error = undecoded.with_traceback(None)
        elif status in (400, 401, 403):
            error = _wire.api_error(call.operation.name, 401, headers, raw, hide)
            error.add_note("Check SINCH_KEY_ID and SINCH_KEY_SECRET, and that the key is active.")
        else:
            error = _wire.api_error(call.operation.name, status, headers, raw, hide)
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


def _withhold_unless_masked(hide: _wire.Hide, text: str) -> str:
    """A text that may hold a secret which nobody here knows: shown where that was found."""
    shown = hide(text)
    if _SECRET_FIELD.fullmatch(text):
        return shown
    return shown if "***" in shown or "secret" not in shown.lower() else _WITHHELD


async def _authorize(auth: Authorization) -> Secret:
    try:
        return await auth.fetch()
    except errors.SinchHostingError as error:
        raise _NoToken(error) from error


async def _tell(call: _Call[Any], error: errors.SinchHostingError) -> None:
    if call.witness is not None and not leaves_open(error):
        await call.witness.came_to_nothing(error)


def _expired(operation: str) -> errors.AuthenticationFailed:
    return errors.AuthenticationFailed(
        "the token had expired", operation=operation, status_code=401
    )


def _says_expired(headers: CIMultiDictProxy[str]) -> bool:
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


def _without_frames(error: BaseException) -> BaseException:
    """The error without aiohttp's variables: headers, bodies, and the half of an answer."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


_USERINFO = re.compile(r"//[^/@\s]*@")


def _transport_error(operation: str, error: BaseException) -> errors.TransportError:
    never_sent = isinstance(error, _NEVER_OPENED)
    # aiohttp shows a proxy's address whole, password and all.
    said = _USERINFO.sub("//***@", str(error)) or type(error).__name__
    what = "could not connect" if never_sent else "the connection failed before an answer came"
    if isinstance(error, _BROKEN_ANSWERS) and not never_sent:
        what = "the answer broke off or could not be read"
    if isinstance(error, TimeoutError):
        what = "no connection in time" if never_sent else "no answer in time"
    return errors.TransportError(f"{operation}: {what} ({said})", never_sent=never_sent)


def _usage_error(bound: _Bound, error: Exception) -> errors.SinchHostingError:
    if bound.http.closed:
        whose = "its aiohttp session" if bound.owns_http else "the session that it was given"
        return errors.UsageError(f"the client cannot send: {whose} is closed")
    if "AUTHORIZATION" in str(error):
        return errors.ConfigurationError(
            "the session that was passed in adds its own credentials (auth= or a netrc entry "
            "for the host); pass one without"
        )
    return errors.UsageError(f"aiohttp refuses the request: {error}")
