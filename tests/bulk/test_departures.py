"""What only queues has not left: a run that is ended then holds nothing back the next time."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import BulkResult, SinchHosting
from sinch_hosting._bulk.ledger_file import LedgerFile
from sinch_hosting._bulk.ledger_records import Entry
from sinch_hosting.sandbox.records import RequestRecord

from .rig import CAMPAIGN, PLAN, Rig, adds_up, letter, numbers

LISTED = numbers(20)


def run(client: SinchHosting, ledger: Path) -> asyncio.Task[BulkResult]:
    """A job of four letters, three at once."""
    made = client.hosting_orders.text_enable_many(
        LISTED,
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        chunk_size=5,
        max_concurrency=3,
        job="queued",
        ledger=ledger,
    )
    return asyncio.ensure_future(made)


def events(ledger: Path) -> list[str]:
    """What the ledger tells, in short."""
    records = [json.loads(line) for line in ledger.read_text().splitlines()]
    return [str(record.get("outcome", record["event"])) for record in records]


async def ended(task: asyncio.Task[BulkResult]) -> None:
    """Let a run that is cancelled come to its end."""
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("retry_after", [30, 500], ids=["the client's pause", "the run's pause"])
async def test_ended_in_the_pause_of_a_429(rig: Rig, ledger: Path, retry_after: int) -> None:
    """What was refused is noted so before the pause; none of it is held."""
    running: list[asyncio.Task[BulkResult]] = []

    async def sleep(seconds: float) -> None:
        if seconds >= retry_after:
            running[0].cancel()
            await asyncio.sleep(0)
        await rig.sleep(seconds)

    rig.sandbox.faults.add("rate_limited", operation="writes", count=1, retry_after=retry_after)
    running.append(run(rig.client(sleep=sleep), ledger))
    await ended(running[0])
    assert events(ledger) == ["run", "sending", "failed"]
    await rig.sleep(retry_after)
    result = await run(rig.client(), ledger)
    adds_up(result, LISTED)
    assert len(result.succeeded) == 4
    assert rig.held() == dict.fromkeys(LISTED, 1)


async def test_ended_while_creates_queue_for_a_turn(rig: Rig, ledger: Path) -> None:
    """One request at a time: only the one that is under way counts as sent."""
    client = rig.client(max_concurrency=1)
    running = run(client, ledger)
    service: Any = rig.sandbox._service

    class Ending(deque[RequestRecord]):
        def append(self, record: RequestRecord) -> None:
            super().append(record)
            if "textEnable" in record.path and rig.creates() == 2:
                running.cancel()

    service.requests = Ending()
    await ended(running)
    assert events(ledger) == ["run", "sending", "created", "sending"]
    result = await run(rig.client(), ledger)
    assert len(result.succeeded) == 4
    assert not result.unknown
    assert rig.creates() == 4
    assert rig.held() == dict.fromkeys(LISTED, 1)


async def test_a_token_that_expires_on_the_way(rig: Rig, ledger: Path) -> None:
    """The refused send and the one with a fresh token are two departures of one create."""
    rig.sandbox.faults.add("expire_token", operation="writes", count=1)
    result = await run(rig.client(), ledger)
    assert len(result.succeeded) == 4
    told = events(ledger)
    assert told[:5] == ["run", "sending", "failed", "sending", "created"]


async def test_ended_while_the_new_order_is_read(rig: Rig, ledger: Path) -> None:
    """Among the qualified numbers a create answers an id alone: it is noted before it is read."""
    client = rig.client()
    await client.qualified_numbers.add(["+13035550100"])
    rig.sandbox.trigger("+13035550100")
    rig.sandbox.receive_invoices("+13035550100")
    rig.sandbox.approve("+13035550100")
    service: Any = rig.sandbox._service

    def running() -> asyncio.Task[Any]:
        made = client.qualified_numbers.text_enable(
            ["+13035550100"],
            region_code="US",
            service_plan_id=PLAN,
            loa=letter(),
            job="read",
            ledger=ledger,
        )
        return asyncio.ensure_future(made)

    first = running()

    class Ending(deque[RequestRecord]):
        def append(self, record: RequestRecord) -> None:
            super().append(record)
            if record.method == "GET" and "hostingOrders/" in record.path:
                first.cancel()

    service.requests = Ending()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert events(ledger) == ["run", "sending", "created"]
    again = await running()
    (order,) = rig.sandbox.orders_created()
    assert again.hosting_order_id == order.hosting_order_id


async def test_ended_while_the_ledger_is_synced(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is there, the create is not sent: the ledger says that, too."""
    book = await LedgerFile.open(ledger)
    await book.begin("j", arguments={}, letter="x")
    disk, real = threading.Event(), os.fsync

    def fsync(fd: int) -> None:
        disk.wait(10)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    entry = Entry(chunk=0, attempt=1, tag="j/0.1/" + "a" * 18, sent="x")
    noting = asyncio.ensure_future(book.sending("j", entry))
    while not book.jobs["j"].chunks:  # noqa: ASYNC110 - as long as it takes to begin
        await asyncio.sleep(0)
    noting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await noting
    disk.set()
    await book.close()
    again = await LedgerFile.open(ledger)
    assert not again.jobs["j"].chunks[0].is_open
    await again.close()
