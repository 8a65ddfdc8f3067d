"""Bulk runs that are asked to send nothing more: what has left is waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import FailedChunk, Order, RunStopped, SinchHosting

from ..service import CREATES, Service, error, hang
from ..service.fixtures import api_service, make_api_client
from .rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged

__all__ = ["api_service", "make_api_client"]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which everything takes the time that it takes."""
    async with rigged(profile="standard") as made:
        yield made


async def test_chunks_whose_turn_comes_later_are_not_sent(rig: Rig) -> None:
    """Each chunk tells what became of it; run again, the job sends only the rest."""
    client, listed = rig.client(), numbers(40)

    async def run(*, stop: bool) -> list[Order | FailedChunk]:
        results = []
        stream = client.hosting_orders.import_stream(
            listed, region_code="US", service_plan_id=PLAN, campaign_id=CAMPAIGN, job="acme"
        )
        async for outcome in stream:
            assert isinstance(outcome.result, (Order, FailedChunk))
            results.append(outcome.result)
            if stop:
                client.hosting_orders.stop_runs("the machine goes down")
        return results

    first = await run(stop=True)
    sent = [result for result in first if isinstance(result, Order)]
    unsent = [result for result in first if isinstance(result, FailedChunk)]
    assert len(first) == 8
    assert len(sent) == len(rig.sandbox.orders_created()) >= 1
    assert unsent
    assert all(isinstance(chunk.error, RunStopped) for chunk in unsent)
    assert "the machine goes down" in str(unsent[0].error)

    second = await run(stop=False)

    assert all(isinstance(result, Order) for result in second)
    assert rig.held() == dict.fromkeys(listed, 1)


@pytest.mark.parametrize("as_job", [True, False])
async def test_what_waits_in_the_pause_of_a_429_is_not_sent_any_more(
    api_service: Service,
    make_api_client: Callable[..., SinchHosting],
    as_job: bool,
    clock: Any,
    ledger: Path,
) -> None:
    """The pause may take an hour, and the stop comes in it; what was refused is recorded so."""

    async def sleep(seconds: float) -> None:
        if seconds >= 1800:
            client.hosting_orders.stop_runs("the machine goes down")
            await asyncio.Event().wait()  # nobody waits for the pause to end
        await clock.sleep(seconds)

    client = make_api_client(sleep=sleep)
    started = clock()
    api_service.fault(CREATES, error(429, Retry_After="1800"), times=1)
    result = await client.hosting_orders.text_enable_many(
        numbers(3),
        region_code="US",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        **({"job": "acme", "ledger": ledger} if as_job else {}),
    )
    (failed,) = result.failed
    assert isinstance(failed.error, RunStopped)
    if as_job:
        records = [json.loads(line) for line in ledger.read_text().splitlines()]  # noqa: ASYNC240
        assert [r.get("outcome", r["event"]) for r in records] == ["run", "sending", "failed"]
    assert not api_service.letters
    assert sum(api_service.counts[name] for name in CREATES) == 1
    assert clock() - started < 1800


@pytest.mark.parametrize("as_job", [True, False])
async def test_what_was_sent_is_waited_for(
    api_service: Service, make_api_client: Callable[..., SinchHosting], as_job: bool
) -> None:
    """A stop ends the wait of what waits for a slot, and no request that is under way."""
    client = make_api_client(max_concurrency=1)
    held = api_service.fault(CREATES, hang(after=True), times=1)
    calling = asyncio.create_task(
        client.hosting_orders.text_enable_many(
            numbers(6),
            region_code="US",
            service_plan_id=PLAN,
            campaign_id=CAMPAIGN,
            loa=letter(),
            chunk_size=2,
            max_concurrency=3,
            job="acme" if as_job else None,
        )
    )
    await held.arrived.wait()
    client.hosting_orders.stop_runs("the machine goes down")
    for _ in range(50):
        await asyncio.sleep(0)
    assert not calling.done()
    held.release()
    result = await calling
    assert len(result.succeeded) == len(api_service.letters) == 1
    assert all(isinstance(chunk.error, RunStopped) for chunk in result.failed)
    assert len(result.failed) == 2
    assert not result.unknown
