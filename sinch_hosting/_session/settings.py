"""The HTTP settings of a client, checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address
from ssl import SSLContext
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from attrs import Attribute, field, frozen
from yarl import URL

from .. import errors
from ..models._checks import check_positive, check_url, check_whole
from .secrets import Secret, plain

if TYPE_CHECKING:
    from .._events import Events, OnEvent
    from .._telemetry import Telemetry

R = TypeVar("R")
_TOTAL, _CONNECT, _READ = 60.0, 10.0, 30.0
# Connecting ends well before the whole does (aiohttp rounds up to seconds): only then is it
# known that nothing was sent.
_CONNECT_SHARE = 0.8


def _instance_of(*kinds: type, named: str) -> Callable[[object, Attribute[Any], object], None]:
    """Return a validator: with another type aiohttp would fail, and only in the first call."""

    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not isinstance(value, kinds):
            raise errors.InvalidRequest(field=attribute.name, value=value, rule=f"must be {named}")

    return check


def check_policy(value: object, kind: type, name: str) -> None:
    """Raise `ConfigurationError` for what is no policy, before the first call fails on it."""
    if not isinstance(value, kind):
        raise errors.ConfigurationError(f"{name} = {value!r}: must be a {kind.__name__}")


def check_callables(**given: object) -> None:
    """Raise `ConfigurationError` for what cannot be called."""
    for name, value in given.items():
        if not callable(value):
            raise errors.ConfigurationError(f"{name} = {value!r}: must be a function")


def check_proxy(proxy: str | None) -> None:
    """Raise `ConfigurationError` for what is no address; it does not show it or its password."""
    if proxy is None:
        return
    try:
        parts = urlsplit(plain(proxy))
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname and parts.port != 0)
        del parts
    except (ValueError, TypeError, AttributeError):
        is_address = False
    if not is_address:
        raise errors.ConfigurationError("proxy: must be a whole http(s) address")


def check_traces(values: object) -> tuple[aiohttp.TraceConfig, ...]:
    """Return the trace configurations, checked."""
    found = list(values) if isinstance(values, Iterable) else [values]
    traces = tuple(value for value in found if isinstance(value, aiohttp.TraceConfig))
    if len(traces) < len(found):
        raise errors.InvalidRequest(
            field="trace_configs", value=values, rule="must be a list of aiohttp.TraceConfig"
        )
    return traces


def check_address(value: str, name: str) -> str:
    """Return an address, checked: it is whole, and aiohttp takes it."""
    try:
        URL(check_url(value, name))
    except ValueError:
        rule = "must be a whole http(s) address"
        raise errors.InvalidRequest(field=name, value=value, rule=rule) from None
    return value


def check_encrypted(url: str, name: str) -> None:
    """Raise `ConfigurationError` for plain http to another machine: others could read it."""
    parts = URL(url)
    host = (parts.host or "").rstrip(".")
    is_local = host == "localhost" or host.endswith(".localhost")
    with suppress(ValueError):
        is_local = is_local or ip_address(host).is_loopback
    if parts.scheme == "http" and not is_local:
        raise errors.ConfigurationError(
            f"{name} = {url!r}: plain http would show the key to others on the network; use https, "
            "or pass allow_http=True"
        )


@frozen(kw_only=True, eq=False, repr=False)
class HttpSettings:
    """The settings that aiohttp needs."""

    session: aiohttp.ClientSession | None = field(
        validator=_instance_of(
            aiohttp.ClientSession, NoneType, named="an aiohttp.ClientSession or None"
        )
    )
    timeout: aiohttp.ClientTimeout
    trace_configs: tuple[aiohttp.TraceConfig, ...]
    trust_env: bool
    proxy: Secret | None
    ssl: Any = field(
        validator=_instance_of(
            bool, SSLContext, aiohttp.Fingerprint, named="a bool, an SSLContext or a Fingerprint"
        )
    )
    max_concurrency: int
    requests_per_second: float | None
    max_response_bytes: int


def check_finite(value: object, name: str) -> float:
    """Return a number that is above 0 and finite."""
    number = check_positive(value, name)
    if number == float("inf"):
        raise errors.InvalidRequest(field=name, value=value, rule="must be finite")
    return number


def timeout_settings(timeout: aiohttp.ClientTimeout | float | None) -> aiohttp.ClientTimeout:
    """Return the time-outs of a client; they are finite unless the caller sets others."""
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


def check_setting(check: Callable[..., R], *arguments: object) -> R:
    """Check a setting of a client; `ConfigurationError` where it makes no sense."""
    try:
        return check(*arguments)
    except errors.InvalidRequest as error:
        raise errors.ConfigurationError(str(error)) from None


def http_settings(
    *,
    session: aiohttp.ClientSession | None,
    timeout: aiohttp.ClientTimeout | float | None,
    trace_configs: Iterable[aiohttp.TraceConfig],
    trust_env: bool,
    proxy: Secret | None,
    ssl: SSLContext | aiohttp.Fingerprint | bool,
    max_concurrency: int,
    requests_per_second: float | None,
    max_response_bytes: int,
) -> HttpSettings:
    """Check what a client is told about HTTP; raises `ConfigurationError`."""
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
    except errors.InvalidRequest as error:
        raise errors.ConfigurationError(str(error)) from None
    if session is not None and (http.trace_configs or trust_env):
        raise errors.ConfigurationError(
            "trace_configs and trust_env belong to an aiohttp session: set them on the "
            "session that you pass, or pass none"
        )
    return http


def polls_at_once(max_concurrency: int, requests_per_second: float | None) -> int:
    """Return how many requests may be polls at the same time: half of all, few where all are paced.

    Paced requests leave one by one, so every poll that is under way holds up the next call.
    """
    half = max(1, max_concurrency // 2)
    if requests_per_second is None:
        return half
    return min(half, max(1, int(requests_per_second / 4)))


def events_of(on_event: OnEvent | None, telemetry: bool | Telemetry | None) -> Events | None:
    """Who is told what happens; nothing of it is loaded where nobody asked."""
    if on_event is not None:
        check_callables(on_event=on_event)
    is_asked_for = _is_observed() if telemetry is None else telemetry
    if on_event is None and is_asked_for is False:
        return None
    from .._events import Events  # noqa: PLC0415
    from .._telemetry import recorder_of  # noqa: PLC0415

    return Events(on_event, recorder_of(is_asked_for))


def _is_observed() -> bool:
    """Whether the program has given OpenTelemetry a provider; it is not imported to find out."""
    trace, metrics = map(sys.modules.get, ("opentelemetry.trace", "opentelemetry.metrics"))
    providers = [
        *([trace.get_tracer_provider()] if trace else ()),
        *([metrics.get_meter_provider()] if metrics else ()),
    ]
    return any("Proxy" not in type(provider).__name__ for provider in providers)
