"""`SinchHosting`: one client, one session, four resources."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack

from ._polling.policy import PollPolicy
from ._polling.sources import orders_of
from ._polling.waits import OnUpdate, order_goal, wait_until
from ._session.credentials import check_credentials, from_environment
from ._session.orders_api import OrdersApi
from ._session.retry import RetryPolicy
from ._session.secrets import Secret
from ._session.session import Session
from ._session.settings import (
    HttpSettings,
    check_callables,
    check_encrypted,
    check_finite,
    check_policy,
    check_proxy,
    check_traces,
    timeout_settings,
)
from .errors import ConfigurationError, InvalidRequest
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

    from ._bulk.letters import Confirm
    from ._bulk.order_runs import OrderRuns
    from ._bulk.order_template import LedgerPath, OnUnknown
    from ._onboarding.context import ReadyAt, VoiceCode
    from ._onboarding.onboarding import LetterFor, Onboarding
    from ._onboarding.report import NumberToOnboard
    from ._polling.watcher import Watcher
    from .models import CallbackEvent

BASE_URL = "https://imported.numbers.api.sinch.com"
AUTH_URL = "https://auth.sinch.com/oauth2/token"


class ClientOptions(TypedDict, total=False):
    """The arguments of `SinchHosting`, for what passes some of them on."""

    project_id: str
    key_id: str
    key_secret: str
    auth: Literal["oauth", "basic"]
    base_url: str
    auth_url: str
    session: aiohttp.ClientSession | None
    timeout: aiohttp.ClientTimeout | float | None
    retry: RetryPolicy | None
    poll: PollPolicy | None
    max_concurrency: int
    requests_per_second: float | None
    max_response_bytes: int
    import_limit: int
    trace_configs: Iterable[aiohttp.TraceConfig]
    trust_env: bool
    proxy: str | None
    ssl: ssl_module.SSLContext | aiohttp.Fingerprint | bool
    allow_http: bool
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class SinchHosting:
    """A client of Sinch's Imported Numbers and Hosting Orders API.

    Use it as `async with SinchHosting.from_env() as sinch:`, or call `aclose()` at the end.
    A new client opens no connection; its first call does. One client serves any number of tasks
    of one event loop. Another loop needs another client.

    Args:
        project_id: the project of the account.
        key_id: the access key's id.
        key_secret: its secret; it shows in no `repr`, log or error.
        auth: `oauth` for tokens, fetched once for all tasks and renewed ahead of their end, or
            `basic`, which the service limits heavily.
        base_url: the API.
        auth_url: the token endpoint, whole.
        session: an aiohttp session to borrow; it is never closed, and what belongs to a
            session (`trace_configs`, `trust_env`) is then set on it by its owner.
        timeout: an `aiohttp.ClientTimeout`, or seconds in all; by default 10 s to connect, 30 s
            between two reads, 60 s in all. It starts when a request leaves the queue.
        retry: how often a request is tried.
        poll: how often a wait looks.
        max_concurrency: requests at once; further ones queue.
        requests_per_second: a pace for all requests together; none by default.
        max_response_bytes: bytes of an answer that are read at most, counted as they are once
            decompressed; a longer one is a `DecodeError`. 64 MiB by default.
        import_limit: numbers an import order may hold; 5 unless the account has more.
        trace_configs: aiohttp's tracing, for a session of the client's own.
        trust_env: take proxies from the environment, for a session of the client's own.
        proxy: a proxy's address.
        ssl: as aiohttp takes it: `True`, `False` (no checks), a context or a fingerprint.
        allow_http: send credentials and numbers unencrypted to a host that is not this machine.
        clock: seconds, ever growing; for tests.
        sleep: what waits; for tests.

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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if isinstance(key_secret, str):
            key_secret = Secret(key_secret)  # from here on no dump of variables shows it
        retry = RetryPolicy() if retry is None else retry
        poll = PollPolicy() if poll is None else poll
        check_policy(retry, RetryPolicy, "retry")
        check_policy(poll, PollPolicy, "poll")
        check_callables(clock=clock, sleep=sleep)
        check_proxy(proxy)
        try:
            http = HttpSettings(
                session=session,
                timeout=timeout_settings(timeout),
                trace_configs=check_traces(trace_configs),
                trust_env=trust_env,
                proxy=proxy,
                ssl=ssl,
                max_concurrency=check_whole(max_concurrency, "max_concurrency"),
                requests_per_second=None
                if requests_per_second is None
                else check_finite(requests_per_second, "requests_per_second"),
                max_response_bytes=check_whole(max_response_bytes, "max_response_bytes"),
            )
            check_whole(import_limit, "import_limit")
        except InvalidRequest as error:
            raise ConfigurationError(str(error)) from None
        if session is not None and (http.trace_configs or trust_env):
            raise ConfigurationError(
                "trace_configs and trust_env belong to an aiohttp session: set them on the "
                "session that you pass, or pass none"
            )
        credentials = check_credentials(project_id, key_id, key_secret, auth, base_url, auth_url)
        if not allow_http:
            check_encrypted(base_url, "base_url")
            check_encrypted(auth_url, "auth_url")
        self._poll = poll
        self._session = Session(credentials, http, retry, clock, sleep)
        self._orders_api = OrdersApi(self._session, self._wait_for)
        self._watcher: Watcher | None = None
        self._runs: OrderRuns | None = None
        self._import_limit = import_limit
        self.imported_numbers = ImportedNumbers(self._session, retry, self._get_watcher)
        self.hosting_orders = HostingOrders(self._orders_api, self._get_runs, self._get_watcher)
        self.qualified_numbers = QualifiedNumbers(
            self._session, self._orders_api, self._get_runs, self._get_watcher
        )
        self.callback_configuration = CallbackConfigurations(self._session)
        self._shown = f"<SinchHosting project_id={project_id!r} key_id={key_id!r} {base_url}>"

    # What waits and what creates orders is loaded by the first call that needs it.

    def _get_watcher(self) -> Watcher:
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

    def onboard(
        self,
        numbers: Iterable[str | NumberToOnboard],
        *,
        job: str,
        service_plan_id: str,
        loa: LetterFor | None = None,
        campaign_id: str | None = None,
        region_code: str | None = None,
        nnid: str | None = None,
        scheduled_osr_update_time: datetime | None = None,
        scheduled_zipwhip_provisioning_time: datetime | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        chunk_size: int = 500,
        ready_at: ReadyAt = "eligible",
        readiness_window: float = 86_400.0,
        voice_code: VoiceCode | None = None,
        relink: bool = False,
        timeout: float | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
        max_letters: int | None = None,
    ) -> Onboarding:
        """Text-enable numbers on a plan and campaign, whatever their state is now.

        Reads each one's state, puts the unknown into qualification (and says once which invoices
        have to be mailed), waits until they may be ordered, text-enables local and toll-free ones
        their own ways (`TextEnableQualifiedNumbers`, `TextEnableTollFreeQualifiedNumbers`), waits
        for completion and verifies each. A number is done once its routing (OSR) is updated and
        it is on the SMS platform, and on the campaign where one is given; an imported one, once
        it is provisioned there. Numbers are grouped by kind, region and letter, then chunked.

        Args:
            numbers: in E.164, or `NumberToOnboard` with a letter or region of its own; from an
                iterable, which is read at once.
            job: 1 to 25 letters; the same job run again goes on where it was.
            service_plan_id: where the numbers shall be.
            loa: the letter, or what returns one for a number; every order mails its own.
            campaign_id: the 10DLC campaign, for local numbers. Without one the vendor generates
                no letter for them, by its own words: that is allowed, and warned of.
            region_code: `US` or `CA`; by default what the service says of each number.
            nnid: a routing id of your own, which the account manager has provisioned before; by
                default the account's or Sinch's own.
            scheduled_osr_update_time: as for `text_enable`.
            scheduled_zipwhip_provisioning_time: as for `text_enable_toll_free`.
            display_name: as for `text_enable`; the job's tag comes before it.
            callback_url: as for `text_enable`.
            chunk_size: numbers an order, at most 500.
            ready_at: `eligible` orders ELIGIBLE numbers of which no proof of ownership is asked
                for; what the service refuses then waits to be VERIFIED, and is not ordered
                again before. `verified` orders only what is VERIFIED.
            readiness_window: seconds that numbers wait for others of their group, a day by
                default: since every order is a letter, fewer orders are fewer letters.
            voice_code: an async or plain function of a number that was rung; returns the code
                that was told, or `None` for a proof by invoice, as for all without it. A slow or
                failing one delays no other number. A run rings each unproven number once.
            relink: move numbers that are imported elsewhere; each is without service meanwhile.
            timeout: seconds after which it ends with what is done; by default without end. Only
                a create that has left by then is waited for, so that its order is not lost.
            ledger: the path of the job's ledger; needed without a campaign and for toll-free
                numbers, and to be recommended wherever letters are mailed.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: `hold` or `resend`; by default `hold` where a letter is mailed, or there
                is no campaign.
            retry_rejected: order again what is in REJECTED orders, or failed to be hosted; with
                `voice_code` also ring again what is VERIFICATION_FAILED.
            confirm: an async or plain function that is shown `LettersToSend`, who gets how many
                letters at least, before anything is sent; unless it returns `True`,
                `NotConfirmed` is raised.
            max_letters: letters that this run mails at most; numbers whose order would mail one
                more fail, and another run may order them. Any number by default.

        A `waiting` step tells for whom a number waits, again each day; each line of the report
        has `waiting_on` and `what_to_do`. It looks as often as the client's `poll` says: by
        default once a minute for each order. `PollPolicy(maximum=3600)` saves requests where
        people take days. After a callback, `notify` lets it look at once.

        Returns an `Onboarding`: iterate over it for its steps, or `await .run()` for the report,
        once; `await .plan()` says what would be done. Raises `InvalidRequest` at once, and
        `JobChanged`, before anything is sent, where the job was begun with other arguments. May
        be ended at any point; safe to repeat with the same job.
        """
        from ._onboarding.context import Context, OnboardingSettings  # noqa: PLC0415
        from ._onboarding.onboarding import begin  # noqa: PLC0415
        from ._onboarding.reader import NumberReader  # noqa: PLC0415

        settings = OnboardingSettings(
            service_plan_id=service_plan_id,
            campaign_id=campaign_id,
            nnid=nnid,
            scheduled_osr_update_time=scheduled_osr_update_time,
            scheduled_zipwhip_provisioning_time=scheduled_zipwhip_provisioning_time,
            display_name=display_name,
            callback_url=callback_url,
            chunk_size=chunk_size,
            ready_at=ready_at,
            readiness_window=readiness_window,
            voice_code=voice_code,
            relink=relink,
            timeout=timeout,
            max_letters=max_letters,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )
        context = Context(
            settings=settings,
            session=self._session,
            imported=self.imported_numbers,
            qualified=self.qualified_numbers,
            orders=self._orders_api,
            runs=self._get_runs(),
            reader=NumberReader(
                self.qualified_numbers,
                self.imported_numbers,
                self._get_watcher().budget,
                self._session.max_concurrency,
            ),
            poll=self._poll,
        )
        return begin(context, numbers, loa=loa, region_code=region_code)

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
        if event.resource_id and self._watcher is not None:
            self._watcher.notify(event.resource_id)

    async def _wait_for(
        self,
        order: Order,
        state: OrderState | str,
        *,
        timeout: float | None,
        on_update: OnUpdate[Order] | None,
    ) -> Order:
        """What `order.wait_until` does: an order knows nothing of the watcher."""
        goal = order_goal(orders_of(self._orders_api), parse_state(OrderState, state, "state"))
        watcher = self._get_watcher()
        return await wait_until(watcher, goal, order, timeout=timeout, on_update=on_update)

    async def get_json(self, path: str) -> object:
        """Read anything that the service has, for what this version has no call.

        Args:
            path: below the project, such as `hostingOrders/ID`, or whole from `/v1/` on; with a
                query, percent-encoded, where it needs one.

        Returns the JSON as it came. Raises `InvalidRequest` for what is no path, and what every
        call raises. Safe to repeat: only `GET` is sent.
        """
        return await self._session.get_json(check_path(path))

    async def aclose(self) -> None:
        """Close the client, and its session unless you passed one. Safe to repeat.

        Waits end with `UsageError`, and calls that are under way fail. A closed client cannot be
        used again (`UsageError`).
        """
        try:
            if self._watcher is not None:
                await self._watcher.aclose()
        finally:
            await self._session.aclose()
