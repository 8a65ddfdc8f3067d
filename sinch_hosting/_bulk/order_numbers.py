"""The numbers that an order holds, compared with those of its chunk.

The service may take seconds to add the numbers to an order. So an order with fewer numbers than
were sent is read again. Only where it is not known how many were sent, the numbers that are
missing in the end count as left out by the run that sent it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice

from .._aio import Sleep
from .._session.orders_api import PAGE_SIZE, OrdersApi
from .._session.retry import exponential
from ..errors import SinchHostingError
from ..models import Order
from .chunks import Chunk

_log = logging.getLogger("sinch_hosting")
Pause = Callable[[], Awaitable[bool]]
# Clocks of the service may differ by hours, where a time zone is missing, but not by a day.
_LONG = timedelta(days=1)


class NumbersDiffer(Exception):
    """An order holds numbers that do not belong to its chunk."""


def is_long_ago(moment: datetime | None, latest: datetime | None) -> bool:
    """Whether a time is more than a day before another one; false where one is absent.

    Both are times of the service, since the clock of this machine may be wrong by months.
    """
    return moment is not None and latest is not None and latest - moment > _LONG


def pauses(sleep: Sleep, *, times: int, initial: float, maximum: float) -> Pause:
    """Return a function that sleeps longer each time, and returns false after `times` calls."""
    seconds_each = islice(exponential(initial=initial, factor=2, maximum=maximum), times)

    async def pause() -> bool:
        seconds = next(seconds_each, None)
        if seconds is None:
            return False
        await sleep(seconds)
        return True

    return pause


async def missing_numbers(
    orders: OrdersApi,
    order: Order,
    chunk: Chunk,
    pause: Pause,
    *,
    sent: int | None,
    is_settled: bool = False,
) -> list[str]:
    """Return the numbers of a chunk that its order does not hold.

    An order may hold fewer numbers than its chunk, since refused ones are left out. If it holds
    any other number, `NumbersDiffer` is raised. An order with fewer numbers than were `sent` is
    read again as long as `pause` returns true; then `SinchHostingError` is raised. Where it is
    not known how many were sent, numbers that are missing in the end are returned. This is done
    at once where the order `is_settled`, because it was created long ago. An order that shows no
    number at all counts as complete.
    """
    asked = set(chunk.numbers)
    while True:
        held = await _held(orders, order.hosting_order_id)
        if foreign := sorted(held - asked):
            raise NumbersDiffer(f"{len(foreign)} numbers such as {foreign[0]}")
        missing = [number for number in chunk.numbers if number not in held]
        if not missing or (sent is not None and len(held) >= sent):
            return missing
        if sent is None and held and is_settled:
            report = await orders.report(order.hosting_order_id)
            if report.total == len(held):
                return missing
        if not await pause():
            break
    if sent is not None:
        raise SinchHostingError(
            f"order {order.hosting_order_id} shows {len(held)} of the {sent} numbers that were "
            "sent: the others are not in it yet, or never will be"
        )
    return missing if held else []


async def all_numbers(
    orders: OrdersApi, order_id: str, pause: Pause, *, sent: int
) -> tuple[str, ...]:
    """Return the numbers of an order, once there are as many as were sent, or the time is over."""
    while True:
        held = await _held(orders, order_id)
        if len(held) >= sent or not await pause():
            return tuple(sorted(held))


async def holds_only(orders: OrdersApi, order_id: str, chunk: Chunk) -> bool:
    """Whether all numbers that an order shows are in a chunk; false where they cannot be read."""
    asked, shows_any = set(chunk.numbers), False
    try:
        async for number in orders.numbers(order_id, page_size=PAGE_SIZE):
            if number.phone_number not in asked:
                return False
            shows_any = True
    except SinchHostingError as error:
        _log.warning("whether order %s holds numbers of the job is open: %s", order_id, error)
        return False
    return shows_any


async def _held(orders: OrdersApi, order_id: str) -> set[str]:
    return {n.phone_number async for n in orders.numbers(order_id, page_size=PAGE_SIZE)}
