"""`with_options`: other settings for some calls, on the same connections, token and waits."""

from __future__ import annotations

import asyncio

import pytest

from sinch_hosting import (
    COMPLETED,
    ConfigurationError,
    RetryPolicy,
    ServerError,
    TransportError,
    UsageError,
)

ORDER = ("GET", "/hostingOrders/1")
OK = {"hostingOrderId": "1", "state": "COMPLETED"}
CHANGED = {"timeout": 5.0, "retry": RetryPolicy(max_tries=1), "max_concurrency": 2}


async def until(holds):
    """Let others run until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a reply is what changes it
            await asyncio.sleep(0.001)


async def test_it_shares_the_token_and_the_connections(service, client):
    """One token fetch, one aiohttp session; the resources are the new client's own."""
    service.on(*ORDER, OK)
    other = client.with_options(**CHANGED)
    await asyncio.gather(client.hosting_orders.get("1"), other.hosting_orders.get("1"))
    assert service.tokens == 1
    assert other._session.bind().http is client._session.bind().http
    assert other.hosting_orders is not client.hosting_orders
    assert type(other) is type(client)
    assert repr(other) == repr(client)


async def test_each_has_its_own_retries(service, client):
    """The new one gives up at once, the other one does not."""
    service.on(*ORDER, (503, {}), OK, (503, {}), OK)
    assert await client.hosting_orders.get("1")
    with pytest.raises(ServerError):
        await client.with_options(retry=RetryPolicy(max_tries=1)).hosting_orders.get("1")


async def test_each_has_its_own_timeout(service, client):
    """Seconds in all, as for a client."""
    gate = asyncio.Event()

    async def late(_):
        await gate.wait()
        return OK

    service.on(*ORDER, late)
    with pytest.raises(TransportError):
        await client.with_options(timeout=0.05, retry=RetryPolicy(max_tries=1)).hosting_orders.get(
            "1"
        )
    gate.set()
    assert await client.hosting_orders.get("1")


async def test_its_limit_holds_for_its_calls_alone(service, client):
    """Two at once of twenty; the first client's calls pass by."""
    gate, under_way, most = asyncio.Event(), 0, 0

    async def held(_):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await gate.wait()
        under_way -= 1
        return OK

    service.on(*ORDER, held)
    service.on("GET", "/hostingOrders/2", OK)
    narrow = client.with_options(max_concurrency=2)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(narrow.hosting_orders.get("1"))
            group.create_task(narrow.get_json("hostingOrders/1"))
        await until(lambda: under_way == 2)
        await client.hosting_orders.get("2")
        gate.set()
    assert most == 2


async def test_a_call_that_waits_for_its_turn_can_be_cancelled(service, client):
    """Nothing is left behind, and the next one gets the turn."""
    gate = asyncio.Event()

    async def held(_):
        await gate.wait()
        return OK

    service.on(*ORDER, held)
    narrow = client.with_options(max_concurrency=1)
    first = asyncio.create_task(narrow.hosting_orders.get("1"))
    second = asyncio.create_task(narrow.hosting_orders.get("1"))
    await until(lambda: service.calls(*ORDER))
    second.cancel()
    gate.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await narrow.hosting_orders.get("1")
    assert len(service.calls(*ORDER)) == 2


async def test_it_shares_a_pause_and_the_waits(service, client, clock):
    """A 429 pauses both; a callback that either hears of wakes a wait of the other."""
    service.on(*ORDER, (429, {}, {"Retry-After": "7"}), {**OK, "state": "IN_PROGRESS"}, OK)
    other = client.with_options(timeout=5)
    order = await other.hosting_orders.get("1")
    assert other._session.refusals == client._session.refusals == 1
    done = await order.wait_until(COMPLETED)
    assert done.state == COMPLETED
    assert other._get_watcher() is client._get_watcher()


async def test_closing_it_closes_nothing(service, client):
    """It ends with the first client, and not before."""
    service.on(*ORDER, OK)
    async with client.with_options(timeout=5) as other:
        await other.hosting_orders.get("1")
    await other.aclose()
    assert await other.hosting_orders.get("1")
    assert await client.hosting_orders.get("1")
    await client.aclose()
    with pytest.raises(UsageError, match="closed"):
        await other.hosting_orders.get("1")


async def test_what_is_not_given_stays(service, client):
    """Also from one such client to the next."""
    service.on(*ORDER, (503, {}), OK)
    once = client.with_options(retry=RetryPolicy(max_tries=1))
    again = once.with_options(timeout=9)
    with pytest.raises(ServerError):
        await again.hosting_orders.get("1")
    assert await once.with_options(retry=RetryPolicy()).hosting_orders.get("1")
    assert again._get_watcher() is client._get_watcher()


async def test_stopping_runs_stops_those_of_both(client):
    """A shutdown need not know the clients that others have made."""
    other = client.with_options(max_concurrency=3)
    assert other._get_runs().live is client._get_runs().live


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "5"},
        {"retry": 5},
        {"max_concurrency": 0},
        {"max_concurrency": 1.5},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(client, wrong):
    """As for a client."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        client.with_options(**wrong)


def test_what_is_no_option_is_refused(client):
    """A misspelt one, or one that belongs to the whole client."""
    with pytest.raises(TypeError):
        client.with_options(proxy="http://a.example")
