"""What the nearest call of other SDKs and HTTP clients costs, beside a typed call of this one.

All of them read the same hosting order from the same loopback server, 50 at once. A peer that is
not installed is named as such: `pip install "sinch-hosting[bench]"` adds all of them. Use an
environment of its own, since niquests brings a package that takes the place of urllib3.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module, metadata
from statistics import median
from typing import Any

import aiohttp

import sinch_hosting
from benchmarks._server import ORDER_ID, server
from benchmarks._table import Table, show_ratio, show_spread
from benchmarks.overhead import client

_BATCH = 400  # calls of one peer in a row: small batches meet the same noise as their pair
_TOKEN = "t" * 800
_HEADERS = {"Authorization": f"Bearer {_TOKEN}"}
_NOT_INSTALLED = "not installed"

Call = Callable[[], Awaitable[object]]
Peer = Callable[[str], AbstractAsyncContextManager[Call]]


def run(*, short: bool) -> Table:
    """Measure with alternating batches in one process, the server in another."""
    sizes, rounds = ((50,), 2) if short else ((5, 50, 500), 20)
    rows: list[tuple[str, ...]] = []
    with server() as address:
        for at_once in sizes:
            rows += asyncio.run(_rows(address, at_once, rounds))
    return Table(
        "the nearest call of each, on one loopback server",
        ("client", "version", "at once", "CPU us a call", "ratio", "middle half", "what it does"),
        rows,
        notes=(
            "The ratio is to aiohttp by hand. CPU is that of the client's process, all threads.",
            "What it does not show: a network, TLS, a slow service. There a call takes as long as",
            "the service does, with any of them, and the CPU decides how many fit on a core.",
        ),
        plot="ratio",
    )


async def _rows(address: str, at_once: int, rounds: int) -> list[tuple[str, ...]]:
    calls: dict[str, Call] = {}
    async with AsyncExitStack() as stack:
        for name, (_, _, peer) in PEERS.items():
            try:
                calls[name] = await stack.enter_async_context(peer(address))
            except ImportError:
                continue
        measured = await _alternate(calls, at_once, rounds)
    base = measured["aiohttp by hand"]
    rows: list[tuple[str, ...]] = []
    for name, (distribution, does, _) in PEERS.items():
        if name not in measured:
            rows.append((name, _NOT_INSTALLED, str(at_once), "-", "-", "-", does))
            continue
        times = measured[name]
        cost = f"{median(times) * 1e6:.0f}"
        shown = (show_ratio(times, base), show_spread(times, base))
        rows.append((name, _version(distribution), str(at_once), cost, *shown, does))
    return rows


def _version(distribution: str) -> str:
    own = distribution == "sinch-hosting"  # which may be a checkout that is not installed
    return sinch_hosting.__version__ if own else metadata.version(distribution)


async def _alternate(calls: dict[str, Call], at_once: int, rounds: int) -> dict[str, list[float]]:
    """The CPU seconds of a call of each in every round, forwards and backwards in turn."""
    each = max(1, _BATCH // at_once)

    async def batch(call: Call) -> float:
        async def repeat() -> None:
            for _ in range(each):
                await call()

        gc.collect()
        began = time.process_time()
        await asyncio.gather(*(repeat() for _ in range(at_once)))
        return (time.process_time() - began) / (at_once * each)

    for call in calls.values():
        await batch(call)
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in list(calls.items())[:: -1 if number % 2 else 1]:
            measured[name].append(await batch(call))
    return measured


# ---------------------------------------------------------------- the peers


def _url(address: str) -> str:
    return f"{address}/v1/projects/project/hostingOrders/{ORDER_ID}"


@asynccontextmanager
async def _ours(address: str) -> AsyncIterator[Call]:
    async with client(address) as sinch:
        yield lambda: sinch.hosting_orders.get(ORDER_ID)


@asynccontextmanager
async def _aiohttp(address: str) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def call() -> object:
            async with session.get(_url(address)) as response:
                return await response.json()

        yield call


@asynccontextmanager
async def _httpx(address: str) -> AsyncIterator[Call]:
    httpx = _module("httpx")
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(headers=_HEADERS, limits=limits, timeout=60) as session:

        async def call() -> object:
            return (await session.get(_url(address))).json()

        yield call


@asynccontextmanager
async def _niquests(address: str) -> AsyncIterator[Call]:
    session = _module("niquests").AsyncSession(pool_maxsize=50)
    session.headers.update(_HEADERS)
    async with session:

        async def call() -> object:
            return (await session.get(_url(address))).json()

        yield call


@asynccontextmanager
async def _aiosonic(address: str) -> AsyncIterator[Call]:
    aiosonic = _module("aiosonic")
    async with aiosonic.HTTPClient() as session:

        async def call() -> object:
            return await (await session.get(_url(address), headers=_HEADERS)).json()

        yield call


@asynccontextmanager
async def _pyreqwest(address: str) -> AsyncIterator[Call]:
    builder = _module("pyreqwest.client").ClientBuilder()
    async with builder.default_headers(_HEADERS).build() as session:

        async def call() -> object:
            return await (await session.get(_url(address)).build().send()).json()

        yield call


@asynccontextmanager
async def _twilio(address: str) -> AsyncIterator[Call]:
    http = _module("twilio.http.async_http_client").AsyncTwilioHttpClient()
    twilio = _module("twilio.rest").Client("AC" + "0" * 32, _TOKEN, http_client=http)
    twilio.numbers.base_url = address
    try:
        yield lambda: twilio.numbers.v2.hosted_number_orders("HR" + "0" * 32).fetch_async()
    finally:
        await http.close()


@asynccontextmanager
async def _telnyx(address: str) -> AsyncIterator[Call]:
    telnyx = _module("telnyx").AsyncTelnyx(api_key=_TOKEN, base_url=address)
    async with telnyx:
        yield lambda: telnyx.messaging_hosted_number_orders.retrieve(ORDER_ID)


@asynccontextmanager
async def _sinch(address: str) -> AsyncIterator[Call]:
    sinch = _module("sinch").SinchClient(project_id="project", key_id="key", key_secret="secret")
    sinch.configuration.auth_origin = sinch.configuration.numbers_origin = address
    with ThreadPoolExecutor(50) as threads:
        loop = asyncio.get_running_loop()
        yield lambda: loop.run_in_executor(threads, sinch.numbers.get, "+12025550134")


def _module(name: str) -> Any:
    return import_module(name)


PEERS: dict[str, tuple[str, str, Peer]] = {
    "sinch_hosting": ("sinch-hosting", "hosting_orders.get, a typed Order", _ours),
    "aiohttp by hand": ("aiohttp", "session.get and json()", _aiohttp),
    "twilio, async": ("twilio", "hosted_number_orders(sid).fetch_async", _twilio),
    "telnyx, async": ("telnyx", "messaging_hosted_number_orders.retrieve", _telnyx),
    "sinch, in 50 threads": ("sinch", "numbers.get: it has no async calls", _sinch),
    "httpx by hand": ("httpx", "AsyncClient.get and json()", _httpx),
    "niquests by hand": ("niquests", "AsyncSession.get and json()", _niquests),
    "aiosonic by hand": ("aiosonic", "HTTPClient.get and json()", _aiosonic),
    "pyreqwest by hand": ("pyreqwest", "Client.get and json()", _pyreqwest),
}
"""By name: its distribution, what it calls, and how."""
