"""The session of one client: its state on an event loop, its calls, and its token."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio import Semaphore
from collections.abc import Coroutine, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode

from multidict import CIMultiDictProxy
from yarl import URL

from .. import errors
from .._aio import Clock, Sleep
from ..models.pages import OnBody
from . import codec
from .auth import Authorization, Basic, Token, TokenCache, basic_header
from .call import Call
from .credentials import Credentials
from .exchange import CLOSED, Exchange
from .loop_state import LoopState, SharedLoopState
from .operations import OPERATIONS, Operation, Retryability
from .responses import AccessToken
from .retry import CreateObserver, RateLimitPause, Retries, RetryPolicy
from .secrets import Secret, SecretBytes
from .settings import HttpSettings

if TYPE_CHECKING:
    from .._events import Events

T = TypeVar("T")
Query = Mapping[str, str | int | None]

_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ONCE = {"Connection": "close"}
# By whether a lost response matters (then the connection serves this request alone), and by
# whether there is a body.
_HEADERS = {
    (False, False): {},
    (False, True): _JSON,
    (True, False): _ONCE,
    (True, True): {**_JSON, **_ONCE},
}
# What the service documents, for a response that does not say how long its token lives.
_TOKEN_LIFE = 3600.0
# A longer life is taken for an error of the service, and for no life at all.
_LONGEST_TOKEN_LIFE = 1e9
_WITHHELD = "(withheld)"
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
        events: Events | None = None,
    ) -> None:
        self.events = events
        """Who is told what happens, where anybody is."""
        self._credentials = credentials
        self._http = http
        self._retry = retry
        self.clock = clock
        self.sleep = sleep
        self._project_path = f"/v1/projects/{credentials.project_id}"
        self._root = f"{credentials.base_url}{self._project_path}"
        self._bound: LoopState | None = None
        self._is_closed = False
        self._limit: Semaphore | None = None
        self._exchange = _exchange_of(http, credentials, retry, clock, sleep, events)
        self._token_pause = RateLimitPause(clock, sleep, events)

    @property
    def shared(self) -> Session:
        """The session that has opened what this one uses: itself, unless it is derived."""
        return self

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
        return total + (1 if total >= self._http.timeout.ceil_threshold else 0)

    @property
    def refusals(self) -> int:
        """How many requests of the client were answered 429 so far."""
        return self._exchange.pause.refusals

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
        """Return what belongs to the running loop, opened at first use; `UsageError` elsewhere."""
        bound = self._bound
        if bound is not None and bound.loop is asyncio.get_running_loop():
            return bound
        if self._is_closed:
            raise errors.UsageError(CLOSED)
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
        self._is_closed, self._bound = True, None
        if bound is not None:
            await bound.aclose(loop_runs=is_ours)

    def _make_auth(self) -> Authorization:
        credentials = self._credentials
        if credentials.auth == "basic":
            return Basic(credentials.key_id, credentials.key_secret)
        return TokenCache(self._fetch_token, self.clock)

    # ---------------------------------------------------------- requests

    def request(
        self,
        name: str,
        response_type: type[T],
        *,
        identifiers: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        is_poll: bool = False,
        observer: CreateObserver | None = None,
        on_body: OnBody | None = None,
        patience: int = 0,
    ) -> Coroutine[Any, Any, T]:
        """Return what sends an operation, and returns what its response holds; await it at once.

        A poll lets every other call go first, and is tried once: the next look tries again.
        The `observer` of a create is told of each try, when nothing is left to wait for.
        `on_body` is told of the body of a read before its model is made.
        `patience` is how many 429s are waited for beyond what the client's policy allows.
        """
        operation = OPERATIONS[name]
        address = _address(self._root, name, *identifiers.items() if identifiers else ())
        call = Call(operation, response_type, _with_query(address, query) if query else address)
        call.is_poll, call.on_body = is_poll, on_body
        if operation.method != "GET":
            call.observer, call.patience = observer, patience
            call.headers = _HEADERS[operation.loses_answers, body is not None]
            if body is not None:
                call.secret = body.get("hmacSecret")
                call.data = _encoded(body, call.secret)
        return self._send(call)

    async def get_json(self, path: str) -> object:
        """Read any path with the care of a read; see `SinchHosting.get_json`."""
        below = path if path.startswith("/") else f"{self._project_path}/{path}"
        address = URL(f"{self._credentials.base_url}{below}")
        # cattrs leaves `Any` as it is.
        call: Call[object] = Call(_GET_ANYTHING, cast("Any", Any), address)
        return await self._send(call)

    def _send(self, call: Call[T]) -> Coroutine[Any, Any, T]:
        sending = self._exchange.run(self.bind(), call)
        return sending if self._limit is None else _in_turn(self._limit, sending)

    # ------------------------------------------------------------- token

    async def _fetch_token(self) -> Token:
        retries = Retries(
            _GET_TOKEN,
            self._retry,
            self._token_pause,
            self.clock,
            self.sleep,
            self.clock(),
            events=self.events,
        )
        tries = 0
        while True:
            tries += 1
            try:
                token = await self._ask_for_token(tries)
                if self.events is not None:
                    self.events.fetched_token(token.expires_in)
                return token
            except errors.SinchHostingError as error:
                failed = error
            if not await retries.wait(failed):
                raise failed

    async def _ask_for_token(self, tries: int) -> Token:
        bound, mine = self.bind(), self._credentials
        await self._token_pause.wait(_GET_TOKEN, self._retry)
        url = URL(mine.auth_url, encoded=True)
        call = Call(_GET_TOKEN, AccessToken, url)
        call.data, call.headers = b"grant_type=client_credentials", _FORM
        call.tries = tries
        header = basic_header(mine.key_id, mine.key_secret)
        return self._token_of(call, header, *await self._exchange.send(bound, call, header))

    def _token_of(
        self,
        call: Call[AccessToken],
        header: Secret,
        status: int,
        headers: CIMultiDictProxy[str],
        raw: bytes,
    ) -> Token:
        """Return the token of a response, or raise what the response says."""
        hide = partial(self._exchange.hide, call, header)
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
        # Tracebacks may be shown with all variables: none of their frames holds the response.
        del raw, headers
        raise error


class DerivedSession(Session):
    """A session with settings of its own, which shares all that another one has open.

    The token, the connections, the queue, the pace and the pause after a 429 are the other one's.

    Args:
        session: the other one, itself derived or not.
        http: the settings; of these only the time-outs are its own.
        retry: how often its calls are tried.
        limit: how many of its calls may be under way at once, with the pauses between their
            tries; the other session's limit of requests holds as well.
    """

    def __init__(
        self, session: Session, http: HttpSettings, retry: RetryPolicy, limit: Semaphore | None
    ) -> None:
        super().__init__(
            session._credentials, http, retry, session.clock, session.sleep, session.events
        )
        self._shared = session.shared
        self._limit = limit
        self._exchange.pause = session._exchange.pause
        self._bound_of: LoopState | None = None

    @property
    def shared(self) -> Session:
        """The session that has opened what this one uses."""
        return self._shared

    def bind(self) -> LoopState:
        """Return what the shared session has on the running loop, with time-outs of one's own."""
        bound = self._shared.bind()
        if bound is not self._bound_of:
            self._bound_of = bound
            self._bound = SharedLoopState(bound, self._http.timeout)
        assert self._bound is not None  # noqa: S101 - it was made with `_bound_of`
        return self._bound

    async def aclose(self) -> None:
        """Do nothing: what is open belongs to the shared session."""


async def _in_turn(limit: Semaphore, sending: Coroutine[Any, Any, T]) -> T:
    try:
        async with limit:
            return await sending
    finally:
        sending.close()


def _exchange_of(
    http: HttpSettings,
    credentials: Credentials,
    retry: RetryPolicy,
    clock: Clock,
    sleep: Sleep,
    events: Events | None,
) -> Exchange:
    if events is None or events.telemetry is None:
        return Exchange(http, credentials, retry, clock, sleep, events)
    from .observed import ObservedExchange  # noqa: PLC0415 - for clients with telemetry alone

    telemetry = events.telemetry
    return ObservedExchange(telemetry, http, credentials, retry, clock, sleep, events)


# What was asked for once is often asked for again: a poll reads one order many times.
@lru_cache(maxsize=1024)
def _address(root: str, name: str, *identifiers: tuple[str, str]) -> URL:
    return URL(root + OPERATIONS[name].path(dict(identifiers)), encoded=True)


def _with_query(address: URL, query: Query) -> URL:
    given = [(key, value) for key, value in query.items() if value is not None]
    return URL(f"{address}?{urlencode(given)}", encoded=True)


def _usable(answer: AccessToken) -> Token:
    """Return the token of a response; `DecodeError` where it cannot be sent in a header."""
    try:
        life = _TOKEN_LIFE if answer.expires_in is None else float(answer.expires_in)
    except (ValueError, OverflowError):
        life = _TOKEN_LIFE
    if not 0 <= life <= _LONGEST_TOKEN_LIFE:  # nor is NaN
        life = _TOKEN_LIFE
    if not re.fullmatch("[ -~]+", answer.access_token):
        raise errors.DecodeError(
            _GET_TOKEN.name, path="access_token", reason="expected a token", body=_WITHHELD
        )
    return Token(value=Secret(answer.access_token), expires_in=life)


def _encoded(body: Mapping[str, Any], secret: Secret | None) -> bytes | SecretBytes:
    if secret is None:
        return json.dumps(body).encode()
    return SecretBytes(json.dumps({**body, "hmacSecret": secret.reveal()}).encode())


def _withhold(_: str) -> str:
    return _WITHHELD
