"""One bulk run: every chunk becomes an order, an adopted order, or a reason why there is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Protocol

from attrs import define, evolve

from .._aio import Clock, Sleep, map_concurrently
from .._session.orders_api import OrdersApi
from .._session.throttle import AdaptiveLimit
from ..errors import (
    ApiError,
    AuthenticationFailed,
    JobChanged,
    LedgerError,
    NotFound,
    OrderRejected,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RunStopped,
    SinchHostingError,
)
from ..models import Order
from ..states import OrderState
from .chunks import Chunk, Numbers, SkippedNumber, chunks_of
from .decisions import Adopt, Hold, ReadKnown, Send, is_in_doubt
from .job import Job
from .known_orders import NumbersDiffer, Tagged, missing_numbers, rests
from .ledger_records import ADOPTED, UNKNOWN, Entry
from .order_template import JobOptions, OrderTemplate
from .parcels import ChunkAttempt, LedgerRecorder
from .refusals import kind_of_refusal, to_leave_out
from .results import LEFT_OUT, ChunkOutcome, UnknownChunk
from .settling import find_lost_order
from .tags import Tag, parse_tag, tag_of

_log = logging.getLogger("sinch_hosting")
_SAME_REFUSALS = 3
_REFUSALS_FOR_RATE = 20
_LONGEST_PAUSE = 3600.0
_COMPARE_AGAIN = 5
_ASK_TO_RESEND = "the service does not know it any more; on_unknown='resend' creates another"


class SessionLike(Protocol):
    """What is needed of the session."""

    clock: Clock
    sleep: Sleep

    @property
    def refusals(self) -> int:
        """How many requests were answered 429 so far."""
        ...


@define
class Tries:
    """How often a parcel met what may pass."""

    lost: int = 0
    refused: int = 0


class Run:
    """A bulk run over chunks of numbers, with or without a job."""

    def __init__(
        self,
        work: OrderTemplate,
        options: JobOptions | None,
        orders: OrdersApi,
        session: SessionLike,
        *,
        concurrency: int,
    ) -> None:
        self._work = work
        self._options = options
        self._orders = orders
        self._clock, self._sleep = session.clock, session.sleep
        self._concurrency = concurrency
        self._window = AdaptiveLimit(concurrency, lambda: session.refusals)
        self._job: Job | None = None
        self._stopped: RunStopped | None = None
        self._alone = asyncio.Lock()
        self._tags_come_back = options is None
        self._succeeded = False
        self._refusals: list[tuple[int, str | None, str]] = []

    async def outcomes(self, numbers: Numbers) -> AsyncGenerator[ChunkOutcome, None]:
        """What becomes of each chunk, as it comes."""
        chunks = chunks_of(numbers, self._work.size, look_ahead=self._options is not None)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(aclosing(chunks))
            if self._options is not None:
                self._job = Job(self._work, self._options, self._orders, self._sleep)
                stack.push_async_callback(self._job.close)
                await self._job.open()
                self._tags_come_back = self._job.tags_come_back
                chunks = await stack.enter_async_context(aclosing(self._job.verified(chunks)))
            results = map_concurrently(chunks, self.handle, concurrency=self._concurrency)
            await stack.enter_async_context(aclosing(results))
            async for outcome in results:
                yield outcome

    def stop(self, reason: str) -> None:
        """Let no further create leave: chunks whose turn comes fail with `RunStopped`."""
        if self._stopped is None:
            self._stopped = RunStopped(reason)

    def join(self, job: Job) -> None:
        """Belong to a job that was opened elsewhere; for `handle`."""
        self._job = job
        self._tags_come_back = job.tags_come_back

    async def handle(self, chunk: Chunk) -> ChunkOutcome:
        """What becomes of one chunk."""
        parcel = ChunkAttempt(chunk, chunk.numbers)
        if not chunk.numbers:
            return parcel.outcome(None)
        if self._job is None:
            return await self._send(parcel)
        decision = self._job.decision(chunk)
        if isinstance(decision, ReadKnown):
            return await self._recall(parcel, decision.entry)
        if isinstance(decision, Adopt):
            return await self._adopt(parcel, decision)
        if isinstance(decision, Hold):
            return self._hold(parcel, decision.entry)
        if decision.rejected is not None:
            await self._note_rejected(parcel, decision.rejected)
        tag = self._job.tag(chunk, decision.attempt)
        return await self._send(evolve(parcel, tag=tag), decision)

    # ------------------------------------------------------------ what is there

    async def _recall(self, parcel: ChunkAttempt, entry: Entry) -> ChunkOutcome:
        """Answer the order that the ledger knows; open a REJECTED one anew where wanted."""
        job = self._its_job
        again = job.tag(parcel.chunk, entry.attempt + 1)
        try:
            order = await self._orders.get(entry.order_id or "")
        except NotFound as gone:
            if job.options.on_unknown == "resend":
                return await self._send(evolve(parcel, tag=again), Send(entry.attempt + 1))
            gone.add_note(f"an earlier run created order {entry.order_id}: {_ASK_TO_RESEND}")
            return self._unknown(_as_noted(parcel, entry), gone)
        except SinchHostingError as error:
            note = f"order {entry.order_id} was created by an earlier run; reading it failed"
            error.add_note(note)
            return self._unknown(_as_noted(parcel, entry), error)
        if order.state == OrderState.REJECTED and job.options.retry_rejected:
            if is_in_doubt(entry, 1, job.options, self._work):
                return self._hold(parcel, entry)
            return await self._send(evolve(parcel, tag=again), Send(entry.attempt + 1))
        return self._there(_as_noted(parcel, entry), order, ())

    async def _adopt(self, parcel: ChunkAttempt, adopt: Adopt) -> ChunkOutcome:
        """Take an order that carries the tag, its numbers compared first."""
        tagged = adopt.tagged
        parcel = evolve(parcel, tag=tagged.tag)
        job = self._its_job
        entry = job.entry(parcel.chunk.index)
        if entry is not None and job.knows(parcel.chunk, tagged):
            return self._there(_as_noted(parcel, entry), tagged.order, adopt.duplicates)
        try:
            parcel = await self._compared(parcel, tagged)
        except NumbersDiffer as differ:
            changed = JobChanged(
                field="job",
                value=tagged.tag.job,
                rule=f"order {tagged.order.hosting_order_id} carries the tag {tagged.tag} and "
                f"holds numbers that its chunk does not: {differ}. Nothing was sent for it",
            )
            return parcel.failed(changed)
        except SinchHostingError as error:
            error.add_note(f"comparing the numbers of order {tagged.order.hosting_order_id}")
            return self._unknown(parcel, error)
        await self._note_adopted(parcel, tagged.order)
        return self._there(parcel, tagged.order, adopt.duplicates)

    async def _compared(self, parcel: ChunkAttempt, tagged: Tagged) -> ChunkAttempt:
        """The parcel less what the order does not hold; raises `NumbersDiffer`."""
        initial = min(1.0, self._its_job.options.grace / 8)
        rest = rests(self._sleep, times=_COMPARE_AGAIN, initial=initial, maximum=30)
        missing = await missing_numbers(
            self._orders, tagged.order.hosting_order_id, parcel.chunk, rest
        )
        known = {skipped.phone_number: skipped for skipped in parcel.left_out}
        gone = [known.get(n) or SkippedNumber(phone_number=n, reason=LEFT_OUT) for n in missing]
        return evolve(parcel, numbers=parcel.chunk.numbers, left_out=()).without(gone)

    def _there(
        self, parcel: ChunkAttempt, order: Order, duplicates: tuple[str, ...]
    ) -> ChunkOutcome:
        """The outcome for an order that was there already; a REJECTED one is a failure."""
        if duplicates:
            _log.error("tag %s is on further orders, too: %s", parcel.tag, duplicates)
        # An order that the ledger knows by its id proves nothing of tags.
        self._tags_come_back = self._tags_come_back or tag_of(order) is not None
        if order.state != OrderState.REJECTED:
            return parcel.outcome(order, adopted=True, duplicates=duplicates)
        rejected = OrderRejected(order)
        rejected.add_note("retry_rejected=True opens it anew, with another letter if one is given")
        failed = parcel.failed(rejected)
        return evolve(failed, adopted=True, duplicates=duplicates)

    def _hold(self, parcel: ChunkAttempt, entry: Entry) -> ChunkOutcome:
        cause = SinchHostingError(
            "an earlier run sent it and saw no answer, and the order is not listed"
        )
        return self._unknown(_as_noted(parcel, entry), cause)

    # ---------------------------------------------------------------- creating

    async def _send(self, parcel: ChunkAttempt, send: Send | None = None) -> ChunkOutcome:
        """Create the order of a parcel, whatever it takes."""
        tries = Tries(lost=int(send.again) if send else 0)
        while True:
            try:
                return await self._create(parcel)
            except Exception as error:
                then = await self._after(parcel, error, tries)
            if isinstance(then, ChunkOutcome):
                return then
            parcel = then

    async def _after(
        self, parcel: ChunkAttempt, error: Exception, tries: Tries
    ) -> ChunkOutcome | ChunkAttempt:
        """What follows from a create that failed: an outcome, or what is to be sent next."""
        match error:
            case OutcomeUnknown():
                tries.lost += 1
                return await self._settled(parcel, error, tries.lost)
            case RateLimited():
                tries.refused += 1
                return await self._slowed(parcel, error, tries.refused)
            case RunStopped() | LedgerError():
                if isinstance(error, LedgerError):
                    self._stop(f"the ledger failed: {error}", error)
                return parcel.failed(error)
            case ApiError():
                return await self._corrected(parcel, error, was_lost=tries.lost > 0)
            case SinchHostingError():
                return self._refused(parcel, error)
        # Raised by somebody else's code, such as a trace hook: the request may have left.
        tries.lost += 1
        return await self._settled(parcel, OutcomeUnknown(self._work.operation, error), tries.lost)

    async def _slowed(
        self, parcel: ChunkAttempt, limited: RateLimited, refusals: int
    ) -> ChunkOutcome | ChunkAttempt:
        """Wait and send again: the window is narrower by then."""
        pause = limited.retry_after or 2.0 ** min(refusals, 6)
        if refusals >= _REFUSALS_FOR_RATE or pause > _LONGEST_PAUSE:
            return self._refused(parcel, limited)
        await self._sleep(pause)
        return parcel

    async def _corrected(
        self, parcel: ChunkAttempt, refused: ApiError, *, was_lost: bool
    ) -> ChunkOutcome | ChunkAttempt:
        """Send the rest of a chunk of which some numbers were refused."""
        left_out = await self._to_leave_out(parcel, refused)
        if not left_out:
            return self._refused(parcel, refused)
        rest = parcel.without(left_out)
        if rest.numbers == parcel.numbers:
            return self._refused(parcel, refused)
        if rest.numbers:
            return rest
        # Refused because they are in an order: perhaps in the one whose answer was lost.
        return self._unknown(parcel, refused) if was_lost else rest.outcome(None)

    async def _to_leave_out(self, parcel: ChunkAttempt, refused: ApiError) -> list[SkippedNumber]:
        if self._work.all_or_nothing:
            return []
        return await to_leave_out(refused, parcel.numbers, self._work.why_not)

    async def _create(self, parcel: ChunkAttempt) -> ChunkOutcome:
        async with self._alone_until_a_tag_comes_back(), self._window:
            if self._stopped is not None:
                raise RunStopped(self._stopped.reason, self._stopped.__cause__)
            display_name = self._work.display_name
            name = display_name if parcel.tag is None else parcel.tag.name(display_name)
            request = self._work.request(numbers=parcel.numbers, display_name=name)
            flight = self._flight(parcel)
            order = await self._work.create(request, flight)
            if flight is not None:
                await flight.on_created(order.hosting_order_id)
            if parcel.tag is not None and not self._tags_come_back:
                await self._look_for_tag(parcel.tag, order)
        self._succeeded = True
        return parcel.outcome(order)

    @asynccontextmanager
    async def _alone_until_a_tag_comes_back(self) -> AsyncIterator[None]:
        """One create at a time as long as it is not known whether tags survive."""
        if not self._tags_come_back:
            async with self._alone:
                if not self._tags_come_back:
                    yield
                    return
        yield

    async def _look_for_tag(self, tag: Tag, order: Order) -> None:
        """Stop the run where an order does not give its tag back."""
        if tag_of(order) != tag:
            try:
                order = await self._orders.get(order.hosting_order_id)
            except SinchHostingError as error:
                _log.warning("whether tags come back is still open: %s", error)
                return
        if tag_of(order) == tag:
            self._tags_come_back = True
            return
        self._stop(
            f"order {order.hosting_order_id} was sent with the display name {str(tag)!r} and "
            f"has {order.display_name!r}: without its tags a job cannot be resumed"
        )

    async def _settled(
        self, parcel: ChunkAttempt, lost: OutcomeUnknown, sends: int
    ) -> ChunkOutcome | ChunkAttempt:
        """What became of a create whose answer was lost, or the parcel to send again."""
        if self._job is None or parcel.tag is None:
            return self._unknown(parcel, lost)
        job, tag = self._job, parcel.tag

        def find() -> Tagged | None:
            found = job.journal.of_chunk(tag.chunk)
            return next((tagged for tagged in found if tagged.tag == tag), None)

        search = await find_lost_order(
            job.journal, find, grace=job.options.grace, clock=self._clock, sleep=self._sleep
        )
        if search.found is not None:
            try:
                parcel = await self._compared(parcel, search.found)
            except (NumbersDiffer, SinchHostingError) as differ:
                lost.add_note(f"order {search.found.order.hosting_order_id} has its tag: {differ}")
            else:
                await self._note_adopted(parcel, search.found.order)
                return self._there(parcel, search.found.order, ())
        elif search.is_absent and sends < 2 and job.options.may_resend(self._work, sends):
            return parcel
        await self._answered(parcel, UNKNOWN, error=lost)
        return self._unknown(parcel, lost)

    def _unknown(self, parcel: ChunkAttempt, error: SinchHostingError) -> ChunkOutcome:
        tag = None if parcel.tag is None else str(parcel.tag)
        cause = error.__cause__ if isinstance(error, OutcomeUnknown) else error
        unknown = OutcomeUnknown(self._work.operation, cause or error, tag=tag)
        for note in getattr(error, "__notes__", ()):
            unknown.add_note(note)
        return parcel.outcome(
            UnknownChunk(numbers=parcel.numbers, error=unknown, tag=tag, place=self._work.place)
        )

    def _refused(self, parcel: ChunkAttempt, error: Exception) -> ChunkOutcome:
        """There is no order; the same refusal for the first chunks stops the run."""
        kind = kind_of_refusal(error)
        if kind is not None and not self._succeeded:
            self._refusals.append(kind)
            last = self._refusals[-_SAME_REFUSALS:]
            is_account = isinstance(error, (AuthenticationFailed, PermissionDenied))
            if is_account or (len(last) == _SAME_REFUSALS and len(set(last)) == 1):
                self._stop(f"the first chunks were all refused: {error}", error)
        return parcel.failed(error)

    # ----------------------------------------------------------------- helpers

    @property
    def _its_job(self) -> Job:
        assert self._job is not None  # noqa: S101 - only reached with a job
        return self._job

    def _stop(self, reason: str, cause: BaseException | None = None) -> None:
        if self._stopped is None:
            _log.error("the run stops: %s", reason)
            self._stopped = RunStopped(reason, cause)

    async def _note_adopted(self, parcel: ChunkAttempt, order: Order) -> None:
        left_out = [(skipped.phone_number, skipped.reason) for skipped in parcel.left_out]
        await self._answered(parcel, ADOPTED, order_id=order.hosting_order_id, left_out=left_out)

    async def _note_rejected(self, parcel: ChunkAttempt, tagged: Tagged) -> None:
        """Note what became of the attempt before: it is in doubt no more."""
        if not self._its_job.knows(parcel.chunk, tagged):
            await self._note_adopted(evolve(parcel, tag=tagged.tag), tagged.order)

    def _flight(self, parcel: ChunkAttempt) -> LedgerRecorder | None:
        if self._job is None or parcel.tag is None:
            return None
        return LedgerRecorder(self._job, parcel.tag, parcel, self._answered)

    async def _answered(self, parcel: ChunkAttempt, outcome: str, **more: Any) -> None:
        """Note an answer in the ledger; a ledger that fails stops the run, and loses no order."""
        if self._job is None or parcel.tag is None:
            return
        try:
            await self._job.answered(parcel.chunk, parcel.tag, outcome, **more)
        except SinchHostingError as error:
            self._stop(f"the ledger failed: {error}", error)


def _as_noted(parcel: ChunkAttempt, entry: Entry) -> ChunkAttempt:
    """The parcel as the ledger knows it: under the tag it was sent with, less what was left out."""
    left_out = [SkippedNumber(phone_number=n, reason=reason) for n, reason in entry.left_out]
    return evolve(parcel, tag=parse_tag(entry.tag)).without(left_out)
