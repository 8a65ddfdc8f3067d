"""The waits for orders: one, many, and every change; all through the one watcher."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import deepcopy

from attrs import frozen

from .. import errors
from ..models import Order
from ..models._checks import check_seconds, optional
from ..states import REJECTED, OrderState, has_reached
from .followers import OrderChange, Subscription
from .watcher import Watcher

_log = logging.getLogger("sinch_hosting")
_TOKENS_NOTED = 20
OnUpdate = Callable[[Order], Awaitable[None] | None]


@frozen(kw_only=True)
class OrderUpdate:
    """What `hosting_orders.watch` tells of one order."""

    order: Order
    """The order as it is now; as it was last seen, where there is an `error`."""
    previous: Order
    """The order as it was before."""
    error: errors.SinchHostingError | None = None
    """Why the order is watched no longer, such as `NotFound` where it was deleted."""

    @property
    def has_moved(self) -> bool:
        """Whether its state is another one, and not only some other field."""
        return self.order.state != self.previous.state


def is_over(wanted: OrderState, order: Order) -> bool:
    """Whether an order has reached `wanted`; raises `OrderRejected` where it cannot any more."""
    if order.state == REJECTED and wanted != REJECTED:
        raise errors.OrderRejected(order)
    return has_reached(order.state, wanted)


async def wait_until(
    watcher: Watcher,
    order: Order,
    wanted: OrderState,
    *,
    timeout: float | None,
    on_update: OnUpdate | None,
) -> Order:
    """Wait for one order; see `Order.wait_until`."""
    optional(timeout, check_seconds, "timeout")
    if is_over(wanted, order):
        return order
    try:
        async with watcher.follow([order], timeout) as follower:
            while heard := await follower.news():
                for news in heard:
                    order = await _take(news, order, on_update)
                    if is_over(wanted, order):
                        return order
        raise _timed_out(order, wanted, timeout)
    except asyncio.CancelledError as cancelled:
        cancelled.add_note(f"Go on with hosting_orders.from_token({order.to_token()!r})")
        _log.info("a wait was cancelled; order %s goes on", order.hosting_order_id)
        raise
    except errors.SinchHostingError as error:
        error.last = order
        raise


def _timed_out(order: Order, wanted: OrderState, timeout: float | None) -> errors.WaitTimeout:
    what = f"order {order.hosting_order_id} in {wanted}"
    return errors.WaitTimeout(what, timeout=timeout or 0.0, last=order)


async def _take(news: OrderChange, order: Order, on_update: OnUpdate | None) -> Order:
    if news.error is not None:
        raise deepcopy(news.error) from news.error.__cause__
    if news.order != order and on_update is not None:
        told = on_update(news.order)
        if inspect.isawaitable(told):
            await told
    return news.order


async def wait_all(
    watcher: Watcher, orders: Sequence[Order], wanted: OrderState, *, timeout: float | None
) -> list[Order | Exception]:
    """Wait for many orders; what became of each, in the order given."""
    latest = {order.hosting_order_id: order for order in orders}
    failed: dict[str, Exception] = {}
    try:
        await _wait_for_each(watcher, latest, failed, wanted, timeout)
    except asyncio.CancelledError as cancelled:
        going_on = [o.to_token() for o in latest.values() if not o.state.is_terminal]
        for token in going_on[:_TOKENS_NOTED]:
            cancelled.add_note(f"Go on with hosting_orders.from_token({token!r})")
        _log.info("a wait for %d orders was cancelled; they go on", len(going_on))
        raise
    ids = [order.hosting_order_id for order in orders]
    return [failed.get(order_id) or latest[order_id] for order_id in ids]


async def _wait_for_each(
    watcher: Watcher,
    latest: dict[str, Order],
    failed: dict[str, Exception],
    wanted: OrderState,
    timeout: float | None,
) -> None:
    orders = list(latest.values())
    async with watcher.follow(orders, timeout) as follower:
        for order in orders:
            _settle(order, wanted, failed, follower.leave)
        while follower.has_more and not follower.is_expired:
            for news in await _news(follower, latest):
                order_id = news.order.hosting_order_id
                latest[order_id] = news.order
                if news.error is not None:
                    follower.leave(order_id)
                    failed[order_id] = _with_last(deepcopy(news.error), news.order)
                else:
                    _settle(news.order, wanted, failed, follower.leave)
        for order_id in follower.orders:
            failed[order_id] = _timed_out(latest[order_id], wanted, timeout)


def _settle(
    order: Order,
    wanted: OrderState,
    failed: dict[str, Exception],
    leave: Callable[[str], None],
) -> None:
    try:
        if not is_over(wanted, order):
            return
    except errors.OrderRejected as error:
        failed[order.hosting_order_id] = error
    leave(order.hosting_order_id)


async def _news(follower: Subscription, latest: dict[str, Order]) -> list[OrderChange]:
    """What there is to hear; where the watching itself ends, that is the error of all that wait."""
    try:
        return await follower.news()
    except errors.SinchHostingError as error:
        return [
            OrderChange(latest[order_id], latest[order_id], error) for order_id in follower.orders
        ]


def _with_last(error: errors.SinchHostingError, order: Order) -> errors.SinchHostingError:
    error.last = order
    return error


async def watch(watcher: Watcher, orders: Sequence[Order]) -> AsyncIterator[OrderUpdate]:
    """Every change of many orders, as it happens; see `HostingOrders.watch`."""
    async with watcher.follow(orders) as follower:
        for order in orders:
            if order.state.is_terminal:
                follower.leave(order.hosting_order_id)
        while follower.has_more:
            for news in await follower.news():
                if news.order.state.is_terminal:
                    follower.leave(news.order.hosting_order_id)
                yield OrderUpdate(order=news.order, previous=news.previous, error=news.error)
