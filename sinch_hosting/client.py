"""`SinchHosting`: one client, one session, four resources."""

from __future__ import annotations

import asyncio
import time
from asyncio import Semaphore
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from attrs import evolve

from ._onboarding.call import OnboardCall
from ._polling.policy import PollPolicy
from ._session.credentials import check_credentials, from_environment
from ._session.options import ClientOptions
from ._session.orders_api import OrdersApi
from ._session.retry import RetryPolicy
from ._session.secrets import Secret
from ._session.session import DerivedSession, Session
from ._session.settings import (
    HttpSettings,
    check_callables,
    check_encrypted,
    check_policy,
    check_setting,
    events_of,
    http_settings,
    timeout_settings,
)
from .models import Order
from .models._checks import check_path, check_whole
from .resources.callback_configuration import CallbackConfigurations
from .resources.hosting_orders import HostingOrders
from .resources.imported_numbers import ImportedNumbers
from .resources.qualified_numbers import QualifiedNumbers
from .states import OrderState, parse_state

if TYPE_CHECKING:
    import ssl as ssl_module

    import aiohttp

    from ._bulk.order_runs import OrderRuns
    from ._events import OnEvent
    from ._polling.waits import OnUpdate
    from ._polling.watcher import Watcher
    from ._telemetry import Telemetry
    from .models import CallbackEvent

BASE_URL = "https://imported.numbers.api.sinch.com"
AUTH_URL = "https://auth.sinch.com/oauth2/token"


class SinchHosting(OnboardCall):
    """A client of Sinch's Imported Numbers and Hosting Orders API.

    Use it as `async with SinchHosting.from_env() as sinch:`, or call `aclose()` at the end.
    A new client opens no connection; its first call does. One client serves any number of tasks
    of one event loop. Another loop needs another client.

    Args:
        project_id: the project of the account.
        key_id: the access key's id.
        key_secret: the key's secret; no `repr`, log or error shows it.
        auth: `oauth` for tokens, which all tasks share and which are renewed before they expire,
            or `basic`, to which the service allows few requests.
        base_url: the address of the API.
        auth_url: the whole address of the token endpoint.
        session: an aiohttp session of your own; the client never closes it. Set `trace_configs`
            and `trust_env` on the session itself then.
        timeout: an `aiohttp.ClientTimeout`, or seconds in total; by default 10 s to connect, 30 s
            between two reads, 60 s in total. It starts when a request leaves the queue.
        retry: how often, and how long, a request is tried.
        poll: how often a wait reads.
        max_concurrency: requests at the same time; further ones queue.
        requests_per_second: a limit for all requests together; none by default.
        max_response_bytes: the longest answer that is read, in bytes after decompression; a
            longer one is a `DecodeError`. 64 MiB by default.
        import_limit: the most numbers in an import order; 5 unless your account has more.
        trace_configs: aiohttp's tracing, where the client makes the session.
        trust_env: take proxies from the environment, where the client makes the session.
        proxy: the address of a proxy.
        ssl: as aiohttp takes it: `True`, `False` (no checks), a context or a fingerprint.
        allow_http: send credentials and numbers unencrypted to a host that is not this machine.
        on_event: an async or plain function that is called with each `ClientEvent`, one after
            the other. It may be slow or raise: nothing waits for it. A plain one runs in a thread.
        telemetry: `True` for spans and measurements (extra `[otel]`), `False` for none, a
            `Telemetry` for other providers than the global ones. By default they are on where
            the program has set a global provider of OpenTelemetry before it makes the client.
        clock: returns the time in seconds, and never goes back; for tests.
        sleep: waits for so many seconds; for tests.

    Raises:
        ConfigurationError: a setting is missing or makes no sense.

    Besides what its docstring names, every call raises `ApiError` or a subclass where the service
    answers with an error, `TransportError` where no answer comes, `DecodeError` where an answer
    cannot be understood, and `UsageError` on a closed client or another event loop.

    What is sent again, within `retry.max_tries` and `retry.max_time`:

    | operation | connection never opened | 429 | 500, 502, 503, 504, no answer, no JSON |
    |---|---|---|---|
    | reads, deletes, updates | yes | yes | yes |
    | creates | yes | yes | no: looked up, else `OutcomeUnknown` |
    | voice challenges | no | no | no: `OutcomeUnknown` |

    A 401 that says that the token has expired renews it, and the request is sent once more; this
    is safe for every request, since nothing was done. A delete that is sent again and finds
    nothing has succeeded. The longest pause doubles from `retry.initial` on, and each pause is a
    random part of it. A `Retry-After`, in seconds or as a date, is waited for, and the random part
    comes on top. If it is longer than `retry.maximum`, `RateLimited` is raised at once, with
    `retry_after`. A 429 pauses all requests of the client, for an hour at most (or
    `retry.maximum`, where that is longer); `RateLimited` tells the seconds that are left. Every
    create opens a new connection, so a pooled connection that was closed does not make it lost.
    """

    imported_numbers: ImportedNumbers
    qualified_numbers: QualifiedNumbers
    hosting_orders: HostingOrders
    callback_configuration: CallbackConfigurations
    _shown = "<SinchHosting>"  # a debugger may ask before `__init__` ends
    _limit: Semaphore | None = None

    def __init__(
        self,
        project_id: str,
        key_id: str,
        key_secret: str,
        *,
        auth: Literal["oauth", "basic"] = "oauth",
        base_url: str = BASE_URL,
        auth_url: str = AUTH_URL,
        session: aiohttp.ClientSession | None = None,
        timeout: aiohttp.ClientTimeout | float | None = None,
        retry: RetryPolicy | None = None,
        poll: PollPolicy | None = None,
        max_concurrency: int = 50,
        requests_per_second: float | None = None,
        max_response_bytes: int = 64 * 1024 * 1024,
        import_limit: int = 5,
        trace_configs: Iterable[aiohttp.TraceConfig] = (),
        trust_env: bool = False,
        proxy: str | None = None,
        ssl: ssl_module.SSLContext | aiohttp.Fingerprint | bool = True,
        allow_http: bool = False,
        on_event: OnEvent | None = None,
        telemetry: bool | Telemetry | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if isinstance(key_secret, str):
            key_secret = Secret(key_secret)  # from here on no dump of variables shows it
        if isinstance(proxy, str):
            proxy = Secret(proxy)  # it may hold a password
        retry = RetryPolicy() if retry is None else retry
        poll = PollPolicy() if poll is None else poll
        check_policy(retry, RetryPolicy, "retry")
        check_policy(poll, PollPolicy, "poll")
        check_callables(clock=clock, sleep=sleep)
        http = http_settings(
            session=session,
            timeout=timeout,
            trace_configs=trace_configs,
            trust_env=trust_env,
            proxy=proxy,
            ssl=ssl,
            max_concurrency=max_concurrency,
            requests_per_second=requests_per_second,
            max_response_bytes=max_response_bytes,
        )
        self._import_limit = check_setting(check_whole, import_limit, "import_limit")
        credentials = check_credentials(project_id, key_id, key_secret, auth, base_url, auth_url)
        if not allow_http:
            check_encrypted(base_url, "base_url")
            check_encrypted(auth_url, "auth_url")
        self._poll = poll
        self._events = events = events_of(on_event, telemetry)
        self._shared: SinchHosting | None = None
        self._watcher: Watcher | None = None
        self._shown = f"<SinchHosting project_id={project_id!r} key_id={key_id!r} {base_url}>"
        self._use(Session(credentials, http, retry, clock, sleep, events), http, retry)

    def _use(self, session: Session, http: HttpSettings, retry: RetryPolicy) -> None:
        """Make the resources that send their calls with a session."""
        self._session, self._http, self._retry = session, http, retry
        self._orders_api = OrdersApi(session, self._wait_for)
        self._runs: OrderRuns | None = None
        self.imported_numbers = ImportedNumbers(session, retry, self._get_watcher)
        self.hosting_orders = HostingOrders(self._orders_api, self._get_runs, self._get_watcher)
        self.qualified_numbers = QualifiedNumbers(
            session, self._orders_api, self._get_runs, self._get_watcher
        )
        self.callback_configuration = CallbackConfigurations(session)

    def with_options(
        self,
        *,
        timeout: aiohttp.ClientTimeout | float | None = None,
        retry: RetryPolicy | None = None,
        max_concurrency: int | None = None,
    ) -> Self:
        """Make a client that has other settings for its calls, and shares all else with this one.

        `await sinch.with_options(timeout=5).hosting_orders.get(order_id)`. Both share the
        connections, the token, the pause after a 429, the pace and all waits: these look with
        the settings of the first client. It costs little and opens nothing. It ends with the
        first client; to close it, or to leave an `async with` of it, does nothing.

        Args:
            timeout: as for `SinchHosting`; what this client has by default.
            retry: as for `SinchHosting`; what this client has by default.
            max_concurrency: calls of the new client at once, with the pauses between their tries;
                the limit of the first client holds as well. What this client has by default.

        Raises:
            ConfigurationError: a setting makes no sense.
        """
        retry = self._retry if retry is None else retry
        check_policy(retry, RetryPolicy, "retry")
        http, limit = self._http, self._limit
        if timeout is not None:
            http = evolve(http, timeout=check_setting(timeout_settings, timeout))
        if max_concurrency is not None:
            check_setting(check_whole, max_concurrency, "max_concurrency")
            http, limit = evolve(http, max_concurrency=max_concurrency), Semaphore(max_concurrency)
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._shared, twin._limit = self._shared or self, limit
        twin._use(DerivedSession(self._session, http, retry, limit), http, retry)
        return twin

    # What waits and what creates orders is loaded by the first call that needs it.

    def _get_watcher(self) -> Watcher:
        if self._shared is not None:
            return self._shared._get_watcher()
        if self._watcher is None:
            from ._polling.watcher import Watcher  # noqa: PLC0415

            self._watcher = Watcher(self._session, self._poll)
        return self._watcher

    def _get_runs(self) -> OrderRuns:
        if self._runs is None:
            from ._bulk.order_runs import OrderRuns  # noqa: PLC0415

            self._runs = OrderRuns(
                self._orders_api,
                import_limit=self._import_limit,
                max_concurrency=self._session.max_concurrency,
                live=None if self._shared is None else self._shared._get_runs().live,
            )
        return self._runs

    @classmethod
    def from_env(cls, **overrides: Unpack[ClientOptions]) -> Self:
        """Make a client with the credentials of the environment.

        Reads `SINCH_PROJECT_ID`, `SINCH_KEY_ID` and `SINCH_KEY_SECRET`, and where they are set
        `SINCH_HOSTING_BASE_URL` and `SINCH_HOSTING_AUTH_URL`.

        Args:
            overrides: any arguments of `SinchHosting`; they replace the environment's.

        Raises:
            ConfigurationError: variables are missing (it names them), or make no sense.
        """
        found: dict[str, Any] = from_environment(overrides)
        return cls(**found, **overrides)

    def __repr__(self) -> str:
        return self._shown

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self._session.__reduce__()  # `UsageError`: it holds a secret and connections

    async def __aenter__(self) -> Self:
        self._session.bind()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def notify(self, event: CallbackEvent) -> None:
        """Make the waits for the order or number of a callback read it now.

        The first event about an order is read at once; the events of the next half second share
        one further request. An event that names only a number wakes the order that holds it, or
        all orders whose numbers are not known. Call it on the client's event loop. Where nothing
        waits, it does nothing. Safe to repeat.

        Args:
            event: what `callbacks.parse` returned. A `CallbackReceiver` calls this by itself.
        """
        watcher = (self._shared or self)._watcher
        if event.resource_id and watcher is not None:
            watcher.notify(event.resource_id)

    async def _wait_for(
        self,
        order: Order,
        state: OrderState | str,
        *,
        timeout: float | None,
        on_update: OnUpdate[Order] | None,
    ) -> Order:
        """Wait for an order; `order.wait_until` calls this."""
        from ._polling.sources import orders_of  # noqa: PLC0415 - loads when used
        from ._polling.waits import order_goal, wait_until  # noqa: PLC0415 - loads when used

        goal = order_goal(orders_of(self._orders_api), parse_state(OrderState, state, "state"))
        watcher = self._get_watcher()
        return await wait_until(watcher, goal, order, timeout=timeout, on_update=on_update)

    async def get_json(self, path: str) -> object:
        """Read any path of the service, for what this version has no call. Safe to repeat.

        Args:
            path: a path below the project, such as `hostingOrders/ID`, or a whole one that begins
                with `/v1/`; percent-encoded, with a query where it needs one. It is read by `GET`.

        Returns:
            The JSON as it came.

        Raises:
            InvalidRequest: it is no path; nothing was sent.
            SinchHostingError: what every call raises.
        """
        return await self._session.get_json(check_path(path))

    async def aclose(self) -> None:
        """Close the client, and its session unless you passed one. Safe to repeat.

        Waits end with `UsageError`, and calls that are under way fail. A closed client cannot be
        used again (`UsageError`). A client from `with_options` owns nothing: closing it does
        nothing.
        """
        if self._shared is not None:
            return
        try:
            if self._watcher is not None:
                await self._watcher.aclose()
        finally:
            try:
                await self._session.aclose()
            finally:
                if self._events is not None:
                    await self._events.aclose()
