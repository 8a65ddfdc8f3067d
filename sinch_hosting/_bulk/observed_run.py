"""A bulk run as a span, for a client with telemetry; every other run has none of this."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from ..models import Order
from .chunks import Chunk, Numbers
from .order_template import JobOptions, OrderTemplate
from .results import ChunkOutcome, UnknownChunk
from .run import Run

if TYPE_CHECKING:
    from .._session.orders_api import OrdersApi
    from .._telemetry import JobSpan, Recorder
    from .letters import Confirm


class ObservedRun(Run):
    """A run in a span; what it sends for its chunks is inside."""

    def __init__(
        self,
        telemetry: Recorder,
        template: OrderTemplate,
        options: JobOptions | None,
        orders: OrdersApi,
        *,
        concurrency: int,
        confirm: Confirm | None = None,
    ) -> None:
        super().__init__(
            template, options, orders, orders.session, concurrency=concurrency, confirm=confirm
        )
        self._telemetry = telemetry
        self._operation, self._has_job = template.operation, options is not None
        self._span: JobSpan | None = None

    async def outcomes(self, numbers: Numbers) -> AsyncGenerator[ChunkOutcome, None]:
        """Give the outcome of each chunk as it comes."""
        with self._telemetry.job(self._operation, has_job=self._has_job) as self._span:
            async with aclosing(super().outcomes(numbers)) as outcomes:
                async for outcome in outcomes:
                    self._span.count(_kind_of(outcome))
                    yield outcome

    async def try_to_handle(self, chunk: Chunk) -> ChunkOutcome | Chunk:
        """Do what every run does, inside of the span."""
        if self._span is None:
            return await super().try_to_handle(chunk)
        with self._span.inside():
            return await super().try_to_handle(chunk)


def _kind_of(outcome: ChunkOutcome) -> str:
    if isinstance(outcome.result, Order):
        return "adopted" if outcome.adopted else "created"
    if outcome.result is None:
        return "skipped"
    return "unknown" if isinstance(outcome.result, UnknownChunk) else "failed"
