"""Import numbers with traces and measurements, and events for what needs no OpenTelemetry.

Run it with `python tracing.py PLAN CAMPAIGN +12025550134 …`. It prints spans and measurements;
a service sets exporters of its own (OTLP) in the place of the console's, and nothing else.
"""

import asyncio
import sys

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from sinch_hosting import COMPLETED, ClientEvent, LetterSent, OrderChanged, SinchHosting


def set_up() -> tuple[TracerProvider, MeterProvider]:
    """Set the global providers; a client that is made after this uses them."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    meters = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())])
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    return tracers, meters


def tell(event: ClientEvent) -> None:
    """Say what happens; it runs in a thread, so that it may write to a file or a queue."""
    if isinstance(event, OrderChanged):
        print("order", event.order.hosting_order_id, "is", event.order.state)
    elif isinstance(event, LetterSent):
        print("a letter is mailed for order", event.order_id)
    else:
        print(type(event).__name__)


async def import_numbers(numbers: list[str], service_plan_id: str, campaign_id: str) -> None:
    """Import numbers and wait for the order, in one trace."""
    with trace.get_tracer("program").start_as_current_span("import numbers"):
        async with SinchHosting.from_env(on_event=tell) as sinch:
            order = await sinch.hosting_orders.import_numbers(
                numbers, region_code="US", service_plan_id=service_plan_id, campaign_id=campaign_id
            )
            await order.wait_until(COMPLETED)


def main(service_plan_id: str, campaign_id: str, numbers: list[str]) -> None:
    """Import the numbers, and write out what is left to write at the end."""
    tracers, meters = set_up()
    try:
        asyncio.run(import_numbers(numbers, service_plan_id, campaign_id))
    finally:
        tracers.shutdown()
        meters.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
