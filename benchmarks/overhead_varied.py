"""Whether what `overhead` says holds elsewhere: other sizes, fewer and more at once, failures."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from statistics import median
from typing import Any

import aiohttp
from attrs import frozen

from benchmarks._server import ORDER_ID, VARIED, server
from benchmarks._table import Table, show_ratio, show_spread
from benchmarks.overhead import Call, by_hand, client
from sinch_hosting import RetryPolicy, SinchHosting

_CALLS = 400  # in a batch
_AT_ONCE = 50
_AT_ONCE_WITH_CLOSING = 5  # more would leave the loopback without ports


@frozen
class Variation:
    """One difference from `overhead`, and the pair of calls that it is measured with."""

    name: str
    by_hand: Call
    typed: Call
    at_once: int = _AT_ONCE
    calls: int = _CALLS


def run(*, short: bool) -> Table:
    """Measure each variation in alternating batches of both clients."""
    with server() as address:
        rows = asyncio.run(_measure(address, rounds=2 if short else 15))
    return Table(
        "reads, typed beside aiohttp by hand, varied",
        ("what differs", "by hand, CPU us", "typed, ratio", "middle half"),
        rows,
        notes=(
            "Wanted: at most 1.00 where nothing fails.",
            "A page is compared with its JSON by hand, of which no objects are made.",
            "A 503 that is tried again becomes an error first, with what the service said in it.",
            "Does not show: creates, which open a connection each, and TLS.",
        ),
    )


async def _measure(address: str, rounds: int) -> list[tuple[str, ...]]:
    async with AsyncExitStack() as stack:
        rows: list[tuple[str, ...]] = []
        for variation in await _variations(address, stack):
            hand: list[float] = []
            typed: list[float] = []
            await _batch(variation, variation.by_hand)
            await _batch(variation, variation.typed)
            for number in range(rounds):
                for call, times in [(variation.by_hand, hand), (variation.typed, typed)][
                    :: -1 if number % 2 else 1
                ]:
                    times.append(await _batch(variation, call))
            shown = f"{median(hand) / variation.calls * 1e6:.0f}"
            rows.append((variation.name, shown, show_ratio(typed, hand), show_spread(typed, hand)))
    return rows


async def _variations(address: str, stack: AsyncExitStack) -> list[Variation]:
    async def made(**settings: Any) -> SinchHosting:
        return await stack.enter_async_context(client(address, max_concurrency=500, **settings))

    header = {"Authorization": f"Bearer {'t' * 800}"}

    async def a_session(**settings: Any) -> aiohttp.ClientSession:
        return await stack.enter_async_context(
            aiohttp.ClientSession(
                headers=header, connector=aiohttp.TCPConnector(limit=0), **settings
            )
        )

    session, sinch = await a_session(), await made()
    paced, retrying = await made(requests_per_second=1e9), await made(retry=RetryPolicy(initial=0))
    basic, lent = await made(auth="basic"), await made(session=await a_session())
    trace = aiohttp.TraceConfig()
    traced, traced_session = (
        await made(trace_configs=[trace]),
        await a_session(trace_configs=[trace]),
    )
    root = f"{address}/v1/projects/project/hostingOrders"
    order = f"{root}/{ORDER_ID}"

    def get(by: SinchHosting, order_id: str = ORDER_ID) -> Call:
        return lambda: by.hosting_orders.get(order_id)

    def hand(url: str, by: aiohttp.ClientSession = session) -> Call:
        return lambda: by_hand(by, url)

    def varied(name: str, order_id: str, at_once: int = _AT_ONCE) -> Variation:
        order_id = VARIED + order_id
        return Variation(name, hand(f"{root}/{order_id}"), get(sinch, order_id), at_once)

    return [
        Variation("nothing", hand(order), get(sinch)),
        *(
            Variation(f"{at_once} at once", hand(order), get(sinch), at_once, max(_CALLS, at_once))
            for at_once in (1, 5, 500)
        ),
        Variation("a pace", hand(order), get(paced)),
        Variation("HTTP Basic", hand(order), get(basic)),
        Variation("a borrowed session", hand(order), get(lent)),
        Variation("a trace in both", hand(order, traced_session), get(traced)),
        varied("an order a tenth as long", "SHORT"),
        varied("gzip", "GZIP"),
        varied("chunked", "CHUNKED"),
        varied(f"no keep-alive, {_AT_ONCE_WITH_CLOSING} at once", "CLOSE", _AT_ONCE_WITH_CLOSING),
        *(_page(sinch, session, root, size) for size in (10, 100)),
        _retried(retrying, session, root),
    ]


def _page(sinch: SinchHosting, session: aiohttp.ClientSession, root: str, size: int) -> Variation:
    query = f"states=DRAFT&type=IMPORT&servicePlanId=p&campaignId=c&pageSize={size}"

    pages = sinch.hosting_orders.list(
        states="DRAFT", type="IMPORT", service_plan_id="p", campaign_id="c", page_size=size
    )

    async def typed() -> None:
        async for _ in pages.pages():
            pass

    def hand() -> Awaitable[Any]:
        return by_hand(session, f"{root}?{query}")

    return Variation(f"a page of {size} orders", hand, typed, calls=max(_CALLS // size, _AT_ONCE))


def _retried(sinch: SinchHosting, session: aiohttp.ClientSession, root: str) -> Variation:
    """A 503 first: two requests a call, by hand as well, where nothing waits between them."""
    ids: Iterator[str] = (f"{VARIED}RETRIED-{number}" for number in count())

    async def hand() -> None:
        url = f"{root}/{next(ids)}"
        for _ in range(2):
            await by_hand(session, url)

    async def typed() -> None:
        await sinch.hosting_orders.get(next(ids))

    return Variation("a 503 before each answer", hand, typed)


async def _batch(variation: Variation, call: Call) -> float:
    """Return the CPU seconds of this process for one batch."""

    async def repeat() -> None:
        for _ in range(variation.calls // variation.at_once):
            await call()

    gc.collect()
    started = time.process_time()
    await asyncio.gather(*(repeat() for _ in range(variation.at_once)))
    return time.process_time() - started
