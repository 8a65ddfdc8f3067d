"""One bulk run: every chunk becomes an order, an adopted order, or a reason why there is none.

A letter cannot be taken back. So a missing answer, or one that is not the service's own, never
counts as a refusal. What a run does after a create:

| answer | what the run does |
|---|---|
| an order | it is recorded; the first one of a job is read, to see whether it kept its tag |
| 429 | the session waits and sends it again, with the patience of a run |
| a refusal that is not about its numbers | the chunk has failed |
| a refusal of numbers that were taken before | the rest of the chunk goes in one order |
| a refusal of numbers that its own duplicate may hold | the order is looked for |
| anything else, or nothing (`OutcomeUnknown`) | the order is looked for |

To look for an order, the run reads the lists for its tag until `grace` is over. If it is found, its
numbers are compared and it is adopted. If it is absent, there was no duplicate, and a lost create
is sent again where `on_unknown` allows it. If the lists cannot be read, the chunk is unknown.
`decisions` holds what a run does before a create, `ledger` what remains after a crash.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Unpack

from attrs import evolve

from .._reports import few_of
from .._session.orders_api import OrdersApi
from .._session.retry import exponential
from .._session.throttle import AdaptiveLimit
from ..errors import (
    ApiError,
    JobChanged,
    LedgerError,
    LedgerLocked,
    NotConfirmed,
    NotFound,
    OrderRejected,
    OutcomeUnknown,
    RunStopped,
    SinchHostingError,
)
from ..models import Order
from ..states import OrderState
from .attempts import ChunkAttempt, LedgerRecorder, SessionLike, TagGuard
from .chunks import Chunk, Numbers, SkippedNumber, chunks_of, held_last
from .decisions import Adopt, Hold, ReadKnown, Send, is_in_doubt
from .job import Job
from .known_orders import Tagged
from .ledger_records import ADOPTED, FAILED, UNKNOWN, Entry, Result
from .letters import Confirm, EachLetter
from .order_numbers import NumbersDiffer
from .order_template import JobOptions, OrderTemplate
from .refusals import (
    MAY_BE_OWN_ORDER,
    FirstRefusals,
    Obstacle,
    complains_of_numbers,
    may_be_own_order,
    obstacles,
)
from .results import LEFT_OUT, ChunkOutcome
from .stopping import Stopping
from .tags import tag_of

_log = logging.getLogger("sinch_hosting")
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 5.0  # seconds between looks at a chunk that another run holds
_PATIENCE = 50
"""How many 429s of one create are waited for: a run has the time that a single call lacks."""
_ASK_TO_RESEND = "the service does not know it any more; on_unknown='resend' creates another"


class Run:
    """A bulk run over chunks of numbers, with or without a job."""

    def __init__(
        self,
        template: OrderTemplate,
        options: JobOptions | None,
        orders: OrdersApi,
        session: SessionLike,
        *,
        concurrency: int,
        confirm: Confirm | None = None,
    ) -> None:
        """`confirm` is asked before each order that mails a letter, one order at a time."""
        self._template = template
        self._options = options
        self._orders = orders
        self._sleep = session.sleep
        self._concurrency = concurrency
        self._limit = AdaptiveLimit(concurrency, lambda: session.refusals)
        self._job: Job | None = None
        self._stopping = Stopping()
        self._tags = TagGuard(orders, is_known=options is None)
        self._refusals = FirstRefusals()
        self._letters = EachLetter(confirm, template.signer)
        self._cancel_notes: list[str] = []

    async def outcomes(self, numbers: Numbers) -> AsyncGenerator[ChunkOutcome, None]:
        """Give the outcome of each chunk as it comes."""
        chunks = chunks_of(numbers, self._template.size, look_ahead=self._options is not None)
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(aclosing(chunks))
                if self._options is not None:
                    job = Job(self._template, self._options, self._orders, self._sleep)
                    stack.push_async_callback(job.close)
                    await job.open()
                    self.join(job)
                    chunks = await stack.enter_async_context(aclosing(job.verified(chunks)))
                first, rest = self.try_to_handle, self.handle
                results = held_last(chunks, first, rest, concurrency=self._concurrency)
                await stack.enter_async_context(aclosing(results))
                async for outcome in results:
                    yield outcome
        except BaseException as error:
            for note in self._cancel_notes:
                error.add_note(note)
            raise

    @property
    def is_stopped(self) -> bool:
        """Whether no further create is sent."""
        return self._stopping.reason is not None

    def stop(self, reason: str) -> None:
        """Send no further create: chunks that were not sent yet fail with `RunStopped`."""
        self._stopping.stop(RunStopped(reason))

    def join(self, job: Job, *, knows_tags: bool = False) -> None:
        """Use a job, whose orders may be known to keep their tags; call it before `handle`."""
        self._job = job
        self._tags.is_known = knows_tags or job.tags_come_back

    async def handle(self, chunk: Chunk) -> ChunkOutcome:
        """Return the outcome of one chunk; wait for it as long as another run holds it."""
        pauses = exponential(initial=_FIRST_LOOK, factor=2, maximum=_LONGEST_LOOK)
        while isinstance(outcome := await self.try_to_handle(chunk), Chunk):
            try:
                self._stopping.check()
            except RunStopped as stopped:
                return ChunkAttempt(chunk, chunk.numbers).failed(stopped)
            await self._sleep(next(pauses))
        return outcome

    async def try_to_handle(self, chunk: Chunk) -> ChunkOutcome | Chunk:
        """Return the outcome of one chunk; the chunk itself where another run may hold it."""
        try:
            if self._job is None:
                return await self._handle(ChunkAttempt(chunk, chunk.numbers))
            async with self._job.claim(chunk) as claim:
                if claim is None:
                    return chunk
                if claim.is_stale:
                    await self._job.take_over(chunk)
                return await self._handle(ChunkAttempt(chunk, chunk.numbers, claim=claim))
        except JobChanged as changed:
            return ChunkAttempt(chunk, chunk.numbers).failed(changed)
        except LedgerLocked as lost:
            _log.warning("chunk %d: %s", chunk.index, lost)
            return chunk
        except LedgerError as error:
            self._stop(f"the ledger failed: {error}", error)
            return ChunkAttempt(chunk, chunk.numbers).failed(error)
        except asyncio.CancelledError as cancelled:  # the caller gets another error object
            self._cancel_notes += getattr(cancelled, "__notes__", ())
            raise

    async def _handle(self, attempt: ChunkAttempt) -> ChunkOutcome:
        chunk = attempt.chunk
        if not chunk.numbers:
            return attempt.outcome(None)
        if self._job is None:
            return await self._send(attempt)
        decision = self._job.decision(chunk)
        if isinstance(decision, ReadKnown):
            return await self._read_known(attempt, decision.entry)
        if isinstance(decision, Adopt):
            return await self._adopt(attempt, decision)
        if isinstance(decision, Hold):
            return self._hold(attempt, decision.entry)
        if decision.rejected is not None:
            await self._note_rejected(attempt, decision.rejected)
        tag = self._job.tag(chunk, decision.attempt)
        return await self._send(evolve(attempt, tag=tag), decision)

    async def _read_known(self, attempt: ChunkAttempt, entry: Entry) -> ChunkOutcome:
        """Return the order that the ledger has; create a REJECTED one again where asked for."""
        job = self._its_job
        again = job.tag(attempt.chunk, entry.attempt + 1)
        try:
            order = await job.known_order(entry)
        except NotFound as gone:
            if job.options.on_unknown == "resend":
                return await self._send(evolve(attempt, tag=again), Send(entry.attempt + 1))
            gone.add_note(f"an earlier run created order {entry.order_id}: {_ASK_TO_RESEND}")
            return attempt.as_recorded(entry).unknown(gone, self._template)
        except SinchHostingError as error:
            note = f"order {entry.order_id} was created by an earlier run; reading it failed"
            error.add_note(note)
            return attempt.as_recorded(entry).unknown(error, self._template)
        if order.state == OrderState.REJECTED and job.options.retry_rejected:
            if is_in_doubt(entry, 1, job.options, self._template):
                return self._hold(attempt, entry)
            return await self._send(evolve(attempt, tag=again), Send(entry.attempt + 1))
        return self._existing(attempt.as_recorded(entry), order, ())

    async def _adopt(self, attempt: ChunkAttempt, adopt: Adopt) -> ChunkOutcome:
        """Use an order that has the tag, after comparing its numbers."""
        tagged = adopt.tagged
        attempt = evolve(attempt, tag=tagged.tag)
        job = self._its_job
        entry = job.entry(attempt.chunk.index)
        if entry is not None and job.knows(attempt.chunk, tagged):
            return self._existing(attempt.as_recorded(entry), tagged.order, adopt.duplicates)
        is_noted = entry is not None and entry.tag == str(tagged.tag) and entry.count > 0
        sent = entry.count if entry is not None and is_noted else None
        try:
            attempt = await self._compared(attempt, tagged, sent)
        except NumbersDiffer as differ:
            changed = JobChanged(
                field="job",
                value=tagged.tag.job,
                rule=f"order {tagged.order.hosting_order_id} carries the tag {tagged.tag} and "
                f"holds numbers that its chunk does not: {differ}. Nothing was sent for it",
            )
            return attempt.failed(changed)
        except SinchHostingError as error:
            error.add_note(f"comparing the numbers of order {tagged.order.hosting_order_id}")
            return attempt.unknown(error, self._template)
        await self._note_adopted(attempt, tagged.order)
        return self._existing(attempt, tagged.order, adopt.duplicates)

    async def _compared(
        self, attempt: ChunkAttempt, tagged: Tagged, sent: int | None
    ) -> ChunkAttempt:
        """Return the attempt without what the order lacks; raises `NumbersDiffer`."""
        missing = await self._its_job.missing_numbers(attempt.chunk, tagged.order, sent)
        known = {skipped.phone_number: skipped for skipped in attempt.left_out}
        gone = [known.get(n) or SkippedNumber(phone_number=n, reason=LEFT_OUT) for n in missing]
        return evolve(attempt, numbers=attempt.chunk.numbers, left_out=()).without(gone)

    def _existing(
        self, attempt: ChunkAttempt, order: Order, duplicates: tuple[str, ...]
    ) -> ChunkOutcome:
        """Return the outcome for an order that existed; a REJECTED one is a failure."""
        if duplicates:
            _log.error("tag %s is on further orders, too: %s", attempt.tag, few_of(duplicates))
        # An order that was found by its id in the ledger does not prove that tags are kept.
        self._tags.is_known = self._tags.is_known or tag_of(order) is not None
        if order.state != OrderState.REJECTED:
            return attempt.outcome(order, adopted=True, duplicates=duplicates)
        rejected = OrderRejected(order)
        rejected.add_note("retry_rejected=True opens it anew, with another letter if one is given")
        failed = attempt.failed(rejected)
        return evolve(failed, adopted=True, duplicates=duplicates)

    def _hold(self, attempt: ChunkAttempt, entry: Entry) -> ChunkOutcome:
        cause = SinchHostingError(
            "an earlier run sent it and saw no answer, and the order is not listed"
        )
        return attempt.as_recorded(entry).unknown(cause, self._template)

    async def _send(self, attempt: ChunkAttempt, send: Send | None = None) -> ChunkOutcome:
        """Create the order of an attempt, with as many tries as needed."""
        try:
            self._stopping.check()
            await self._letters.ask(len(attempt.numbers))
        except (NotConfirmed, RunStopped) as refused:
            return attempt.failed(refused)
        lost = int(send is not None and send.again)
        while True:
            try:
                return await self._create(attempt)
            except SinchHostingError as ours:
                error = ours
            except Exception as foreign:  # of a trace hook, for instance: it may have been sent
                error = OutcomeUnknown(self._template.operation, foreign)
            lost += isinstance(error, OutcomeUnknown)
            then = await self._after(attempt, error, lost)
            if isinstance(then, ChunkOutcome):
                return then
            attempt = then

    async def _create(self, attempt: ChunkAttempt) -> ChunkOutcome:
        async with self._tags.turn() as is_alone, self._limit:
            if is_alone and self._job is not None:
                await self._job.check_untagged(attempt.chunk)
            request = self._template.request_for(attempt.numbers, attempt.tag)
            async with self._stopping.wait() as wait:
                recorder = LedgerRecorder(self._job, attempt, self._answered, self._stopping, wait)
                order = await self._template.create(request, recorder, _PATIENCE)
            if self._job is not None:
                self._job.known.saw(order)
            await recorder.on_created(order.hosting_order_id)
            if attempt.tag is not None:
                reason = await self._tags.check(attempt.tag, order.hosting_order_id)
                if reason:
                    self._stop(reason)
        self._refusals.succeeded()
        return attempt.outcome(order)

    async def _after(
        self, attempt: ChunkAttempt, error: SinchHostingError, lost: int
    ) -> ChunkOutcome | ChunkAttempt:
        """Return the outcome of a create that failed, or the attempt to send next.

        `lost` is how often the outcome of a send was not known.
        """
        match error:
            case OutcomeUnknown():
                return await self._look_for_lost(attempt, error, lost)
            case RunStopped():
                return attempt.failed(error)
            case LedgerLocked():
                raise error  # nothing was sent: who holds the chunk now settles it
            case LedgerError():
                self._stop(f"the ledger failed: {error}", error)
                return attempt.failed(error)
            case ApiError() if complains_of_numbers(error, attempt.numbers):
                return await self._after_number_refusal(attempt, error, was_lost=lost > 0)
        return self._refused(attempt, error)

    async def _after_number_refusal(
        self, attempt: ChunkAttempt, refused: ApiError, *, was_lost: bool
    ) -> ChunkOutcome | ChunkAttempt:
        """Return the outcome after a refusal that is about numbers, or the attempt to send next.

        First it makes sure that the order itself did not cause the refusal: a proxy may have
        sent it twice.
        """
        found = await obstacles(refused, attempt.numbers, self._template.why_not)
        latest = None if self._job is None else self._job.known.latest
        is_open = may_be_own_order(refused, found, latest)
        if is_open and (outcome := await self._look_for_own(attempt, refused)) is not None:
            return outcome
        await self._answered(attempt, FAILED, error=refused)
        return self._rest_of(attempt, refused, found, was_lost=was_lost)

    async def _look_for_own(self, attempt: ChunkAttempt, refused: ApiError) -> ChunkOutcome | None:
        """Return the outcome where the order exists, or may exist; `None` where it does not."""
        if attempt.tag is None:
            refused.add_note(MAY_BE_OWN_ORDER)
            return None
        search = await self._its_job.search(attempt.tag)
        if search.found is not None:
            return await self._adopt_found(attempt, search.found, refused)
        if search.is_absent:
            return None
        refused.add_note("whether its own order is why it was refused could not be found out")
        await self._answered(attempt, UNKNOWN, error=refused)
        return attempt.unknown(refused, self._template)

    def _rest_of(
        self, attempt: ChunkAttempt, refused: ApiError, found: list[Obstacle], *, was_lost: bool
    ) -> ChunkOutcome | ChunkAttempt:
        """Return the attempt without the refused numbers, or the outcome where none are left."""
        rest = attempt.without(obstacle.skipped for obstacle in found)
        if self._template.all_or_nothing or rest.numbers == attempt.numbers:
            return self._refused(attempt, refused)
        if rest.numbers:
            return rest
        # They may be in an order already: perhaps in the one whose answer was lost.
        return attempt.unknown(refused, self._template) if was_lost else rest.outcome(None)

    async def _look_for_lost(
        self, attempt: ChunkAttempt, lost: OutcomeUnknown, sends: int
    ) -> ChunkOutcome | ChunkAttempt:
        """Look for an order whose answer was lost; return its outcome or the next attempt."""
        if self._job is None or attempt.tag is None:
            return attempt.unknown(lost, self._template)
        search = await self._its_job.search(attempt.tag)
        if search.found is not None:
            return await self._adopt_found(attempt, search.found, lost)
        may_resend = self._job.options.may_resend(self._template, sends)
        if search.is_absent and sends < 2 and may_resend:
            return attempt
        await self._answered(attempt, UNKNOWN, error=lost)
        return attempt.unknown(lost, self._template)

    async def _adopt_found(
        self, attempt: ChunkAttempt, tagged: Tagged, error: SinchHostingError
    ) -> ChunkOutcome:
        """Use the order that an attempt created, after comparing its numbers."""
        try:
            adopted = await self._compared(attempt, tagged, len(attempt.numbers))
        except (NumbersDiffer, SinchHostingError) as differ:
            error.add_note(f"order {tagged.order.hosting_order_id} has its tag: {differ}")
            await self._answered(attempt, UNKNOWN, error=error)
            return attempt.unknown(error, self._template)
        request, order = self._template.request_for(adopted.numbers), tagged.order
        self._orders.tell_of_letter(self._template.operation, request, order.hosting_order_id)
        await self._note_adopted(adopted, order)
        return self._existing(adopted, order, self._its_job.known.duplicates_of(tagged))

    def _refused(self, attempt: ChunkAttempt, error: Exception) -> ChunkOutcome:
        """Return a failure; the same refusal of all first chunks stops the run."""
        if self._refusals.stops_run(error):
            self._stop(f"the first chunks were all refused: {error}", error)
        return attempt.failed(error)

    @property
    def _its_job(self) -> Job:
        assert self._job is not None  # noqa: S101 - only reached with a job
        return self._job

    def _stop(self, reason: str, cause: BaseException | None = None) -> None:
        if self._stopping.reason is None:
            _log.error("the run stops: %s", reason)
            self._stopping.stop(RunStopped(reason, cause))

    async def _note_adopted(self, attempt: ChunkAttempt, order: Order) -> None:
        left_out = [(skipped.phone_number, skipped.reason) for skipped in attempt.left_out]
        await self._answered(attempt, ADOPTED, order_id=order.hosting_order_id, left_out=left_out)

    async def _note_rejected(self, attempt: ChunkAttempt, tagged: Tagged) -> None:
        """Record the REJECTED order of the attempt before."""
        if not self._its_job.knows(attempt.chunk, tagged):
            await self._note_adopted(evolve(attempt, tag=tagged.tag), tagged.order)

    async def _answered(
        self, attempt: ChunkAttempt, outcome: str, **result: Unpack[Result]
    ) -> None:
        """Record a result in the ledger; if that fails, the run stops and no order is lost."""
        if self._job is None or attempt.tag is None:
            return
        try:
            await self._job.answered(attempt.chunk, attempt.tag, outcome, **result)
        except SinchHostingError as failed:
            self._stop(f"the ledger failed: {failed}", failed)
