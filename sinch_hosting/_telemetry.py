"""OpenTelemetry: a span an operation, a try, a wait and a job, and what is counted.

It is on where the program has set a provider before it makes a client, or asks for it.
No attribute holds a phone number, an e-mail address, a name, a token or the text of an error:
a span names the template of a path, never the path.

| span | kind | what it covers |
|---|---|---|
| `text_enable hosting_orders` | internal | one operation of the contract, over all its tries |
| `POST /v1/projects/{project_id}/…` | client | one try |
| `wait_until hosting_orders` | internal | a wait; linked to the creates of its orders |
| `job text_enable hosting_orders` | internal | a bulk run; its creates are inside |

The requests with which waits look are shared by all waits. Their spans have no parent; each is
linked to the waits that were open then.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import ApiError, ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Link, Span, SpanContext, TracerProvider
    from yarl import URL

_NAME = "sinch_hosting"
_MOST_LINKS = 32
_MOST_CREATED = 10_000
# What the conventions say for HTTP durations, in seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
# The calls of this package, by the operations of the contract.
_CALLS = {
    "ListImportedNumbers": "list imported_numbers",
    "ImportNumber": "import_number imported_numbers",
    "GetImportedNumber": "get imported_numbers",
    "UpdateImportedNumber": "update imported_numbers",
    "DeleteImportedNumber": "delete imported_numbers",
    "ListHostingOrders": "list hosting_orders",
    "GetHostingOrder": "get hosting_orders",
    "GetHostingOrderReport": "report hosting_orders",
    "ListHostingOrderNumbers": "numbers hosting_orders",
    "GetHostingOrderNumber": "number hosting_orders",
    "ImportNumbers": "import_numbers hosting_orders",
    "TextEnableHostingOrderNumbers": "text_enable hosting_orders",
    "TextEnableTollFreeHostingOrderNumbers": "text_enable_toll_free hosting_orders",
    "GetCallbackConfiguration": "get callback_configuration",
    "UpdateCallbackConfiguration": "update callback_configuration",
    "ListQualifiedNumbers": "list qualified_numbers",
    "GetQualifiedNumber": "get qualified_numbers",
    "DeleteQualifiedNumber": "delete qualified_numbers",
    "AddQualifiedNumbers": "add qualified_numbers",
    "TextEnableQualifiedNumbers": "text_enable qualified_numbers",
    "TextEnableTollFreeQualifiedNumbers": "text_enable_toll_free qualified_numbers",
    "SendVoiceChallenge": "send_voice_challenge qualified_numbers",
    "VerifyVoiceChallenge": "verify_voice_challenge qualified_numbers",
    "GET": "get_json",
}


class Telemetry:
    """Providers of OpenTelemetry for one client, where the global ones are not meant.

    Args:
        tracer_provider: makes the spans; the global one by default.
        meter_provider: takes the measurements; the global one by default.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        try:
            import opentelemetry.metrics  # noqa: PLC0415 - optional
            import opentelemetry.trace  # noqa: F401, PLC0415
        except ImportError:
            raise ConfigurationError(
                "telemetry: OpenTelemetry is not installed; pip install 'sinch-hosting[otel]'"
            ) from None


class Recorder:
    """Makes the spans and measurements of one client."""

    def __init__(self, telemetry: Telemetry) -> None:
        from opentelemetry import metrics, trace  # noqa: PLC0415 - `telemetry` has found it

        self._trace = trace
        self._tracer = trace.get_tracer(_NAME, __version__, telemetry.tracer_provider)
        meter = metrics.get_meter(_NAME, __version__, telemetry.meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._waited_for = meter.create_up_down_counter(
            "sinch_hosting.orders.waited_for",
            unit="{order}",
            description="Orders that somebody waits for.",
        )
        self._letters = meter.create_counter(
            "sinch_hosting.letters.sent",
            unit="{letter}",
            description="Orders that were created and mail a letter.",
        )
        self._pauses = meter.create_counter(
            "sinch_hosting.pauses",
            unit="{pause}",
            description="Pauses of the whole client after a 429.",
        )
        self._retries = meter.create_counter(
            "sinch_hosting.retries", unit="{retry}", description="Tries that followed a failed one."
        )
        self._created: OrderedDict[str, SpanContext] = OrderedDict()
        self._waits: dict[int, SpanContext] = {}

    # -------------------------------------------------------------- requests

    @contextmanager
    def operation(self, name: str, *, is_poll: bool) -> Iterator[Span]:
        """A span for an operation of the contract, over all its tries."""
        links = self._links(islice(self._waits.values(), _MOST_LINKS)) if is_poll else []
        title = _CALLS.get(name, name)
        with self._span(title, {"sinch.operation": name}, links=links) as span:
            yield span

    @contextmanager
    def request(self, method: str, template: str | None, url: URL, resends: int) -> Iterator[Reply]:
        """A span, and a measurement, for one request; the reply is filled in inside."""
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.scheme": url.scheme,
            "server.address": url.host or "",
            "server.port": url.port or 0,
            **({"url.template": template} if template else {}),
        }
        reply = Reply()
        kind = self._trace.SpanKind.CLIENT
        started = time.perf_counter()
        try:
            title = f"{method} {template}" if template else method
            with self._span(title, attributes, kind=kind) as span:
                if resends:
                    span.set_attribute("http.request.resend_count", resends)
                try:
                    yield reply
                except BaseException as error:
                    attributes["error.type"] = _error_type(error)
                    raise
                attributes["http.response.status_code"] = reply.status
                span.set_attribute("http.response.status_code", reply.status)
                if reply.status >= 400:
                    attributes["error.type"] = str(reply.status)
                    span.set_attribute("error.type", str(reply.status))
                    span.set_status(self._trace.StatusCode.ERROR)
        finally:
            self._duration.record(time.perf_counter() - started, attributes)

    def created(self, span: Span, order_id: str) -> None:
        """Remember which span created an order: waits for it are linked to that."""
        span.set_attribute("sinch.hosting_order_id", order_id)
        self._created[order_id] = span.get_span_context()
        if len(self._created) > _MOST_CREATED:
            self._created.popitem(last=False)

    # -------------------------------------------------------- waits and jobs

    # What is inside of these has no span around it: the code of a caller may be there, too.

    @contextmanager
    def wait(self, read: str, wanted: str, ids: Iterable[str]) -> Iterator[None]:
        """A span for a wait, linked to the creates of what is waited for.

        Args:
            read: the operation that reads what is waited for.
            wanted: the state, or what else is waited for.
            ids: what is waited for.
        """
        listed = list(ids)
        resource = _CALLS[read].partition(" ")[2]
        created = (self._created[each] for each in listed if each in self._created)
        with self._open(
            f"wait_until {resource}",
            {"sinch.wanted": wanted, "sinch.waited_for": len(listed)},
            self._links(islice(created, _MOST_LINKS)),
        ) as span:
            self._waits[id(span)] = span.get_span_context()
            try:
                yield
            finally:
                del self._waits[id(span)]

    @contextmanager
    def job(self, operation: str, *, has_job: bool) -> Iterator[JobSpan]:
        """A span for a bulk run or an onboarding; what is sent for it is sent `inside`."""
        title = f"job {_CALLS.get(operation, operation)}"
        with self._open(title, {"sinch.has_job": has_job}) as span:
            job = JobSpan(self._trace, span)
            try:
                yield job
            finally:
                for outcome, count in job.counts.items():
                    span.set_attribute(f"sinch.chunks.{outcome}", count)

    @contextmanager
    def _open(
        self, name: str, attributes: dict[str, Any], links: Sequence[Link] = ()
    ) -> Iterator[Span]:
        span = self._tracer.start_span(name, attributes=attributes, links=links)
        try:
            yield span
        except GeneratorExit:
            raise  # whoever iterated has enough
        except BaseException as error:
            self._fail(span, error)
            raise
        finally:
            span.end()

    def waits_for_orders(self, more: int) -> None:
        """Count orders that somebody waits for, or no longer does."""
        self._waited_for.add(more)

    # --------------------------------------------------------------- counting

    def count(self, event: object) -> None:
        """Count what happened, by the class of the event."""
        match type(event).__name__:
            case "LetterSent":
                self._letters.add(1)
            case "RequestsPaused":
                self._pauses.add(1)
            case "RetryScheduled":
                self._retries.add(1)

    # ------------------------------------------------------------------ spans

    @contextmanager
    def _span(
        self, name: str, attributes: dict[str, Any], *, kind: Any = None, links: Any = ()
    ) -> Iterator[Span]:
        # The text of an exception may hold a number: only its class is told.
        with self._tracer.start_as_current_span(
            name,
            kind=kind or self._trace.SpanKind.INTERNAL,
            attributes=attributes,
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                self._fail(span, error)
                raise

    def _fail(self, span: Span, error: BaseException) -> None:
        span.set_attribute("error.type", _error_type(error))
        if isinstance(error, Exception):  # a cancellation is no failure
            span.set_status(self._trace.StatusCode.ERROR)

    def _links(self, contexts: Iterable[SpanContext]) -> list[Link]:
        return [self._trace.Link(context) for context in contexts]


class JobSpan:
    """The span of a bulk run, and how many chunks came to what end."""

    def __init__(self, trace: Any, span: Span) -> None:
        self._trace, self._span = trace, span
        self.counts: Counter[str] = Counter()

    def count(self, outcome: str) -> None:
        """Count a chunk."""
        self.counts[outcome] += 1

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let what is begun here be a part of the run."""
        with self._trace.use_span(
            self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        ):
            yield


class Reply:
    """What came back for a request."""

    status = 0


def _error_type(error: BaseException) -> str:
    return str(error.status_code) if isinstance(error, ApiError) else type(error).__name__


def recorder_of(given: bool | Telemetry) -> Recorder | None:
    """The recorder of a client; raises `ConfigurationError` for what is none."""
    if isinstance(given, bool):
        return Recorder(Telemetry()) if given else None
    if not isinstance(given, Telemetry):
        raise ConfigurationError(f"telemetry = {given!r}: must be True, False, a Telemetry or None")
    return Recorder(given)
