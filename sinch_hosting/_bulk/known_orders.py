"""Reads the orders that have tags from the lists of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime

from attrs import frozen

from .._aio import Sleep, retrieve
from .._session.orders_api import PAGE_SIZE, OrdersApi, Place
from .._session.retry import exponential
from ..errors import ApiError, JobChanged, SinchHostingError, UnreadableList, shortened
from ..models import Order
from ..states import OrderState, in_order_of_life
from .order_numbers import is_long_ago
from .tags import Tag, tag_inside, tag_of

LIFE = in_order_of_life(state for state in OrderState if state is not OrderState.UNSPECIFIED)
_WALKS = 5
_UNTAGGED = 20
_NOT_LISTED_SO = (400, 404, 422)


@frozen
class Tagged:
    """An order of a job, and its tag."""

    tag: Tag
    order: Order

    @property
    def is_rejected(self) -> bool:
        """Whether the order is REJECTED."""
        return self.order.state == OrderState.REJECTED


class TaggedOrders:
    """Reads the orders of a place that have tags, for any jobs.

    The lists of all states are read from the oldest order on, the states in the order in which
    they follow each other. Pages may shift while they are read, and hide an order. So the orders
    are compared with what the service counts; where orders are missing, all is read again.
    """

    def __init__(self, orders: OrdersApi, place: Place, sleep: Sleep) -> None:
        self._orders = orders
        self._place = place
        self._sleep = sleep
        self._seen: set[str] = set()
        self._shows_all = True
        self.requests = 0
        """How many pages were asked for."""
        self.latest: datetime | None = None
        """The latest time that an order shows."""
        self.torn: Order | None = None
        """An order whose name has something like a tag of these jobs, but was edited or cut."""
        self.untagged: dict[str, Order] = {}
        """The last orders that have no tag, by id; only the last `_UNTAGGED` are kept."""

    async def read(
        self, is_ours: Callable[[str], bool], begins_as_ours: Callable[[str], bool]
    ) -> AsyncIterator[Tagged]:
        """Give the orders whose tag has a job that `is_ours`; an order may come twice, and newer.

        Raises `UnreadableList` where the lists show fewer orders than they count each time, and
        what the lists raise.
        """
        pauses = exponential(initial=1, factor=2, maximum=8)
        for walk in range(_WALKS):
            if walk:
                await self._sleep(next(pauses))
            self._shows_all = True
            for state in LIFE:
                async for order in self._walk(state):
                    tag = tag_of(order)
                    if tag is not None:
                        self._orders.kept_names.add(str(tag))
                    if tag is not None and is_ours(tag.job):
                        yield Tagged(tag, order)
                    elif begins_as_ours(_job_in(order.display_name or "")):
                        self.torn = order
                    elif tag is None:
                        self._keep_untagged(order)
            if self._shows_all or len(self._seen) >= await self._count():
                return
        raise UnreadableList(
            "ListHostingOrders",
            f"the lists count more orders than the {len(self._seen)} that they show, in {_WALKS} "
            "walks; what they do not show cannot be told from what is not there",
        )

    def _keep_untagged(self, order: Order) -> None:
        self.untagged.pop(order.hosting_order_id, None)
        if order.state != OrderState.REJECTED:
            self.untagged[order.hosting_order_id] = order
        if len(self.untagged) > 2 * _UNTAGGED:
            newest = sorted(self.untagged.values(), key=_created)[-_UNTAGGED:]
            self.untagged = {one.hosting_order_id: one for one in newest}

    async def _walk(self, state: OrderState) -> AsyncIterator[Order]:
        """Give the orders of one state's list, and remember whether it counts more."""
        found: set[str] = set()
        counted = 0
        pages = self._orders.list(self._place, state, order_by="createdTime", page_size=PAGE_SIZE)
        async for page in pages.pages():
            self.requests += 1
            counted = max(counted, page.total_size or 0)
            for order in page.items:
                found.add(order.hosting_order_id)
                times = (self.latest, order.updated_time or order.created_time)
                self.latest = max(filter(None, times), default=None)
                yield order
        self._seen |= found
        self._shows_all = self._shows_all and len(found) >= counted

    async def _count(self) -> int:
        """Return how many orders there are at most; one that moves meanwhile may count twice."""
        counted = 0
        for state in LIFE:
            page = await self._orders.page(self._place, state, page_size=1)
            self.requests += 1
            counted += page.total_size or 0
        return counted


class KnownOrders:
    """The orders of one job, read from the lists of its place.

    Each reading only adds orders, so that an order that a slow list leaves out once is not lost.
    """

    def __init__(self, orders: OrdersApi, place: Place, job: str, sleep: Sleep) -> None:
        self._orders = orders
        self._place = place
        self._job = job
        self._sleep = sleep
        self._by_chunk: dict[int, dict[str, Tagged]] = {}
        self.requests = 0
        """How many pages of lists were asked for so far."""
        self.latest: datetime | None = None
        """The latest time that the service showed; it is later there now."""
        self._untagged: dict[str, Order] = {}
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    def of_chunk(self, index: int) -> Sequence[Tagged]:
        """Return the orders of a chunk: the last attempt first, REJECTED ones behind others."""
        found = self._by_chunk.get(index, {}).values()
        return sorted(found, key=lambda tagged: (-tagged.tag.attempt, tagged.is_rejected))

    def duplicates_of(self, tagged: Tagged) -> tuple[str, ...]:
        """Return the ids of further orders of its chunk that are not REJECTED."""
        others = [one for one in self.of_chunk(tagged.tag.chunk) if not one.is_rejected]
        ids = (one.order.hosting_order_id for one in others)
        return tuple(one for one in ids if one != tagged.order.hosting_order_id)

    def chunks(self) -> Iterable[int]:
        """Return the numbers of the chunks that have orders."""
        return self._by_chunk.keys()

    def all(self) -> Iterable[Tagged]:
        """Return all its orders."""
        return (tagged for found in self._by_chunk.values() for tagged in found.values())

    def untagged(self) -> Sequence[Order]:
        """Return orders of the last day without a tag: the last ones, if there are many."""
        newest = sorted(self._untagged.values(), key=_created)[-_UNTAGGED:]
        return [order for order in newest if not is_long_ago(order.created_time, self.latest)]

    def add(self, tagged: Tagged) -> None:
        """Add an order that was not read from the lists."""
        found = self._by_chunk.setdefault(tagged.tag.chunk, {})
        found[tagged.order.hosting_order_id] = tagged

    def saw(self, order: Order) -> None:
        """Remember the time at the service, as an order shows it."""
        self._saw(order.updated_time or order.created_time)

    def _saw(self, moment: datetime | None) -> None:
        self.latest = max(filter(None, (self.latest, moment)), default=None)

    async def read(self) -> None:
        """Read the lists of all states once.

        Raises `JobChanged` for an order whose name has something like a tag of the job, and
        `UnreadableList`, and what the lists raise.
        """
        reading = TaggedOrders(self._orders, self._place, self._sleep)
        try:
            async for tagged in reading.read(self._job.__eq__, self._begins_as_ours):
                self.add(tagged)
        finally:
            self.requests += reading.requests
            self._saw(reading.latest)
            self._untagged |= reading.untagged
        if reading.torn is not None:
            raise not_a_tag(self._job, reading.torn)

    def _begins_as_ours(self, job: str) -> bool:
        return job.casefold() == self._job.casefold()  # a service may keep names in small letters

    async def read_anew(self) -> None:
        """Wait for a whole reading that begins after this call; all who wait share it."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._walk_after(self._running))
            self._next.add_done_callback(retrieve)
        await asyncio.shield(self._next)

    async def _walk_after(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        await self.read()

    async def close(self) -> None:
        """Cancel the readings that nobody waits for any more."""
        walks = [walk for walk in (self._running, self._next) if walk is not None]
        for walk in walks:
            walk.cancel()
        if walks:
            await asyncio.wait(walks)


def _job_in(name: str) -> str:
    """Return the job of what may have been a tag: before the first slash, or behind other text."""
    inside = tag_inside(name)
    if inside is not None:
        return inside.job
    job, slash, _ = name.partition("/")
    return job if slash else ""


def _created(order: Order) -> datetime:
    return order.created_time or datetime.max.replace(tzinfo=UTC)


def cannot_be_listed(error: SinchHostingError) -> bool:
    """Whether an error means that the service does not list orders without a campaign."""
    if isinstance(error, ApiError):
        return error.status_code in _NOT_LISTED_SO
    return isinstance(error, UnreadableList)


def not_a_tag(job: str, order: Order) -> JobChanged:
    """Return the error for a job with an order whose chunk cannot be known."""
    name = shortened(repr(order.display_name))
    return JobChanged(
        field="job",
        value=job,
        rule=f"order {order.hosting_order_id} is called {name}. That is like a tag of this job "
        "but is none: it was edited or cut, so nobody can tell which numbers the order holds. "
        "Look at it, and take another name for the job",
    )


def lost_its_tag(job: str, order: Order) -> JobChanged:
    """Return the error for an order without a tag that holds numbers of a chunk, and no others."""
    return JobChanged(
        field="job",
        value=job,
        rule=f"order {order.hosting_order_id} of the last day holds numbers of this job, and has "
        "no tag: it was created without the job, or by an earlier run, if the service does not "
        "keep the names of orders. Nothing was sent for its numbers. Leave them out, or send them "
        "all the same with on_unknown='resend'",
    )


def check_numbers(tag: Tag, ours: Tag) -> None:
    """Raise `JobChanged` where an earlier run had other numbers for a chunk."""
    if tag.numbers != ours.numbers:
        what = f"the numbers of chunk {tag.chunk} (or how many come after it); tag {tag}"
        raise job_changed(tag.job, what)


def check_arguments(tag: Tag, ours: Tag, differing: Sequence[str]) -> None:
    """Raise `JobChanged` where an earlier run had other arguments; the letter does not count.

    `differing` are the names of arguments that are known to differ, for the message.
    """
    if tag.arguments != ours.arguments:
        named = ", ".join(differing) or "which, the tags do not tell"
        raise job_changed(tag.job, f"the arguments ({named}); tag {tag}")


def job_changed(job: str, what: str) -> JobChanged:
    """Return the error for a job that was begun with other numbers or arguments."""
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
    """Return the names of arguments that an order shows with other values."""
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
