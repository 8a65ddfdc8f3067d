"""The keywords of a client as types (PEP 692), for functions that pass some of them on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    import ssl as ssl_module

    import aiohttp

    from .._events import OnEvent
    from .._polling.policy import PollPolicy
    from .._telemetry import Telemetry
    from .retry import RetryPolicy


class ClientOptions(TypedDict, total=False):
    """The arguments of `SinchHosting`."""

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
    on_event: OnEvent | None
    telemetry: bool | Telemetry | None
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class CallOptions(TypedDict, total=False):
    """The keywords of `SinchHosting.with_options`."""

    timeout: aiohttp.ClientTimeout | float | None
    retry: RetryPolicy | None
    max_concurrency: int | None
