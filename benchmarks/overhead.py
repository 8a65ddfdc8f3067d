"""What a typed call costs over aiohttp by hand, in CPU of the client's process."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import aiohttp

from benchmarks._server import IMPORT_ID, ORDER_ID, server
from benchmarks._table import Table, show_ratio, show_spread
from sinch_hosting import SinchHosting

CONCURRENT = 50
_CALLS_EACH = 8  # of every task in a batch: small batches meet the same noise as their pair
_BY_HAND = "aiohttp by hand: session.get and json()"
_SMALL_BY_HAND = "by hand, an order without a letter"
_SMALL = "typed, an order without a letter"

Call = Callable[[], Awaitable[Any]]


def run(*, short: bool) -> Table:
    """Measure with alternating small batches in one process, the server in another."""
    with server() as address:
        measured = asyncio.run(_measure(address, rounds=5 if short else 60))
    calls = CONCURRENT * _CALLS_EACH
    rows: list[tuple[str, ...]] = []
    for name, times in measured.items():
        against = measured[_SMALL_BY_HAND if name in (_SMALL, _SMALL_BY_HAND) else _BY_HAND]
        shown = f"{median(times) / calls * 1e6:.0f}"
        rows.append((name, shown, show_ratio(times, against), show_spread(times, against)))
    return Table(
        f"hosting_orders.get, {CONCURRENT} at once, on one loopback server",
        ("client", "CPU us a call", "ratio", "middle half"),
        rows,
        notes=(
            "Wanted: at most 1.00 for the typed call with all of its parts.",
            "The ratio is to the first row, of the last row to the one above it.",
            "JSON is read by msgspec where it is installed, by hand by the standard library.",
            "Does not show: other sizes and numbers at once (`overhead_varied`), TLS, creates.",
            "The limit: a protocol of one's own on asyncio costs 0.20, and a request of one's own",
            "bytes through aiohttp's connector and parser 0.55 to 0.65. Both are not built: they",
            "stand on internals that change, break mocks such as aioresponses, and skip traces.",
        ),
    )


async def _measure(address: str, rounds: int) -> dict[str, list[float]]:
    """The CPU seconds of every batch, by the client that made it."""
    header = {"Authorization": f"Bearer {'t' * 800}"}
    async with (
        aiohttp.ClientSession(headers=header) as session,
        client(address, requests_per_second=1e9) as paced,
        client(address) as plain,
    ):
        url = f"{address}/v1/projects/project/hostingOrders/{ORDER_ID}"
        small = f"{address}/v1/projects/project/hostingOrders/{IMPORT_ID}"
        times = aiohttp.ClientTimeout(total=60, connect=10, sock_connect=10, sock_read=30)
        calls: dict[str, Call] = {
            _BY_HAND: lambda: by_hand(session, url),
            "typed: token, retry, pacing, decoding": lambda: paced.hosting_orders.get(ORDER_ID),
            "typed: no requests_per_second": lambda: plain.hosting_orders.get(ORDER_ID),
            "by hand, with the same time-outs": lambda: by_hand(session, url, timeout=times),
            "by hand, json.loads of read(), no redirects": lambda: lean(session, url),
            _SMALL_BY_HAND: lambda: by_hand(session, small),
            _SMALL: lambda: paced.hosting_orders.get(IMPORT_ID),
        }
        return await _alternate(calls, rounds)


def client(address: str, **settings: Any) -> SinchHosting:
    """A client of the loopback server."""
    return SinchHosting(
        "project", "key", "secret", base_url=address, auth_url=f"{address}/token", **settings
    )


async def by_hand(session: aiohttp.ClientSession, url: str, **options: Any) -> Any:
    """Read a URL as aiohttp's own documentation shows it."""
    async with session.get(url, **options) as response:
        return await response.json()


async def lean(session: aiohttp.ClientSession, url: str) -> Any:
    """Read a URL with less of aiohttp's comfort."""
    response = await session.get(url, allow_redirects=False)
    return json.loads(await response.read())


async def _alternate(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """A batch of each in every round, forwards and backwards in turn."""
    for call in calls.values():
        await _batch(call)
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in list(calls.items())[:: -1 if number % 2 else 1]:
            measured[name].append(await _batch(call))
    return measured


async def _batch(call: Call) -> float:
    """The CPU seconds of this process for one batch."""

    async def repeat() -> None:
        for _ in range(_CALLS_EACH):
            await call()

    gc.collect()  # what one client leaves behind, the other one does not clear away
    started = time.process_time()
    await asyncio.gather(*(repeat() for _ in range(CONCURRENT)))
    return time.process_time() - started
