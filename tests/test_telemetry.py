"""OpenTelemetry: spans and measurements, seen by the SDK's exporters in memory.

No test sets a global provider in this process: clients of other tests would use it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sinch_hosting import (
    COMPLETED,
    BlanketLoa,
    ConfigurationError,
    NotFound,
    OrderRejected,
    Telemetry,
    TransportError,
)
from sinch_hosting._session.operations import OPERATIONS
from sinch_hosting._telemetry import _CALLS

from .letters import DIRECT

NUMBER = "+12025550134"
ORDER = ("GET", "/hostingOrders/1")
ENABLE = ("POST", "/hostingOrders:textEnableNumbers")
IMPORT = ("POST", "/hostingOrders:importNumbers")
OK = {"hostingOrderId": "1", "state": "COMPLETED", "type": "IMPORT"}
PLAN = {"region_code": "US", "service_plan_id": "plan"}
PREFIX = "/v1/projects/{project_id}"


class Observed:
    """Providers of the SDK, and what they were told."""

    def __init__(self) -> None:
        pytest.importorskip("opentelemetry.sdk")
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter_provider = MeterProvider([self.reader])
        self.telemetry = Telemetry(
            tracer_provider=self.tracer_provider, meter_provider=self.meter_provider
        )

    def spans(self, name: str = "") -> list[Any]:
        """The spans that have ended, by name."""
        return [s for s in self.exporter.get_finished_spans() if name in s.name]

    def span(self, name: str) -> Any:
        """The one span of a name."""
        (found,) = self.spans(name)
        return found

    def points(self, name: str) -> list[Any]:
        """The measurements of one instrument."""
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def all_texts(self) -> str:
        """Everything that any span or measurement says."""
        spans = [(s.name, dict(s.attributes), s.status.description, s.events) for s in self.spans()]
        data = self.reader.get_metrics_data()
        return repr(spans) + (data.to_json() if data else "")


@pytest.fixture
def observed() -> Observed:
    """The SDK."""
    return Observed()


@pytest.fixture
def watched(make_client: Any, observed: Observed) -> Any:
    """A client that tells it."""
    return make_client(telemetry=observed.telemetry)


async def test_an_operation_is_a_span_and_so_is_each_try(service, watched, observed):
    """The tries are inside, with the conventions' attributes."""
    service.on(*ORDER, (503, {}), OK)
    await watched.hosting_orders.get("1")
    call = observed.span("get hosting_orders")
    first, second = observed.spans(f"GET {PREFIX}/hostingOrders/{{order_id}}")
    assert call.parent is None
    assert call.status.is_unset
    assert call.attributes["sinch.operation"] == "GetHostingOrder"
    for span in (first, second):
        assert span.parent.span_id == call.context.span_id
        assert span.kind.name == "CLIENT"
        assert span.attributes["http.request.method"] == "GET"
        assert span.attributes["url.template"] == f"{PREFIX}/hostingOrders/{{order_id}}"
        assert span.attributes["server.address"] == "127.0.0.1"
        assert span.attributes["server.port"] == service.port
    assert first.attributes["http.response.status_code"] == 503
    assert first.attributes["error.type"] == "503"
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert second.status.is_unset
    token = observed.span("POST /oauth2/token")
    assert token.attributes["http.response.status_code"] == 200


async def test_resends_are_counted_over_all_tries(service, watched, observed):
    """The one with a renewed token, too."""
    expired = (401, {"message": "no"}, {"WWW-Authenticate": 'Bearer error="expired"'})
    service.on(*ORDER, expired, (503, {}), OK)
    await watched.hosting_orders.get("1")
    counts = [
        span.attributes.get("http.request.resend_count") for span in observed.spans(f"GET {PREFIX}")
    ]
    assert counts == [None, 1, 2]


async def test_a_callers_span_is_around_it(service, watched, observed):
    """As with any library."""
    service.on(*ORDER, OK)
    tracer = observed.tracer_provider.get_tracer("program")
    with tracer.start_as_current_span("mine") as mine:
        await watched.hosting_orders.get("1")
    assert observed.span("get hosting_orders").parent.span_id == mine.context.span_id


async def test_failures_say_their_class_and_nothing_more(service, watched, observed):
    """The text of an error may hold a number."""
    service.on(*ORDER, (404, {"message": f"no {NUMBER}"}))
    with pytest.raises(NotFound):
        await watched.hosting_orders.get("1")
    call = observed.span("get hosting_orders")
    assert call.attributes["error.type"] == "404"
    assert call.status.status_code.name == "ERROR"
    assert (call.status.description, call.events) == (None, ())

    service.on("GET", "/hostingOrders/2", service.DROP)
    with pytest.raises(TransportError):
        await watched.with_options(retry=_once()).hosting_orders.get("2")
    assert observed.spans("get hosting_orders")[-1].attributes["error.type"] == "TransportError"


def _once() -> Any:
    from sinch_hosting import RetryPolicy

    return RetryPolicy(max_tries=1)


async def test_no_attribute_names_a_person(service, watched, observed):
    """No number, address, name or token, whatever is called and however it ends."""
    service.on(*ENABLE, {"hostingOrderId": "1"}, (400, {"message": f"{NUMBER} jo@example.com"}))
    service.on("GET", f"/importedNumbers/{NUMBER}", {"phoneNumber": NUMBER})
    service.on("GET", "/importedNumbers", {})
    await watched.hosting_orders.text_enable([NUMBER], **PLAN, loa=DIRECT, display_name=NUMBER)
    with pytest.raises(Exception, match="400"):
        await watched.hosting_orders.text_enable([NUMBER], **PLAN, loa=DIRECT)
    await watched.imported_numbers.get(NUMBER)
    await watched.get_json(f"importedNumbers/{NUMBER}")
    pages = watched.imported_numbers.list(
        service_plan_id="p", campaign_id="c", pattern="2025550134", search_pattern="START"
    )
    assert [number async for number in pages] == []
    await watched.hosting_orders.text_enable_many([NUMBER], **PLAN, loa=BlanketLoa())
    said = observed.all_texts()
    for secret in (NUMBER, NUMBER[2:], "jo@example.com", "Jo", "Doe", "token-1", "Albany"):
        assert secret not in said
    assert watched._session.project_id not in said
    assert len(observed.spans()) > 10


async def test_a_wait_is_a_span_linked_to_the_create(service, watched, observed):
    """And the looks, which belong to nobody, are linked to the wait."""
    service.on(*IMPORT, {**OK, "state": "SUBMITTED"})
    service.on(*ORDER, {**OK, "state": "IN_PROGRESS"}, OK)
    order = await watched.hosting_orders.import_numbers([NUMBER], **PLAN)
    await order.wait_until(COMPLETED)
    create, wait = observed.span("import_numbers"), observed.span("wait_until hosting_orders")
    assert create.attributes["sinch.hosting_order_id"] == "1"
    assert [link.context.span_id for link in wait.links] == [create.context.span_id]
    assert wait.attributes["sinch.wanted"] == "COMPLETED"
    looks = observed.spans("get hosting_orders")
    assert looks
    for look in looks:
        assert look.parent is None
        assert [link.context.span_id for link in look.links] == [wait.context.span_id]


async def test_a_wait_that_fails_says_so(service, watched, observed):
    """By the class of its error."""
    service.on(*ORDER, {**OK, "state": "REJECTED"})
    order = watched.hosting_orders.from_token((await _order(service, watched)).to_token())
    with pytest.raises(OrderRejected):
        await order.wait_until(COMPLETED)
    assert observed.span("wait_until").attributes["error.type"] == "OrderRejected"


async def _order(service: Any, client: Any) -> Any:
    return await client.hosting_orders.get("1")


async def test_many_waits_are_one_span(service, watched, observed):
    """Of `wait_all`, and of `watch`, which ends when its iteration does."""
    service.on(*ORDER, {**OK, "state": "IN_PROGRESS"}, OK)
    await watched.hosting_orders.wait_all(["1", "1"], COMPLETED)
    service.on(*ORDER, {**OK, "state": "IN_PROGRESS"})
    watching = watched.hosting_orders.watch(["1"])
    async for _ in watching:
        break
    await watching.aclose()
    first, second = observed.spans("wait_until hosting_orders")
    assert first.attributes["sinch.waited_for"] == 1
    assert second.attributes["sinch.wanted"] == "every change"
    assert second.status.is_unset


async def test_a_bulk_run_is_a_span_with_its_creates(service, watched, observed):
    """And how many chunks came to what end."""
    service.on(*IMPORT, {"hostingOrderId": "1"}, (403, {"message": "no"}), {"hostingOrderId": "3"})
    numbers = [f"+1202555{n:04}" for n in range(15)]
    await watched.hosting_orders.import_many(numbers, **PLAN, max_concurrency=1)
    job = observed.span("job import_numbers hosting_orders")
    creates = observed.spans("import_numbers hosting_orders")
    creates.remove(job)
    assert len(creates) == 3
    assert {create.parent.span_id for create in creates} == {job.context.span_id}
    assert job.attributes["sinch.chunks.created"] == 2
    assert job.attributes["sinch.chunks.failed"] == 1
    assert job.attributes["sinch.has_job"] is False


async def test_a_stream_that_is_left_ends_its_span(service, watched, observed):
    """Which is no failure."""
    service.on(*IMPORT, {"hostingOrderId": "1"})
    numbers = [f"+1202555{n:04}" for n in range(15)]
    stream = watched.hosting_orders.import_stream(numbers, **PLAN, max_concurrency=1)
    async for _ in stream:
        break
    await stream.aclose()
    assert observed.span("job import_numbers").status.is_unset


async def test_an_onboarding_is_a_span_with_all_that_it_sends(observed):
    """What it asks and orders is inside; its waits are spans of their own."""
    from .bulk.rig import rigged

    async with rigged(profile="immediate") as rig:
        client = rig.client(telemetry=observed.telemetry)
        report = await client.onboard(
            [NUMBER], job="j", service_plan_id="p", campaign_id="C1", loa=BlanketLoa()
        ).run()
        await client.aclose()
    assert report.lines
    job = observed.span("job onboard")
    inside = [s for s in observed.spans() if s.parent and s.parent.span_id == job.context.span_id]
    assert {"get qualified_numbers", "add qualified_numbers"} & {span.name for span in inside}
    assert NUMBER[1:] not in observed.all_texts()


async def test_what_is_measured(service, watched, observed, clock):
    """Durations by the conventions; letters, pauses, retries, orders that are waited for."""
    service.on(*ENABLE, {"hostingOrderId": "1", "state": "SUBMITTED"})
    service.on(*ORDER, (429, {}, {"Retry-After": "2"}), {**OK, "state": "IN_PROGRESS"}, OK)
    order = await watched.hosting_orders.text_enable([NUMBER], **PLAN, loa=DIRECT)
    await order.refresh()
    seen = []
    waited = await order.wait_until(
        COMPLETED, on_update=lambda _: seen.append(_total(observed, "orders.waited_for"))
    )
    assert waited.state == COMPLETED
    assert seen[0] == 1
    assert _total(observed, "orders.waited_for") == 0
    assert _total(observed, "letters.sent") == 1
    assert _total(observed, "pauses") == 1
    assert _total(observed, "retries") == 1
    points = observed.points("http.client.request.duration")
    by_status = {
        (p.attributes["url.template"], p.attributes["http.response.status_code"]) for p in points
    }
    assert (f"{PREFIX}/hostingOrders/{{order_id}}", 429) in by_status
    assert (f"{PREFIX}/hostingOrders:textEnableNumbers", 200) in by_status
    assert all(point.explicit_bounds[:2] == (0.005, 0.01) for point in points)
    assert {p.attributes["server.address"] for p in points} == {"127.0.0.1"}


def _total(observed: Observed, name: str) -> int:
    return sum(point.value for point in observed.points(f"sinch_hosting.{name}"))


def test_every_operation_has_a_name() -> None:
    """That of the call, and of the resource."""
    assert set(_CALLS) == {*OPERATIONS, "GET"}


async def test_telemetry_is_what_it_is_told_to_be(make_client, observed):
    """On where it is asked for; off where it is not wanted, or nobody has set a provider."""
    assert make_client(telemetry=False)._events is None
    assert make_client(telemetry=True)._events.telemetry is not None
    assert make_client()._events is None
    with pytest.raises(ConfigurationError, match="telemetry = 'on'"):
        make_client(telemetry="on")


def run(script: str) -> str:
    """What a script says in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_client_does_not_load_it_by_itself() -> None:
    """Though it is installed."""
    script = (
        "import sys; from sinch_hosting import SinchHosting; c = SinchHosting('p', 'k', 's'); "
        "print(c._events, [m for m in sys.modules if m.startswith('opentelemetry') or "
        "m in ('sinch_hosting._events', 'sinch_hosting._telemetry')])"
    )
    assert run(script) == "None []"


@pytest.mark.parametrize("kind", ["trace.set_tracer_provider", "metrics.set_meter_provider"])
def test_a_program_that_has_set_a_provider_need_not_ask(kind: str) -> None:
    """As with `opentelemetry-instrument`."""
    pytest.importorskip("opentelemetry.sdk")
    provider = "sdk.trace.TracerProvider" if "tracer" in kind else "sdk.metrics.MeterProvider"
    script = f"""
import opentelemetry.{provider.rpartition(".")[0]}, opentelemetry.trace, opentelemetry.metrics
from sinch_hosting import SinchHosting
print(SinchHosting("p", "k", "s")._events)
opentelemetry.{kind}(opentelemetry.{provider}())
print(type(SinchHosting("p", "k", "s")._events).__name__)
"""
    assert run(script).split() == ["None", "Events"]


def test_where_it_is_not_installed_the_extra_is_named() -> None:
    """Only where telemetry is asked for."""
    script = """
import sys
sys.modules["opentelemetry"] = None
from sinch_hosting import ConfigurationError, SinchHosting
SinchHosting("p", "k", "s")
SinchHosting("p", "k", "s", telemetry=False)
try:
    SinchHosting("p", "k", "s", telemetry=True)
except ConfigurationError as error:
    print(error)
"""
    assert "pip install 'sinch-hosting[otel]'" in run(script)
