"""A chunk that is being sent, and what the ledger records of its create."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol, Unpack

from attrs import define, evolve, frozen

from .._aio import Clock, Sleep
from .._session.orders_api import OrdersApi
from ..errors import OutcomeUnknown, SinchHostingError, shortened
from ..models import Order
from .chunks import Chunk, SkippedNumber
from .job import Job
from .ledger import Claim
from .ledger_records import CREATED, FAILED, Entry, Result
from .order_template import OrderTemplate
from .refusals import complains_of_numbers
from .results import ChunkOutcome, FailedChunk, UnknownChunk
from .stopping import Stopping
from .tags import Tag, parse_tag, tag_of

_log = logging.getLogger("sinch_hosting")


class SessionLike(Protocol):
    """The part of the session that a run needs."""

    clock: Clock
    sleep: Sleep

    @property
    def refusals(self) -> int:
        """How many requests were answered 429 so far."""
        ...


@frozen
class ChunkAttempt:
    """A chunk that is being sent: which of its numbers, and with which tag."""

    chunk: Chunk
    numbers: tuple[str, ...]
    tag: Tag | None = None
    left_out: tuple[SkippedNumber, ...] = ()
    claim: Claim | None = None
    """The claim of the chunk, where there is a ledger."""

    def without(self, left_out: Iterable[SkippedNumber]) -> ChunkAttempt:
        """Return the attempt without some of its numbers."""
        left_out = tuple(left_out)
        gone = {skipped.phone_number for skipped in left_out}
        numbers = tuple(number for number in self.numbers if number not in gone)
        return evolve(self, numbers=numbers, left_out=(*self.left_out, *left_out))

    def as_recorded(self, entry: Entry) -> ChunkAttempt:
        """Return the attempt as the ledger has it: with its tag, and without what was left out."""
        left_out = [SkippedNumber(phone_number=n, reason=reason) for n, reason in entry.left_out]
        return evolve(self, tag=parse_tag(entry.tag)).without(left_out)

    def outcome(
        self,
        result: Order | FailedChunk | UnknownChunk | None,
        *,
        adopted: bool = False,
        duplicates: tuple[str, ...] = (),
    ) -> ChunkOutcome:
        """Return its outcome."""
        return ChunkOutcome(
            index=self.chunk.index,
            numbers=self.numbers,
            result=result,
            skipped=(*self.chunk.skipped, *self.left_out),
            tag=self._tag_text,
            adopted=adopted,
            duplicates=duplicates,
        )

    def failed(self, error: Exception) -> ChunkOutcome:
        """Return the outcome where there is no order."""
        if self.numbers:
            error.add_note(f"{len(self.numbers)} numbers, {self.numbers[0]} to {self.numbers[-1]}")
        return self.outcome(FailedChunk(numbers=self.numbers, error=error, tag=self._tag_text))

    def unknown(self, error: SinchHostingError, template: OrderTemplate) -> ChunkOutcome:
        """Return the outcome where there may be an order."""
        cause = error.__cause__ if isinstance(error, OutcomeUnknown) else error
        unknown = OutcomeUnknown(template.operation, cause or error, tag=self._tag_text)
        for note in getattr(error, "__notes__", ()):
            unknown.add_note(note)
        return self.outcome(
            UnknownChunk(
                numbers=self.numbers, error=unknown, tag=self._tag_text, place=template.place
            )
        )

    @property
    def _tag_text(self) -> str | None:
        return None if self.tag is None else str(self.tag)


class Note(Protocol):
    """Records the result of an attempt in the ledger."""

    def __call__(
        self, attempt: ChunkAttempt, outcome: str, **result: Unpack[Result]
    ) -> Awaitable[None]:
        """Record it; an error of the ledger is not raised."""
        ...


@define
class LedgerRecorder:
    """Records each time that a create is sent, and its answer: a `CreateObserver`.

    A create that still waits (for a slot, the rate, the end of a 429's pause, a token) is not
    sent yet. Without a job there is nothing to record.
    """

    _job: Job | None
    _attempt: ChunkAttempt
    _note: Note
    _stopping: Stopping
    _wait: asyncio.Timeout
    _is_open: bool = False

    async def on_sending(self) -> None:
        """Record that it is sent, durably; then let it pass only while its claim outlasts it.

        Writing the record may have taken any time: this machine may have stood still. Where the
        claim may end before the request does, `LedgerLocked` is raised, and told to `on_refused`.
        """
        self._stopping.sends(self._wait)
        attempt = self._attempt
        if self._job is not None and attempt.tag is not None:
            await self._job.sending(attempt.chunk, attempt.tag, attempt.numbers, attempt.left_out)
        self._is_open = True
        if self._job is not None and attempt.claim is not None:
            attempt.claim.check(self._job.longest_request)

    def on_writing(self) -> None:
        """Let it pass only while its claim lasts: opening the connection may take any time."""
        if self._attempt.claim is not None:
            self._attempt.claim.check(0.0)

    async def on_created(self, order_id: str) -> None:
        """Record the order; a second call changes nothing."""
        if self._is_open:
            self._is_open = False
            await self._note(self._attempt, CREATED, order_id=order_id)

    async def on_refused(self, error: SinchHostingError) -> None:
        """Record that there is no order, unless its own order may have caused the refusal."""
        if self._is_open and not complains_of_numbers(error, self._attempt.numbers):
            self._is_open = False
            await self._note(self._attempt, FAILED, error=error)
        self._stopping.waits_again(self._wait)  # now that it is recorded


class TagGuard:
    """Whether orders keep the tags that they are sent with.

    The answer to a create proves nothing: the stored name may be cut, or in small letters. So the
    first order is read, and until then only one create is sent at a time.
    """

    def __init__(self, orders: OrdersApi, *, is_known: bool) -> None:
        self._orders = orders
        self.is_known = is_known
        """Whether it is known that tags are kept."""
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Let one create in at a time, as long as it is not known whether tags are kept.

        Gives whether that is so.
        """
        if not self.is_known:
            async with self._alone:
                if not self.is_known:
                    yield True
                    return
        yield False

    async def check(self, tag: Tag, order_id: str) -> str:
        """Read a new order; return why the run has to stop, `""` where it need not."""
        if self.is_known:
            return ""
        try:
            order = await self._orders.get(order_id)
        except SinchHostingError as error:
            _log.warning("whether tags come back is still open: %s", error)
            return ""
        if tag_of(order) == tag:
            self._orders.kept_names.add(str(tag))
            self.is_known = True
            return ""
        return (
            f"order {order_id} was sent with the display name {str(tag)!r} and has "
            f"{shortened(repr(order.display_name))}: without its tags a job cannot be resumed"
        )
