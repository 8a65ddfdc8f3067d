"""The table of finished orders: what it costs to see them all, by size, budget and page."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from math import ceil
from typing import Any

from sinch_hosting import COMPLETED, Order, OrderState, OrderType, PollPolicy, SinchHosting
from sinch_hosting._polling.policy import budget_of
from tests.service import Service

ORDERS = (40, 150, 151, 300, 1000, 3000)
BUDGETS = (60, 600, 6000)
PAGES = (20, 100, 1000)
_LIVE_LISTS = 4
Row = tuple[str, str, str, str]


class _Clock:
    """Time that moves when all sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let virtual seconds pass."""
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._count), woken))
        loop.call_soon(self._wake)
        await woken

    def _wake(self) -> None:
        while self._sleepers:
            at, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                self.now = max(self.now, at)
                sleeper.set_result(None)
                return


async def measure(how: str, orders: int, budget: float, page: int) -> Row:
    """One row: `how` is `at once`, `trickle` or `tokens`."""
    clock = _Clock()
    every = 1.0 if how == "trickle" else 0.0
    after = -1.0 if how == "tokens" else 60.0
    state = OrderState.UNSPECIFIED if how == "tokens" else OrderState.IN_PROGRESS
    async with Service(clock=clock, sleep=clock.sleep, page_cap=page) as service:
        made = service.add_orders(orders, state="IN_PROGRESS")
        service.set_state(made, "COMPLETED", at=clock() + after, every=every)
        poll = PollPolicy(requests_per_minute=budget)
        async with SinchHosting(**service.client_arguments, poll=poll) as sinch:
            given: list[Any] = [
                Order(
                    hosting_order_id=order.id,
                    state=state,
                    type=OrderType(order.type),
                    service_plan_id=order.plan,
                    campaign_id=order.campaign,
                )
                for order in made
            ]
            began = clock()
            await sinch.hosting_orders.wait_all(given, COMPLETED)
            took = clock() - began
        requests = service.counts["ListHostingOrders"] + service.counts["GetHostingOrder"]
    last = max(0.0, after + (orders - 1) * every)
    bucket = budget_of(poll, None, clock, clock.sleep)
    least = min(orders, ceil(orders / page) + _LIVE_LISTS)
    soonest = max(0.0, (least - bucket.burst) / bucket.per_second)
    compared = f"{least} requests at least" if how == "tokens" else f"{orders} single looks a round"
    return (
        f"{orders:,} orders, {how}, {budget:,.0f} a minute, {page:,} a page",
        f"{requests:,} requests, {took - last:.1f} s after the last",
        f"{compared}, {soonest:.1f} s",
        f"{(requests / least):.2f} of least" if how == "tokens" else "a rest, and its requests",
    )


async def rows(*, short: bool) -> list[Row]:
    """All rows; the short table has the smallest of each."""
    sizes = (ORDERS[:1], BUDGETS[:1], PAGES[:1]) if short else (ORDERS, BUDGETS, PAGES)
    found = []
    for how in ("tokens", "at once", "trickle"):
        for orders, budget, page in itertools.product(*sizes):
            if how == "trickle" and orders > 300:
                continue
            found.append(await measure(how, orders, budget, page))
    return found
