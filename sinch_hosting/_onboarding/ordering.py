"""The orders of an onboarding: those of earlier runs, by number, and new ones, by group.

Which numbers are ready together differs from run to run, so chunks cannot be told from the
input: a rerun takes them from the numbers of the job's existing orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import define, field, frozen

from .._bulk import ChunkOutcome, Place
from .._chunks import Chunk
from .._entries import Entry
from .._jobs import Job
from .._journal import LIFE, OrdersAtService, Tagged, job_changed
from .._ledger import Ledger
from .._run import Run, SessionLike
from .._tags import numbers_digest, parse_tag, tag_of
from .._wire import encode
from .._work import JobOptions, Work
from ..models import BlanketLoa, Letter, Order
from ..states import OrderType

_KEY = 4
_PAGE_SIZE = 1000


@frozen
class Group:
    """Numbers that may go in one order: of one kind, one region, one letter."""

    is_toll_free: bool
    region_code: str
    loa: Letter

    @property
    def key(self) -> str:
        """A few letters that tell the group apart in the names of its orders' job."""
        letter = {} if isinstance(self.loa, BlanketLoa) else encode(self.loa)
        return numbers_digest([str(self.is_toll_free), self.region_code, repr(letter)])[:_KEY]


class MakesWork(Protocol):
    """What is needed to create the orders of a group."""

    def __call__(self, group: Group) -> Work:
        """The work of a group; raises `InvalidRequest` for arguments that make no sense."""
        ...


@define
class Known:
    """What earlier runs left behind, by number."""

    ordered: dict[str, Order] = field(factory=dict)
    rejected: dict[str, Order] = field(factory=dict)
    held: dict[str, str] = field(factory=dict)
    """Numbers whose create is in flight, and its tag."""
    twice: dict[str, str] = field(factory=dict)
    """Numbers that are in a further order, and its id."""

    def note(self, order: Order, numbers: Iterable[str], *, is_rejected: bool) -> None:
        """Take in an order."""
        for number in numbers:
            if is_rejected:
                self.rejected[number] = order
            elif number in self.ordered:
                self.twice[number] = order.hosting_order_id
            else:
                self.ordered[number] = order


@define
class _Running:
    """A group that is being worked on."""

    run: Run
    job: Job
    next_index: int


class Ordering:
    """Orders under one job, group by group."""

    def __init__(
        self,
        options: JobOptions,
        makes_work: MakesWork,
        orders: OrdersAtService,
        session: SessionLike,
        places: Sequence[Place],
    ) -> None:
        self._options = options
        self._makes_work = makes_work
        self._orders = orders
        self._session = session
        self._places = places
        self._ledger: Ledger | None = None
        self._owns_ledger = False
        self._tagged: dict[str, Tagged] = {}
        self._groups: dict[str, _Running] = {}
        self._lock = asyncio.Lock()
        self.known = Known()

    async def open(self) -> None:
        """Lock the ledger and read the orders of earlier runs, their numbers included."""
        ledger = self._options.ledger
        if isinstance(ledger, Ledger):
            self._ledger = ledger
        elif ledger is not None:
            self._ledger, self._owns_ledger = await Ledger.open(ledger), True
        entries = list(self._entries())
        in_flight = any(entry.is_open for entry in entries)
        await self._walk()
        if in_flight or not entries:
            await self._session.sleep(self._options.settle)
            await self._walk()
        await asyncio.gather(*(self._take_in(tagged) for tagged in self._tagged.values()))
        await self._take_in_ledger(entries)

    async def close(self) -> None:
        """Let go of the ledger."""
        for group in self._groups.values():
            await group.job.close()
        if self._ledger is not None and self._owns_ledger:
            await self._ledger.close()

    def _entries(self) -> Iterable[Entry]:
        jobs = {} if self._ledger is None else self._ledger.jobs
        for name, known in jobs.items():
            if self._is_ours(name):
                yield from known.chunks.values()

    def _is_ours(self, job: str) -> bool:
        return job.startswith(f"{self._options.job}.") and len(job) == len(self._options.job) + 5

    async def _walk(self) -> None:
        for place in self._places:
            pages = self._orders.list(
                states=LIFE,
                type=place.type,
                service_plan_id=place.service_plan_id,
                campaign_id=place.campaign_id,
                page_size=_PAGE_SIZE,
            )
            torn: Order | None = None
            async for order in pages:
                tag = tag_of(order)
                if tag is not None and self._is_ours(tag.job):
                    self._tagged[order.hosting_order_id] = Tagged(tag, order)
                elif (order.display_name or "").startswith(f"{self._options.job}."):
                    torn = order if tag is None else torn
            if torn is not None:
                raise job_changed(
                    self._options.job,
                    f"order {torn.hosting_order_id} is called {torn.display_name!r}: its tag was "
                    "edited or cut",
                )

    async def _take_in(self, tagged: Tagged) -> None:
        order_id = tagged.order.hosting_order_id
        pages = self._orders.numbers(order_id, page_size=_PAGE_SIZE)
        numbers = [number.phone_number async for number in pages]
        self.known.note(tagged.order, numbers, is_rejected=tagged.is_rejected)

    async def _take_in_ledger(self, entries: Iterable[Entry]) -> None:
        """Take in orders that only the ledger knows, and creates that were in flight."""
        tags = {str(tagged.tag) for tagged in self._tagged.values()}
        for entry in entries:
            tag = parse_tag(entry.tag)
            if entry.tag in tags or tag is None:
                continue
            if entry.order_id:
                tagged = Tagged(tag, await self._orders.get(entry.order_id))
                self._tagged[entry.order_id] = tagged
                await self._take_in(tagged)
            elif entry.is_open:
                self.known.held.update(dict.fromkeys(entry.listed, entry.tag))

    def may_resend(self, group: Group) -> bool:
        """Whether numbers of a create that was in flight, and is not there, may be ordered."""
        return self._options.may_resend(self._makes_work(group), 1)

    async def order(self, group: Group, numbers: Sequence[str]) -> ChunkOutcome:
        """Create an order of a group; `JobChanged` where earlier runs had other arguments."""
        async with self._lock:
            running = self._groups.get(group.key) or await self._begin(group)
            index, running.next_index = running.next_index, running.next_index + 1
        return await running.run.handle(Chunk(index=index, numbers=tuple(numbers)))

    async def _begin(self, group: Group) -> _Running:
        name = f"{self._options.job}.{group.key}"
        work = self._makes_work(group)
        options = JobOptions(
            job=name,
            ledger=self._ledger,
            settle=self._options.settle,
            grace=self._options.grace,
            on_unknown=self._options.on_unknown,
        )
        job = Job(work, options, self._orders, self._session.sleep)
        known = [tagged for tagged in self._tagged.values() if tagged.tag.job == name]
        ours = job.meaning.tag(name, 0, 1, (), is_last=False)
        if any(tagged.tag.arguments != ours.arguments for tagged in known):
            raise job_changed(self._options.job, "the arguments of its orders")
        await job.join(self._ledger, known)
        run = Run(work, options, self._orders, self._session, concurrency=1)
        run.join(job)
        used = [tagged.tag.chunk for tagged in known]
        used += [] if self._ledger is None else [*self._ledger.jobs[name].chunks]
        running = _Running(run, job, max(used, default=-1) + 1)
        self._groups[group.key] = running
        return running


def places(service_plan_id: str, campaign_id: str | None, *, toll_free: bool) -> list[Place]:
    """Where the orders of an onboarding are listed."""
    campaigns = {campaign_id or "", *([""] if toll_free else [])}
    return [
        Place(type=OrderType.TEXT_ENABLE, service_plan_id=service_plan_id, campaign_id=campaign)
        for campaign in sorted(campaigns)
    ]
