"""What workers do for a job: requests to the service, and reading files.

| activity | what it does | attempts |
|---|---|---|
| `prepare` | reads numbers and letter, and the orders that exist | until it can |
| `create` | sends one create, within its lease | one |
| `settle` | looks for the order of a chunk whose answer is open; sends nothing | until it knows |
| `watch` | reads the lists until an order changes | until one does |
| `examine` | counts the numbers that failed in completed orders | until it can |

What they return, and the errors that they raise, name no number and no person: both are kept in a
history that more people can read than should.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from attrs import evolve
from temporalio import activity
from temporalio.exceptions import ApplicationError

from .._bulk.chunks import Chunk, SkippedNumber
from .._bulk.job import Job
from .._bulk.known_orders import KnownOrders
from .._bulk.order_template import JobOptions, OrderTemplate
from .._bulk.results import ChunkOutcome, FailedChunk, UnknownChunk
from .._bulk.run import Run
from ..client import SinchHosting
from ..errors import (
    ApiError,
    ConfigurationError,
    InvalidRequest,
    OrderRejected,
    RunStopped,
    SinchHostingError,
)
from ..models import Order as HostingOrder
from ..states import OrderState
from .files import References
from .lease import Lease, fenced
from .messages import (
    MOST_POSITIONS,
    ChunkInput,
    ChunkResult,
    Examined,
    FailedNumber,
    Kind,
    Order,
    Prepared,
    Standing,
    WatchInput,
)

_ONLY_LOOKS = "it is only looked for"
_FAILED = ("osr_update_state", "campaign_provisioning_state", "platform_provisioning_state")
_WATCH_LEASE = 60.0
_NEVER_HELPS = (InvalidRequest, ConfigurationError)
"""Errors that another attempt meets again: what was asked for is wrong."""


def _named(error: BaseException) -> str:
    """Return what an error is, without the service's text: that may hold numbers and names."""
    if isinstance(error, ApiError):
        return f"{type(error).__name__} {error.status_code} {error.status or ''}".rstrip()
    if isinstance(error, InvalidRequest) and not error.field.startswith("line"):
        return f"{type(error).__name__}: {error.field}"
    return type(error).__name__


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Raise what history may keep of an error."""
    try:
        yield
    except SinchHostingError as error:
        refused = isinstance(error, ApiError) and error.status_code in (401, 403)
        raise ApplicationError(
            _named(error) + (f": {error.rule}" if isinstance(error, InvalidRequest) else ""),
            type=type(error).__name__,
            non_retryable=isinstance(error, _NEVER_HELPS) and not refused,
        ) from None


class HostingActivities:
    """The activities of a worker, over one client: one token and one rate a process."""

    def __init__(self, sinch: SinchHosting, references: References) -> None:
        self._sinch = sinch
        self._references = references
        self._orders = sinch._orders_api
        self._session = sinch._session

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """The activities, for a worker."""
        return [self.prepare, self.create, self.settle, self.watch, self.examine]

    @activity.defn(name="sinch_hosting.prepare")
    async def prepare(self, given: Order) -> Prepared:
        """Check everything, and read which chunks have orders; nothing is sent."""
        async with _told(), Lease.of_activity(_WATCH_LEASE).kept():
            if not given.campaign_id:
                rule = (
                    "a job on Temporal needs a campaign: other orders cannot be listed for certain"
                )
                raise InvalidRequest(field="campaign_id", value="", rule=rule)
            numbers = await self._references.count(given.numbers)
            job = await self._job(given)
            try:
                await job.open()
                existing = tuple(sorted(job.known.chunks()))
            finally:
                await job.close()
            return Prepared(
                numbers=numbers, chunks=-(-numbers // given.chunk_size), existing=existing
            )

    @activity.defn(name="sinch_hosting.create")
    async def create(self, given: ChunkInput) -> ChunkResult:
        """Send the create of a chunk, unless this attempt was given up meanwhile."""
        lease = Lease.of_activity(given.lease)
        async with _told(), lease.kept():
            longest = self._session.longest_request
            if longest is None or given.lease <= longest:
                rule = f"must be longer than a request may take: {longest or 'for ever'} s"
                raise InvalidRequest(field="lease", value=given.lease, rule=rule)
            await lease.renew()
            chunk = await self._chunk(given)
            job = await self._job(given.order, lambda t: fenced(t, lease, longest))
            run = self._run(job, knows_tags=given.knows_tags)
            result = _result(await run.handle(chunk), chunk, given)
            is_lost = result.kind == "created" and run.is_stopped
            return evolve(result, kind="untagged") if is_lost else result

    @activity.defn(name="sinch_hosting.settle")
    async def settle(self, given: ChunkInput) -> ChunkResult:
        """Look for the order of a chunk until it is found, or certainly absent."""
        async with _told(), Lease.of_activity(given.lease).kept():
            chunk = await self._chunk(given)
            job = await self._job(given.order)
            try:
                search = await job.search(job.tag(chunk, 1))
                if search.found is None and not search.is_absent:
                    raise SinchHostingError("the lists cannot be read")
                run = self._run(job, knows_tags=True)
                run.stop(_ONLY_LOOKS)
                await job.take_over(chunk)
                return _result(await run.handle(chunk), chunk, given)
            finally:
                await job.close()

    @activity.defn(name="sinch_hosting.watch")
    async def watch(self, given: WatchInput) -> Standing:
        """Read the lists of the job's place until its orders stand otherwise than they did."""
        async with _told(), Lease.of_activity(_WATCH_LEASE).kept():
            known = await self._known(given.order)
            while True:
                await known.read()
                standing = _standing(tagged.order for tagged in known.all())
                if standing != given.seen and standing.orders >= given.expected:
                    return standing
                with suppress(TimeoutError):
                    await asyncio.wait_for(activity.wait_for_worker_shutdown(), given.every)
                    raise ApplicationError("the worker stops: another one goes on watching")

    @activity.defn(name="sinch_hosting.examine")
    async def examine(self, given: Order) -> Examined:
        """Find the numbers that failed in orders that are COMPLETED."""
        async with _told(), Lease.of_activity(_WATCH_LEASE).kept():
            known = await self._known(given)
            await known.read()
            found: list[FailedNumber] = []
            for tagged in known.all():
                if tagged.order.state == OrderState.COMPLETED:
                    index = tagged.tag.chunk
                    found += await self._failed_in(tagged.order, index, given)
            found.sort(key=lambda number: number.position)
            return Examined(failed=len(found), numbers=tuple(found[:MOST_POSITIONS]))

    async def _failed_in(self, order: HostingOrder, index: int, given: Order) -> list[FailedNumber]:
        why: dict[str, str] = {}
        for step in _FAILED:
            listed = self._orders.numbers(order.hosting_order_id, **{step: "FAILED"})  # type: ignore[arg-type]
            async for number in listed:
                why.setdefault(number.phone_number, f"{step.removesuffix('_state')} failed")
        if not why:
            return []
        start = index * given.chunk_size
        numbers = await self._references.numbers(given.numbers, start, given.chunk_size)
        places = {number: start + place for place, number in enumerate(numbers)}
        return [
            FailedNumber(position=places[number], reason=reason)
            for number, reason in why.items()
            if number in places
        ]

    # ----------------------------------------------------------------- parts

    async def _template(self, given: Order) -> OrderTemplate:
        return self._sinch._get_runs().text_enable_template(
            given.chunk_size,
            region_code=given.region_code,
            service_plan_id=given.service_plan_id,
            campaign_id=given.campaign_id,
            loa=await self._references.letter(given.letter),
            nnid=given.nnid,
            display_name=given.display_name,
            callback_url=given.callback_url,
        )

    async def _job(
        self,
        given: Order,
        change: Callable[[OrderTemplate], OrderTemplate] = lambda template: template,
    ) -> Job:
        options = JobOptions(
            job=given.job, settle=given.settle, grace=given.grace, on_unknown="hold"
        )
        template = change(await self._template(given))
        return Job(template, options, self._orders, self._session.sleep)

    async def _known(self, given: Order) -> KnownOrders:
        place = (await self._template(given)).place
        return KnownOrders(self._orders, place, given.job, self._session.sleep)

    def _run(self, job: Job, *, knows_tags: bool) -> Run:
        run = Run(job.template, job.options, self._orders, self._session, concurrency=1)
        run.join(job, knows_tags=knows_tags)
        return run

    async def _chunk(self, given: ChunkInput) -> Chunk:
        order, size = given.order, given.order.chunk_size
        total = await self._references.count(order.numbers)
        numbers = await self._references.numbers(order.numbers, given.chunk * size, size)
        if not numbers:
            rule = "has fewer numbers than when the job began"
            raise InvalidRequest(field="numbers", value=order.numbers, rule=rule)
        is_last = (given.chunk + 1) * size >= total
        return Chunk(index=given.chunk, numbers=tuple(numbers), is_last=is_last)


def _result(outcome: ChunkOutcome, chunk: Chunk, given: ChunkInput) -> ChunkResult:
    """Return what history may keep of an outcome."""
    start = given.chunk * given.order.chunk_size
    places = {number: start + place for place, number in enumerate(chunk.numbers)}
    left_out = tuple(
        FailedNumber(position=places[skipped.phone_number], reason=_why(skipped))
        for skipped in outcome.skipped
        if skipped.phone_number in places
    )
    count = len(outcome.numbers)
    kind, order_id, reason = _kind(outcome)
    has_order = kind in ("created", "adopted")
    return ChunkResult(
        kind=kind,
        numbers=count if has_order else 0,
        order_id=order_id,
        reason=reason,
        left_out=left_out,
    )


def _kind(outcome: ChunkOutcome) -> tuple[Kind, str, str]:
    """Return what became of a chunk, with its order's id, and why there is none."""
    found: tuple[Kind, str, str] = ("skipped", "", "")
    match outcome.result:
        case HostingOrder(hosting_order_id=order_id):
            found = ("adopted" if outcome.adopted else "created", order_id, "")
        case UnknownChunk(error=unknown):
            found = ("open", "", _named(unknown.__cause__ or unknown))
        case FailedChunk(error=RunStopped(reason=reason)):
            found = ("absent" if reason == _ONLY_LOOKS else "unsent", "", reason)
        case FailedChunk(error=OrderRejected(order=rejected)):
            found = ("rejected", rejected.hosting_order_id, "")
        case FailedChunk(error=SinchHostingError(is_transient=True) as error):
            found = ("unsent", "", _named(error))
        case FailedChunk(error=error):
            found = ("failed", "", _named(error))
    return found


def _why(skipped: SkippedNumber) -> str:
    """Return why a number was left out, in a word: the service's text may hold more."""
    return skipped.reason.partition(",")[0].partition(":")[0] if skipped.reason else "left out"


def _standing(orders: Iterable[HostingOrder]) -> Standing:
    states: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for order in orders:
        states[str(order.state)] += 1
        if order.waiting_on is not None:
            waiting[order.waiting_on.who] += 1
    return Standing(states=dict(sorted(states.items())), waiting=dict(sorted(waiting.items())))
