"""What waiting costs: requests, delay, memory and CPU, however many orders wait."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import mean, median

from aiohttp import web

from benchmarks import _finished, _waiting_cpu
from benchmarks._table import Table
from benchmarks._watched import HOUR, WatchedOrder, pages_of, real, virtual
from sinch_hosting import COMPLETED, CallbackReceiver, Order, PollPolicy
from sinch_hosting.sandbox import PROFILES

Row = tuple[str, str, str, str]
Act = Callable[[WatchedOrder, list[Order]], Awaitable[Row]]

_DAY = PROFILES["standard"].with_timings(
    submit=(60, 600),
    start=(0.5 * HOUR, 20 * HOUR),
    osr_update=(600, 2 * HOUR),
)
"""Orders that reach IN_PROGRESS at any time of a day, and end one to four hours later."""
# Orders, groups, the service's cap on a page, and the share of requests that is wanted.
_DAYS = (
    (1000, 1, 1000, "1/50"),
    (1000, 1, 100, "1/10"),
    (1000, 1, 20, "1/4"),
    (1000, 20, 1000, "1/10"),
)
_SHORT_DAYS = ((20, 1, 1000, "1/50, with 1,000 orders"),)
_STEADY = PollPolicy(initial=60, factor=1, maximum=60)


def run(*, short: bool) -> Table:
    """Measure all of it: the finished orders and the CPU against the service of the tests."""
    cpu = _waiting_cpu.rows(short=short)
    return asyncio.run(_run(short, cpu))


async def _run(short: bool, cpu: list[Row]) -> Table:
    rows: list[Row] = await _finished.rows(short=short)
    for orders, groups, size, wanted in _SHORT_DAYS if short else _DAYS:
        rows.append(await _day(orders, groups, size, wanted))
    for size in (1000, 100):
        for orders in (10, 100) if short else (10, 100, 1000, 10_000):
            rows.append(await _round(orders, size))
    rows += cpu
    for waits in (50,) if short else (5, 50, 1000, 10_000):
        rows += await _callbacks(waits)
    rows.append(await _lost(50 if short else 1000))
    rows += await _footprint(500 if short else 5000)
    return Table(
        "waiting for hosting orders, sandbox on loopback",
        ("question", "measured", "against", "wanted"),
        rows,
        notes=(
            "Finished orders: requests, and seconds after the last one was done, beside an",
            "observer that looks at the intervals of the policy, knows when the last one is done,",
            "and then reads the fewest pages at the rate of the budget. The ratios are of requests",
            "and time. More requests are looks that check lists: an eighth of the budget at most.",
            "A day: orders from DRAFT to COMPLETED, default PollPolicy, virtual clock. Against",
            "one GET an order a round, the rounds as far apart as gives the same mean delay from",
            "an order's completion to its detection. The sandbox has no setting for the cap on",
            "pages: the benchmark sets its constant.",
            "What it does not show: lists as the service really orders, limits and delays them,",
            "which is not published, and the way there: on loopback an answer takes a millisecond.",
        ),
    )


# ------------------------------------------------------------------- requests


async def _day(orders: int, groups: int, page_size: int, wanted: str) -> Row:
    """All orders to COMPLETED; requests against one GET an order a round at equal delay."""
    with pages_of(page_size):
        async with virtual(_DAY) as world:
            made = await world.orders(orders, groups)
            began, before = world.sandbox.now.timestamp(), world.polls()
            seen = await _detections(world, made)
            requests = world.polls() - before
            ended = {o.hosting_order_id: o.history[-1][0] for o in world.sandbox.orders_created()}
    delay = mean(seen[order_id] - at for order_id, at in ended.items())
    # A poller that asks every so many seconds is late by half of them.
    singly = sum((seen[order_id] - began) / (2 * delay) for order_id in ended)
    label = f"{orders:,} orders in {groups} group{'s' * (groups > 1)}, a day, {page_size:,} a page"
    return (
        label,
        f"{requests:,} requests (1/{singly / requests:.0f})",
        f"{singly:,.0f} GETs, {delay:.1f} s late",
        f"at most {wanted}",
    )


async def _detections(world: WatchedOrder, orders: list[Order]) -> dict[str, float]:
    """When each order was seen to have ended."""
    seen: dict[str, float] = {}
    async for update in world.sinch.hosting_orders.watch(orders):
        if update.order.state == COMPLETED:
            seen[update.order.hosting_order_id] = world.sandbox.now.timestamp()
    assert len(seen) == len(orders)
    return seen


async def _round(orders: int, page_size: int) -> Row:
    """Requests and CPU of a round in which nothing has changed."""
    rounds = 10
    with pages_of(page_size):
        async with virtual("manual", _STEADY) as world:
            made = await world.orders(orders)
            wait = asyncio.create_task(
                world.sinch.hosting_orders.wait_all(
                    made, COMPLETED, timeout=60.0 * (rounds + 3), return_exceptions=True
                )
            )
            began = world.sandbox.now.timestamp()
            while world.sandbox.now.timestamp() < began + 130:  # noqa: ASYNC110 - the sandbox's clock
                await asyncio.sleep(0)
            before, since = world.polls(), world.sandbox.now.timestamp()
            while world.sandbox.now.timestamp() < since + 48 * rounds:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
            took = world.sandbox.now.timestamp() - since
            requests = (world.polls() - before) * 48 / took
            wait.cancel()
            await asyncio.wait({wait})
    return (
        f"{orders:,} orders that rest, {page_size:,} a page",
        f"{requests:.1f} requests a round",
        f"{orders:,} GETs",
        "pages",
    )


# ------------------------------------------------------------------ callbacks


async def _with_callbacks(orders: int, lost: float, poll: PollPolicy, act: Act) -> Row:
    """Orders whose callbacks reach a receiver that wakes the client's waits."""
    async with (
        real("manual", poll) as world,
        CallbackReceiver(world.sandbox.hmac_secret, sinch=world.sinch) as receiver,
        _serving(receiver) as address,
    ):
        made = await world.orders(orders, callback_url=address)
        if lost:
            world.sandbox.faults.add("callback_lost", probability=lost)
        return await act(world, made)


@asynccontextmanager
async def _serving(receiver: CallbackReceiver) -> AsyncIterator[str]:
    """The receiver on a port of its own."""
    app = web.Application()
    app.router.add_post("/callbacks", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks"
    finally:
        await runner.cleanup()


async def _callbacks(orders: int) -> list[Row]:
    """From an order's end to the return of its wait."""
    returned: dict[str, float] = {}

    async def wait(order: Order) -> None:
        await order.wait_until(COMPLETED)
        returned[order.hosting_order_id] = time.perf_counter()

    async def act(world: WatchedOrder, made: list[Order]) -> Row:
        waits = [asyncio.create_task(wait(order)) for order in made]
        await asyncio.sleep(1.0)  # their first looks are over
        happened: dict[str, float] = {}
        for order in made:
            happened[order.hosting_order_id] = time.perf_counter()
            world.sandbox.complete(order)
            await asyncio.sleep(0.01)
        await asyncio.gather(*waits)
        delays = sorted(returned[i] - at for i, at in happened.items())
        return (
            f"{orders:,} waits with callbacks, median from event to return",
            f"{median(delays) * 1000:.1f} ms",
            f"95th percentile {delays[int(len(delays) * 0.95)] * 1000:.1f} ms",
            "under 20 ms",
        )

    return [await _with_callbacks(orders, 0.0, PollPolicy(), act)]


async def _lost(orders: int) -> Row:
    """Every wait ends although a third of the callbacks never comes."""

    async def act(world: WatchedOrder, made: list[Order]) -> Row:
        wait = asyncio.create_task(world.sinch.hosting_orders.wait_all(made, COMPLETED, timeout=60))
        await asyncio.sleep(0.5)
        for order in made:
            world.sandbox.complete(order)
            await asyncio.sleep(0.002)
        done = await wait
        lost = sum(record.state == "lost" for record in world.sandbox.callbacks)
        return (
            f"{orders:,} waits, 30 percent of callbacks lost",
            f"{orders - len(done)} missed",
            f"{lost:,} of {len(world.sandbox.callbacks):,} events lost",
            "0 missed",
        )

    # Time in a nutshell: a look every other second, and a budget to go with it.
    poll = PollPolicy(initial=0.5, maximum=2.0, requests_per_minute=18_000)
    return await _with_callbacks(orders, 0.3, poll, act)


# ------------------------------------------------------------------ footprint


async def _footprint(orders: int) -> list[Row]:
    """Memory and tasks of waits that rest."""
    rows = []
    async with virtual("manual", _STEADY) as world:
        made = await world.orders(orders)

        async def all_at_once() -> None:
            await world.sinch.hosting_orders.wait_all(made, COMPLETED)

        async def one_by_one() -> None:
            await asyncio.gather(*(order.wait_until(COMPLETED) for order in made))

        for name, wait in (("wait_all", all_at_once), ("wait_until, tasks and all", one_by_one)):
            size, tasks = await _measure(world, wait, orders)
            rows.append(
                (
                    f"{orders:,} orders by {name}",
                    f"{size:,.0f} bytes an order",
                    f"{tasks} task of the watcher",
                    "under 4,096",
                )
            )
    return rows


async def _measure(
    world: WatchedOrder, wait: Callable[[], Awaitable[None]], orders: int
) -> tuple[float, int]:
    """Bytes an order, and tasks that the watcher has while it rests."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    waiting = asyncio.ensure_future(wait())
    polls = world.polls()
    while world.polls() < polls + 2 * (orders // 1000 + 1):  # noqa: ASYNC110 - the sandbox's log
        await asyncio.sleep(0)
    gc.collect()
    size = (tracemalloc.get_traced_memory()[0] - before) / orders
    tracemalloc.stop()
    tasks = sum("watcher" in task.get_name() for task in asyncio.all_tasks())
    waiting.cancel()
    await asyncio.wait({waiting})
    return size, tasks
