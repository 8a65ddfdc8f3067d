"""How much a job asks for at once: activities that are pending, and requests a second."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Worker

from sinch_hosting.temporal.messages import ChunkInput, ChunkResult, Order, Prepared
from sinch_hosting.temporal.starting import start

from ..service import Service
from .jobs import Files, job_of, until, working
from .server import TemporalServer

CHUNKS, MOST = 520, 500


async def test_five_hundred_creates_at_once(temporal: TemporalServer) -> None:
    """No more are ever pending, and the workflow is not taken for one that hangs."""
    under_way = most = done = 0
    release = asyncio.Event()

    @activity.defn(name="sinch_hosting.prepare")
    async def prepare(given: Order) -> Prepared:
        return Prepared(numbers=CHUNKS * given.chunk_size, chunks=CHUNKS)

    @activity.defn(name="sinch_hosting.create")
    async def create(given: ChunkInput) -> ChunkResult:
        nonlocal under_way, most, done
        under_way += 1
        most = max(most, under_way)
        if given.chunk:
            await release.wait()
        under_way -= 1
        done += 1
        return ChunkResult(kind="created", numbers=given.order.chunk_size, order_id="order")

    given = job_of(most_pending=MOST, watch=False, lease=120.0)
    client = await temporal.client()
    queue = given.order.job
    async with Worker(
        client,
        task_queue=queue,
        activities=[prepare, create],
        max_concurrent_activities=CHUNKS,
    ):
        handle = await start(client, "project", given, task_queue=queue)

        async def is_full() -> bool:
            return under_way >= MOST

        await until(is_full)
        release.set()
        report = await handle.result()
        history = await handle.fetch_history()
    assert (report.orders, done, most) == (CHUNKS, CHUNKS, MOST)
    failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    assert not [event for event in history.events if event.event_type == failed]


async def test_the_rate_of_a_fleet_is_the_product_of_its_workers(
    temporal: TemporalServer, service: Service, files: Files
) -> None:
    """Two workers at 10 a second send at most 20, beyond what a bucket holds at the beginning."""
    files.write(200)
    given, rate = job_of(watch=False, most_pending=50), 10
    async with AsyncExitStack() as stack:
        for _ in range(2):
            worker = working(temporal, service, files, given.order.job, requests_per_second=rate)
            await stack.enter_async_context(worker)
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)
        await handle.result()
    times = [request.time for request in service.requests if request.operation != "Token"]
    assert len(times) > 50
    allowed, slack = 2 * rate, 2 * rate  # the buckets of two workers are full at first
    for place, first in enumerate(times):
        within = sum(first <= later < first + 1 for later in times[place:])
        assert within <= allowed + slack
    assert len(times) <= allowed * (times[-1] - times[0]) + slack
    assert service.counts["Token"] == 2
