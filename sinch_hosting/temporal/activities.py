"""What workers do for the orders of a job: requests to the service, and reading files.

| activity | what it does | attempts |
|---|---|---|
| `prepare` | reads numbers and letter, and the orders that exist | until it can |
| `create` | sends one create, within its lease | one |
| `settle` | looks for the order of a chunk whose answer is open; sends nothing | until it knows |
| `watch` | reads the lists until an order changes | until one does |
| `examine`, `examine_by_id` | finds the numbers that failed in orders that ended | until it can |

What they return, and the errors that they raise, name no number and no person: both are kept in a
history that more people can read than should.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from attrs import evolve
from temporalio import activity

from .._bulk.chunks import Chunk, SkippedNumber
from .._bulk.job import Job
from .._bulk.known_orders import KnownOrders
from .._bulk.order_template import JobOptions, OrderTemplate
from .._bulk.results import ChunkOutcome, FailedChunk, UnknownChunk
from .._bulk.run import Run
from .._onboarding.history import whole_list
from .._onboarding.numbers import why_not_done
from .._onboarding.ordering import NOT_VERIFIED, why_not_ready
from .._onboarding.qualification import may_be_for_eligibility
from .._onboarding.report import is_toll_free
from .._session.orders_api import OrdersApi
from ..client import SinchHosting
from ..errors import InvalidRequest, OrderRejected, RunStopped, SinchHostingError
from ..models import DirectLoa, ResellerLoa
from ..models import Order as HostingOrder
from ..states import OrderState, QualificationState
from .files import References
from .lease import Lease, fenced, pause
from .messages import (
    MOST_POSITIONS,
    ChunkInput,
    ChunkResult,
    Examined,
    ExamineInput,
    FailedNumber,
    Kind,
    Order,
    Prepared,
    Standing,
    WatchInput,
)
from .onboarding import reader_of, settings_of
from .positions import mask_of, pack, positions_in, unpack
from .told import named, told

_ONLY_LOOKS = "it is only looked for"
_REJECTED = "its order was REJECTED"
_FAILED = ("osr_update_state", "campaign_provisioning_state", "platform_provisioning_state")
_PART = 10_000


class HostingActivities:
    """The activities of a worker, over one client: one token and one rate a process."""

    def __init__(self, sinch: SinchHosting, references: References) -> None:
        self._sinch = sinch
        self._references = references
        self._orders = sinch._orders_api
        self._session = sinch._session
        self._reader = reader_of(sinch)

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """The activities, for a worker."""
        return [
            self.prepare,
            self.create,
            self.settle,
            self.watch,
            self.examine,
            self.examine_by_id,
        ]

    @activity.defn(name="sinch_hosting.prepare")
    async def prepare(self, given: Order) -> Prepared:
        """Check everything, and read which chunks have orders; nothing is sent."""
        async with told(), Lease.of_activity().kept():
            numbers = await self._check_kind(given)
            job = await self._job(given)
            try:
                await job.open()
                existing = tuple(sorted(job.known.chunks()))
            finally:
                await job.close()
            if existing and given.is_qualified:
                rule = "has orders already; an onboarding needs a name of its own"
                raise InvalidRequest(field="job", value=given.job, rule=rule)
            return Prepared(
                numbers=numbers, chunks=-(-numbers // given.chunk_size), existing=existing
            )

    @activity.defn(name="sinch_hosting.create")
    async def create(self, given: ChunkInput) -> ChunkResult:
        """Send the create of a chunk, unless this attempt was given up meanwhile."""
        lease = Lease.of_activity()
        async with told(), lease.kept():
            longest = self._session.longest_request
            if longest is None or given.lease <= longest:
                rule = f"must be longer than a request may take: {longest or 'for ever'} s"
                raise InvalidRequest(field="lease", value=given.lease, rule=rule)
            await lease.renew()
            chunk, places = await self._chunk(given)
            job = await self._job(given.order, lambda t: fenced(t, lease, longest))
            run = self._run(job, knows_tags=given.knows_tags)
            # From here on nothing may fail but by a lost answer: there may be an order.
            outcome = await run.handle(chunk)
            result = await self._result(outcome, given.order, places)
            is_lost = result.kind == "created" and run.is_stopped
            return evolve(result, kind="untagged") if is_lost else result

    @activity.defn(name="sinch_hosting.settle")
    async def settle(self, given: ChunkInput) -> ChunkResult:
        """Look for the order of a chunk until it is found, or certainly absent."""
        async with told(), Lease.of_activity().kept():
            chunk, places = await self._chunk(given)
            job = await self._job(given.order)
            try:
                search = await job.search(job.tag(chunk, 1))
                is_open = search.found is None and not search.is_absent
                if is_open and job.template.place.is_certain:
                    raise SinchHostingError("the lists cannot be read")
                run = self._run(job, knows_tags=True)
                run.stop(_ONLY_LOOKS)
                await job.take_over(chunk)
                outcome = await run.handle(chunk)
                return await self._result(outcome, given.order, places)
            finally:
                await job.close()

    @activity.defn(name="sinch_hosting.watch")
    async def watch(self, given: WatchInput) -> Standing:
        """Look at the orders of the job until they stand otherwise than they did."""
        async with told(), Lease.of_activity().kept():
            known = await self._orders_of(given.order, given.order_ids)
            while True:
                standing = _standing(await known.read())
                is_news = standing != given.seen and standing.orders >= given.expected
                if is_news or given.is_quick:
                    return standing
                await pause(given.every)

    @activity.defn(name="sinch_hosting.examine")
    async def examine(self, given: Order) -> Examined:
        """Find the numbers that failed in orders that are COMPLETED or REJECTED."""
        return await self._examine(given, ())

    @activity.defn(name="sinch_hosting.examine_by_id")
    async def examine_by_id(self, given: ExamineInput) -> Examined:
        """Do the same with orders that the lists may not show."""
        return await self._examine(given.order, given.order_ids)

    async def _examine(self, given: Order, order_ids: Sequence[str]) -> Examined:
        async with told(), Lease.of_activity().kept():
            known = await self._orders_of(given, order_ids)
            why: dict[str, str] = {}
            for order in await known.read():
                why |= await self._failed_in(order, given)
            places = await self._references.positions(given.numbers, why.keys())
            found = [
                FailedNumber(position=position, reason=why[number])
                for number, position in places.items()
            ]
            found.sort(key=lambda number: number.position)
            return Examined(failed=len(found), numbers=tuple(found[:MOST_POSITIONS]))

    async def _failed_in(self, order: HostingOrder, given: Order) -> dict[str, str]:
        """Return the numbers of an ended order that are not text-enabled, each with the reason."""
        is_rejected = order.state == OrderState.REJECTED
        if is_rejected or given.is_qualified:
            listed = await whole_list(self._orders, order.hosting_order_id, self._session.sleep)
            if is_rejected:
                return {one.phone_number: _REJECTED for one in listed}
            settings = settings_of(given)
            why = {one.phone_number: why_not_done(one, order, settings) for one in listed}
            return {number: reason for number, reason in why.items() if reason}
        failed: dict[str, str] = {}
        for step in _FAILED:
            pages = self._orders.numbers(order.hosting_order_id, **{step: "FAILED"})  # type: ignore[arg-type]
            async for number in pages:
                failed.setdefault(number.phone_number, f"{step.removesuffix('_state')} failed")
        return failed

    # ----------------------------------------------------------------- parts

    async def _check_kind(self, given: Order) -> int:
        """Return how many numbers there are; raises `InvalidRequest` for one of another kind."""
        numbers = await self._references.count(given.numbers)
        kind = "toll-free" if given.is_toll_free else "local"
        for start in range(0, numbers, _PART):
            part = await self._references.numbers(given.numbers, start, _PART)
            for place, number in enumerate(part):
                if is_toll_free(number) != given.is_toll_free:
                    rule = f"is not {kind}: a job takes numbers of one kind"
                    where = f"line {start + place + 1}"
                    raise InvalidRequest(field=where, value="a number", rule=rule)
        for name in ("campaign_id", "nnid"):
            if given.is_toll_free and getattr(given, name):
                rule = "does not go with toll-free numbers"
                raise InvalidRequest(field=name, value=getattr(given, name), rule=rule)
        return numbers

    async def _template(self, given: Order) -> OrderTemplate:
        letter = await self._references.letter(given.letter)
        runs = self._sinch._get_runs()
        template = (
            runs.toll_free_template(
                given.chunk_size,
                qualified=given.is_qualified,
                region_code=given.region_code,
                service_plan_id=given.service_plan_id,
                loa=cast("DirectLoa | ResellerLoa", letter),  # the request refuses others
                display_name=given.display_name,
                callback_url=given.callback_url,
            )
            if given.is_toll_free
            else runs.text_enable_template(
                given.chunk_size,
                qualified=given.is_qualified,
                region_code=given.region_code,
                service_plan_id=given.service_plan_id,
                campaign_id=given.campaign_id or None,
                loa=letter,
                nnid=given.nnid,
                display_name=given.display_name,
                callback_url=given.callback_url,
            )
        )
        if not given.is_qualified:
            return template
        return evolve(template, why_not=partial(why_not_ready, self._sinch.qualified_numbers))

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

    async def _orders_of(self, given: Order, order_ids: Sequence[str]) -> _OrdersOfJob:
        place = (await self._template(given)).place
        known = KnownOrders(self._orders, place, given.job, self._session.sleep)
        return _OrdersOfJob(self._orders, known, order_ids)

    def _run(self, job: Job, *, knows_tags: bool) -> Run:
        run = Run(job.template, job.options, self._orders, self._session, concurrency=1)
        run.join(job, knows_tags=knows_tags)
        return run

    async def _chunk(self, given: ChunkInput) -> tuple[Chunk, Mapping[str, int]]:
        """Return a chunk, and the positions of its numbers."""
        order, size, is_last = given.order, given.order.chunk_size, False
        places: Sequence[int] = list(positions_in(unpack(given.positions)))
        if not given.positions:
            total = await self._references.count(order.numbers)
            places = range(given.chunk * size, min((given.chunk + 1) * size, total))
            is_last = (given.chunk + 1) * size >= total
        numbers = tuple(await self._references.at(order.numbers, places))
        if not numbers or len(numbers) < len(places):
            rule = "has fewer numbers than when the job began"
            raise InvalidRequest(field="numbers", value=order.numbers, rule=rule)
        chunk = Chunk(index=given.chunk, numbers=numbers, is_last=is_last)
        return chunk, dict(zip(numbers, places, strict=True))

    async def _result(
        self, outcome: ChunkOutcome, order: Order, places: Mapping[str, int]
    ) -> ChunkResult:
        """Return what history may keep of an outcome."""
        result = _result(outcome, places)
        return await self._early(outcome, result, places) if order.is_qualified else result

    async def _early(
        self, outcome: ChunkOutcome, result: ChunkResult, places: Mapping[str, int]
    ) -> ChunkResult:
        """Return the result for numbers that have to be VERIFIED, as `sinch.onboard` decides it."""
        early = {one.phone_number for one in outcome.skipped if one.reason == NOT_VERIFIED}
        back: set[str] = set()
        if early:
            others_explain_it = len(early) < len(outcome.skipped)
            kept = {places[number] for number in early}
            rest = tuple(one for one in result.left_out if one.position not in kept)
            result = evolve(result, left_out=rest)
            early, back = (set(), early) if others_explain_it else (early, back)
        elif isinstance(outcome.result, FailedChunk):
            error = outcome.result.error
            refusal = error.__cause__ if isinstance(error, RunStopped) else error
            if may_be_for_eligibility(refusal):
                early = await self._eligible(outcome.numbers)
                back = set(outcome.numbers) - early if early else back
                result = evolve(result, kind="early") if early else result
        return evolve(result, early=_packed(early, places), back=_packed(back, places))

    async def _eligible(self, numbers: Sequence[str]) -> set[str]:
        """Return those of the numbers that are ELIGIBLE; none where they cannot be read."""
        try:
            found = await self._reader.qualified(numbers)
        except SinchHostingError:
            return set()
        wanted = QualificationState.ELIGIBLE
        return {name for name, one in found.items() if one.global_process_state == wanted}


def _result(outcome: ChunkOutcome, places: Mapping[str, int]) -> ChunkResult:
    left_out = tuple(
        FailedNumber(position=places[skipped.phone_number], reason=_why(skipped))
        for skipped in outcome.skipped
        if skipped.phone_number in places
    )
    count = len(outcome.numbers)
    kind, order_id, reason = _kind(outcome)
    has_order = kind in ("created", "adopted", "rejected")
    return ChunkResult(
        kind=kind,
        numbers=count if has_order else 0,
        order_id=order_id,
        reason=reason,
        left_out=left_out,
    )


def _packed(numbers: Iterable[str], places: Mapping[str, int]) -> str:
    return pack(mask_of(places[number] for number in numbers))


def _kind(outcome: ChunkOutcome) -> tuple[Kind, str, str]:
    """Return what became of a chunk, with its order's id, and why there is none."""
    found: tuple[Kind, str, str] = ("skipped", "", "")
    match outcome.result:
        case HostingOrder(hosting_order_id=order_id):
            found = ("adopted" if outcome.adopted else "created", order_id, "")
        case UnknownChunk(error=unknown):
            found = ("open", "", named(unknown.__cause__ or unknown))
        case FailedChunk(error=RunStopped(reason=reason)):
            found = ("absent" if reason == _ONLY_LOOKS else "unsent", "", reason)
        case FailedChunk(error=OrderRejected(order=rejected)):
            found = ("rejected", rejected.hosting_order_id, "")
        case FailedChunk(error=SinchHostingError(is_transient=True) as error):
            found = ("unsent", "", named(error))
        case FailedChunk(error=error):
            found = ("failed", "", named(error))
    return found


def _why(skipped: SkippedNumber) -> str:
    """Return why a number was left out, in a word: the service's text may hold more."""
    return skipped.reason.partition(",")[0].partition(":")[0] if skipped.reason else "left out"


class _OrdersOfJob:
    """Reads the orders of a job: from the lists, or each by its id where lists may not show it."""

    def __init__(self, orders: OrdersApi, known: KnownOrders, order_ids: Sequence[str]) -> None:
        self._orders = orders
        self._known = known
        self._ids = order_ids
        self._ended: dict[str, HostingOrder] = {}

    async def read(self) -> list[HostingOrder]:
        """Return all of them as they are now; of a chunk's orders, the one of the last attempt."""
        if not self._ids:
            await self._known.read()
            return [self._known.of_chunk(chunk)[0].order for chunk in self._known.chunks()]
        return [
            self._ended.get(order_id) or await self._read_one(order_id) for order_id in self._ids
        ]

    async def _read_one(self, order_id: str) -> HostingOrder:
        order = await self._orders.get(order_id)
        if order.state.is_terminal:
            self._ended[order_id] = order
        return order


def _standing(orders: Iterable[HostingOrder]) -> Standing:
    states: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for order in orders:
        states[str(order.state)] += 1
        if order.waiting_on is not None:
            waiting[order.waiting_on.who] += 1
    return Standing(states=dict(sorted(states.items())), waiting=dict(sorted(waiting.items())))
