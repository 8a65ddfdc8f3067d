"""The table of finished orders: what it costs to see them all, by size, budget and page.

Each cell is compared with an observer that knows what no client can know. It looks when the
policy wants a look, spends the same budget, reads the fewest pages or single orders that can
show what has changed, and leaves a look that is under way at the moment in which the last order
finishes, to begin a new one. Its seconds count from that moment: the rest that the policy
prescribes then, and the requests that are needed, from the budget as it stands.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence
from math import ceil
from typing import Any

from attrs import define, frozen

from sinch_hosting import COMPLETED, Order, OrderState, OrderType, PollPolicy, SinchHosting
from sinch_hosting._polling.policy import budget_of
from tests.service import Service

HOWS = ("tokens", "at once", "trickle")
ORDERS = (40, 150, 151, 300, 1000, 3000)
BUDGETS = (60, 600, 6000)
PAGES = (20, 100, 1000)
EXTREMES = (
    *itertools.product((4, 40, 300), (6,), (10, 100)),
    *itertools.product((4,), (60, 6000), (10, 1000)),
    *itertools.product((10_000,), (600, 6000), (100, 1000)),
)
"""Orders, budgets and pages ten times smaller and larger."""
GROUPED = (
    *itertools.product((200, 400), (200,), (60, 600), (100,)),
    (1000, 200, 60, 100),
)
"""Orders, groups, budgets and pages of many small groups."""
MOST = 1.5
"""How much of the least is allowed."""
_CHECKS_A_SECOND = 1 / 3
"""Single looks that check lists, beside those that the observer makes."""
_LIVE_LISTS = 4
_FIRST_DONE = 60.0
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


@frozen(kw_only=True)
class Cell:
    """A cell of the table."""

    how: str
    """`tokens`: done before anybody looks. `at once`: in one moment. `trickle`: one a second."""
    orders: int
    budget: float
    """Requests a minute."""
    page: int
    """Orders a page at most."""
    groups: int = 1
    """The campaigns that the orders are spread over; each has lists of its own."""

    @property
    def done(self) -> Sequence[float]:
        """When each order is done, in seconds from the begin of the wait."""
        if self.how == "tokens":
            return [-1.0] * self.orders
        every = 1.0 if self.how == "trickle" else 0.0
        return [_FIRST_DONE + every * n for n in range(self.orders)]

    @property
    def poll(self) -> PollPolicy:
        """Of the default intervals, without chance."""
        return PollPolicy(requests_per_minute=self.budget, jitter=0)


@frozen
class Cost:
    """What seeing all of them took."""

    requests: int
    seconds: float
    """From the moment in which the last one was done."""


async def measure(cell: Cell, **rules: Any) -> Cost:
    """What the client takes; `rules` are of the service."""
    clock = _Clock()
    state = OrderState.UNSPECIFIED if cell.how == "tokens" else OrderState.IN_PROGRESS
    every = 1.0 if cell.how == "trickle" else 0.0
    rules = {"page_cap": cell.page, **rules}
    async with Service(clock=clock, sleep=clock.sleep, **rules) as service:
        made = [
            order
            for group in range(cell.groups)
            for order in service.add_orders(
                cell.orders // cell.groups, state="IN_PROGRESS", campaign=f"c{group}"
            )
        ]
        service.set_state(made, "COMPLETED", at=clock() + cell.done[0], every=every)
        async with SinchHosting(**service.client_arguments, poll=cell.poll) as sinch:
            given = [
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
    return Cost(requests, took - max(0.0, cell.done[-1]))


@define
class _Observer:
    """The one that knows the moment in which the last order is done."""

    cell: Cell
    now: float = 0.0
    requests: int = 0

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    async def least(self) -> Cost:
        """What it takes."""
        cell, policy = self.cell, self.cell.poll
        bucket = budget_of(policy, None, lambda: self.now, self.sleep)
        last, rest, seen = max(0.0, cell.done[-1]), 0.0, 0
        while True:
            done = sum(at <= self.now for at in cell.done)
            for _ in range(self._look(done, done - seen)):
                await bucket.acquire()
                self.requests += 1
                if done < cell.orders and self.now >= last:
                    self.now, done = last, seen  # it leaves the look
                    break
            else:
                if done == cell.orders:
                    return Cost(self.requests, self.now - last)
                rest = min(max(policy.initial, rest * policy.factor), policy.maximum)
            seen = done
            # However short it would be until the next look, the whole rest is allowed.
            self.now = last + rest if self.now + rest > last else self.now + rest

    def _look(self, done: int, new: int) -> int:
        """The fewest requests that show how things are."""
        cell, live = self.cell, self.cell.orders - done
        groups, a_group = cell.groups, self.cell.page * self.cell.groups
        if cell.how == "tokens":
            lists = _LIVE_LISTS * groups
        else:  # where many lists are read, the one that knows leaves out those that are empty
            lists = groups * max(groups == 1, ceil(live / a_group))
        pages = lists + (groups * ceil(done / a_group) if new else 0)
        return min(pages, live + new)


def least(cell: Cell) -> Cost:
    """What the observer takes that knows."""
    return asyncio.run(_Observer(cell).least())


async def row(cell: Cell) -> Row:
    """A row; fails where more requests were used than is allowed."""
    cost, best = await measure(cell), await _Observer(cell).least()
    checks = _CHECKS_A_SECOND * (cost.seconds + max(0.0, cell.done[-1]))
    assert cost.requests <= MOST * best.requests + checks, (cell, cost, best)
    late = cost.seconds / best.seconds if best.seconds else 1.0 if cost.seconds < 0.01 else 99.0
    spread = f" in {cell.groups} groups" if cell.groups > 1 else ""
    pace = f"{cell.budget:,.0f} a minute, {cell.page:,} a page"
    return (
        f"{cell.orders:,} orders{spread}, {cell.how}, {pace}",
        f"{cost.requests:,} requests, {cost.seconds:.1f} s after the last",
        f"{best.requests:,} requests, {best.seconds:.1f} s",
        f"{cost.requests / best.requests:.2f} and {late:.2f} of at most {MOST}",
    )


async def rows(*, short: bool) -> list[Row]:
    """All rows; the short table has the smallest of each."""
    table = itertools.product(ORDERS, BUDGETS, PAGES)
    sizes = [(ORDERS[0], BUDGETS[0], PAGES[0])] if short else [*table, *EXTREMES]
    cells = [
        Cell(how=how, orders=orders, budget=budget, page=page)
        for how in HOWS
        for orders, budget, page in sizes
    ]
    cells += [
        Cell(how=how, orders=orders, groups=groups, budget=budget, page=page)
        for how in ("tokens", "at once")
        for orders, groups, budget, page in ([(20, 10, 60, 100)] if short else GROUPED)
    ]
    return [await row(cell) for cell in cells]
