"""The journal of a job: its orders, as the service lists them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice

from attrs import frozen

from .._aio import Sleep
from .._session.orders_api import PAGE_SIZE, OrdersApi, Place
from .._session.retry import exponential
from ..errors import JobChanged
from ..models import Order
from ..states import OrderState
from .chunks import Chunk
from .tags import Tag, tag_of

LIFE = (
    OrderState.DRAFT,
    OrderState.SUBMITTED,
    OrderState.WAITING_FOR_LOA_SIGNATURE,
    OrderState.IN_PROGRESS,
    OrderState.COMPLETED,
    OrderState.REJECTED,
)


@frozen
class Tagged:
    """An order of a job, and the tag that it carries."""

    tag: Tag
    order: Order

    @property
    def is_rejected(self) -> bool:
        """Whether the order came to nothing."""
        return self.order.state == OrderState.REJECTED


class KnownOrders:
    """The orders of one job, read from the lists of its place.

    Reading adds to what is known, so that an order which a lagging list leaves out once is not
    forgotten.
    """

    def __init__(self, orders: OrdersApi, place: Place, job: str) -> None:
        self._orders = orders
        self._place = place
        self._job = job
        self._by_chunk: dict[int, dict[str, Tagged]] = {}
        self.requests = 0
        """How many pages of lists were asked for so far."""
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    def of_chunk(self, index: int) -> Sequence[Tagged]:
        """The orders of one chunk, those of the last attempt first, live ones before REJECTED."""
        found = self._by_chunk.get(index, {}).values()
        return sorted(found, key=lambda tagged: (-tagged.tag.attempt, tagged.is_rejected))

    def chunks(self) -> Iterable[int]:
        """The chunks that have orders."""
        return self._by_chunk.keys()

    def all(self) -> Iterable[Tagged]:
        """All its orders."""
        return (tagged for found in self._by_chunk.values() for tagged in found.values())

    def add(self, tagged: Tagged) -> None:
        """Note an order that was seen outside the lists."""
        found = self._by_chunk.setdefault(tagged.tag.chunk, {})
        found[tagged.order.hosting_order_id] = tagged

    async def read(self) -> None:
        """Walk all states once, in the order of life; answers after a whole walk.

        Raises `JobChanged` for an order whose name begins as the job's tags do and is none, and
        what the list raises.
        """
        pages = self._orders.list(self._place, LIFE, page_size=PAGE_SIZE)
        torn: Order | None = None
        async for page in pages.pages():
            self.requests += 1
            for order in page.items:
                tag = tag_of(order)
                if tag is not None and tag.job == self._job:
                    self.add(Tagged(tag, order))
                elif (order.display_name or "").startswith(f"{self._job}/"):
                    torn = order
        if torn is not None:
            raise _not_a_tag(self._job, torn)

    async def read_anew(self) -> None:
        """Wait for a whole walk that begins after this call; those who wait share it."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._walk_after(self._running))
            self._next.add_done_callback(_retrieve)
        await asyncio.shield(self._next)

    async def _walk_after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        await self.read()

    async def close(self) -> None:
        """End the walks that nobody waits for any more."""
        walks = [walk for walk in (self._running, self._next) if walk is not None]
        for walk in walks:
            walk.cancel()
        if walks:
            await asyncio.wait(walks)


def _retrieve(walk: asyncio.Task[None]) -> None:
    if not walk.cancelled():
        walk.exception()  # those who waited have it; a walk that nobody waits for may fail


def _not_a_tag(job: str, order: Order) -> JobChanged:
    return JobChanged(
        field="job",
        value=job,
        rule=f"order {order.hosting_order_id} is called {order.display_name!r}, which begins as "
        "the tags of this job do and is none: it was edited or cut, so it cannot be told which "
        "chunk it holds; look at it, and take another name for the job",
    )


class NumbersDiffer(Exception):
    """An order holds numbers that do not belong to its chunk."""


def rests(
    sleep: Sleep, *, times: int, initial: float, maximum: float
) -> Callable[[], Awaitable[bool]]:
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
    order_id: str,
    chunk: Chunk,
    rest: Callable[[], Awaitable[bool]],
) -> list[str]:
    """The numbers of a chunk that its order does not hold, the others being compared first.

    An order may hold a subset of its chunk, which exclusions make, never anything else: raises
    `NumbersDiffer`. Where it seems to hold a subset its report is asked whether the list is
    whole; where it is not, `rest` is awaited and the list read again, as long as that answers
    true. An order of which no number can be seen counts as whole.
    """
    asked = set(chunk.numbers)
    while True:
        held = {n.phone_number async for n in orders.numbers(order_id, page_size=PAGE_SIZE)}
        if foreign := sorted(held - asked):
            raise NumbersDiffer(f"{len(foreign)} numbers such as {foreign[0]}")
        if held == asked:
            return []
        total = (await orders.report(order_id)).total
        if total == len(held) and held:
            return [number for number in chunk.numbers if number not in held]
        if not await rest():
            return [number for number in chunk.numbers if number not in held] if held else []


def check_numbers(tag: Tag, ours: Tag) -> None:
    """Raise `JobChanged` where an earlier run had other numbers for a chunk."""
    if tag.numbers != ours.numbers:
        what = f"the numbers of chunk {tag.chunk} (or how many come after it); tag {tag}"
        raise job_changed(tag.job, what)


def check_arguments(tag: Tag, ours: Tag, differing: Sequence[str]) -> None:
    """Raise `JobChanged` where an earlier run had other arguments, the letter apart.

    `differing` names arguments that are known to differ, for the message.
    """
    if tag.arguments != ours.arguments:
        named = ", ".join(differing) or "which, the tags do not tell"
        raise job_changed(tag.job, f"the arguments ({named}); tag {tag}")


def job_changed(job: str, what: str) -> JobChanged:
    """The refusal of a job that is not the one that was begun."""
    return JobChanged(
        field="job",
        value=job,
        rule=f"was begun with others than now: {what}. Nothing was sent. Run it as it was begun, "
        "or take another name for what is new (retry_rejected=True allows another letter)",
    )


_COMPARED = (
    "region_code",
    "callback_url",
    "migrate_to_sinch_tmo",
    "scheduled_osr_update_time",
)


def differing_arguments(order: Order, request: object) -> list[str]:
    """Which arguments of a request an order shows otherwise, as far as orders show them."""
    found = []
    for name in _COMPARED:
        if hasattr(request, name):
            wanted, shown = getattr(request, name), getattr(order, name)
            if (wanted or None) != (shown or None):
                found.append(name)
    nnid = getattr(request, "nnid", None)
    if nnid is not None and order.text_enable_info.nnid not in (None, nnid):
        found.append("nnid")
    return found
