"""The numbers that an order holds, compared with those of its chunk.

An order is filled over time: the service may add its numbers over seconds. So fewer than were
sent is "not yet", and is looked at again; only where it is not known how many were sent, what is
missing in the end counts as left out by whoever sent it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice

from .._aio import Sleep
from .._session.orders_api import PAGE_SIZE, OrdersApi
from .._session.retry import exponential
from ..errors import SinchHostingError
from ..models import Order
from .chunks import Chunk

Rest = Callable[[], Awaitable[bool]]
# Machines of the service may differ by hours, where a time zone is missing; not by a day.
_LONG = timedelta(days=1)


class NumbersDiffer(Exception):
    """An order holds numbers that do not belong to its chunk."""


def is_long_ago(moment: datetime | None, latest: datetime | None) -> bool:
    """Whether a time of the service lies a day before another one; false where one is absent.

    Both are times of the service: this machine's clock may be another one's by months.
    """
    return moment is not None and latest is not None and latest - moment > _LONG


def rests(sleep: Sleep, *, times: int, initial: float, maximum: float) -> Rest:
    """A `rest` for `missing_numbers`: pauses that grow, until there were `times` of them."""
    pauses = islice(exponential(initial=initial, factor=2, maximum=maximum), times)

    async def rest() -> bool:
        pause = next(pauses, None)
        if pause is None:
            return False
        await sleep(pause)
        return True

    return rest


async def missing_numbers(
    orders: OrdersApi,
    order: Order,
    chunk: Chunk,
    rest: Rest,
    *,
    sent: int | None,
    is_settled: bool = False,
) -> list[str]:
    """The numbers of a chunk that its order does not hold, the others being compared first.

    An order may hold a subset of its chunk, which exclusions make, never anything else: raises
    `NumbersDiffer`. With fewer numbers than were `sent` it is looked at again, as long as `rest`
    returns true, and then `SinchHostingError` is raised. Where it is not known how many were
    sent, what stays missing until then is missing, and at once where the order `is_settled`,
    since it was created long ago; an order of which no number can be seen counts as whole.
    """
    asked = set(chunk.numbers)
    while True:
        held = await _held(orders, order.hosting_order_id)
        if foreign := sorted(held - asked):
            raise NumbersDiffer(f"{len(foreign)} numbers such as {foreign[0]}")
        missing = [number for number in chunk.numbers if number not in held]
        if not missing or (sent is not None and len(held) >= sent):
            return missing
        if sent is None and held and is_settled and await _count(orders, order) == len(held):
            return missing
        if not await rest():
            break
    if sent is not None:
        raise SinchHostingError(
            f"order {order.hosting_order_id} shows {len(held)} of the {sent} numbers that were "
            "sent: the others are not in it yet, or never will be"
        )
    return missing if held else []


async def all_numbers(
    orders: OrdersApi, order_id: str, rest: Rest, *, sent: int
) -> tuple[str, ...]:
    """The numbers of an order, once there are as many as were sent, or as there are in the end."""
    while True:
        held = await _held(orders, order_id)
        if len(held) >= sent or not await rest():
            return tuple(sorted(held))


async def _count(orders: OrdersApi, order: Order) -> int | None:
    return (await orders.report(order.hosting_order_id)).total


async def _held(orders: OrdersApi, order_id: str) -> set[str]:
    return {n.phone_number async for n in orders.numbers(order_id, page_size=PAGE_SIZE)}
