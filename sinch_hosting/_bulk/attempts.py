"""A chunk on its way to the service, and what the ledger is told of its create."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from attrs import define, evolve, frozen

from ..errors import OutcomeUnknown, SinchHostingError
from ..models import Order
from .chunks import Chunk, SkippedNumber
from .job import Job
from .ledger_records import CREATED, FAILED, Entry, Pairs
from .order_template import OrderTemplate
from .refusals import complains_of_numbers
from .results import ChunkOutcome, FailedChunk, UnknownChunk
from .tags import Tag, parse_tag, tag_of

_log = logging.getLogger("sinch_hosting")
Result = Order | FailedChunk | UnknownChunk | None


@frozen
class ChunkAttempt:
    """A chunk on its way: what of it is to be sent, and under which tag."""

    chunk: Chunk
    numbers: tuple[str, ...]
    tag: Tag | None = None
    left_out: tuple[SkippedNumber, ...] = ()

    def without(self, left_out: Iterable[SkippedNumber]) -> ChunkAttempt:
        """The attempt without some of its numbers."""
        left_out = tuple(left_out)
        gone = {skipped.phone_number for skipped in left_out}
        numbers = tuple(number for number in self.numbers if number not in gone)
        return evolve(self, numbers=numbers, left_out=(*self.left_out, *left_out))

    def as_noted(self, entry: Entry) -> ChunkAttempt:
        """As the ledger knows it: under the tag it was sent with, less what was left out."""
        left_out = [SkippedNumber(phone_number=n, reason=reason) for n, reason in entry.left_out]
        return evolve(self, tag=parse_tag(entry.tag)).without(left_out)

    def outcome(
        self, result: Result, *, adopted: bool = False, duplicates: tuple[str, ...] = ()
    ) -> ChunkOutcome:
        """What became of it."""
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
        """There is no order."""
        if self.numbers:
            error.add_note(f"{len(self.numbers)} numbers, {self.numbers[0]} to {self.numbers[-1]}")
        return self.outcome(FailedChunk(numbers=self.numbers, error=error, tag=self._tag_text))

    def unknown(self, error: SinchHostingError, template: OrderTemplate) -> ChunkOutcome:
        """There may be an order."""
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
    """Notes in the ledger what became of an attempt."""

    def __call__(
        self,
        attempt: ChunkAttempt,
        outcome: str,
        *,
        order_id: str | None = None,
        error: BaseException | None = None,
        left_out: Pairs | None = None,
    ) -> Awaitable[None]:
        """Note it; a ledger that fails is not raised."""
        ...


@define
class LedgerRecorder:
    """Notes each time that a create leaves, and each return: a `CreateObserver`.

    What only queues (for a turn, the pace, the end of a 429's pause, a token) has not left.
    """

    _job: Job
    _tag: Tag
    _attempt: ChunkAttempt
    _note: Note
    _is_open: bool = False

    async def on_sending(self) -> None:
        """Note that it is sent; durable before it is."""
        attempt = self._attempt
        await self._job.sending(attempt.chunk, self._tag, attempt.numbers, attempt.left_out)
        self._is_open = True

    async def on_created(self, order_id: str) -> None:
        """Note the order; told again it changes nothing."""
        if self._is_open:
            self._is_open = False
            await self._note(self._attempt, CREATED, order_id=order_id)

    async def on_refused(self, error: SinchHostingError) -> None:
        """Note that there is no order of it, unless it may be refused because of its own."""
        if self._is_open and not complains_of_numbers(error, self._attempt.numbers):
            self._is_open = False
            await self._note(self._attempt, FAILED, error=error)


class TagGuard:
    """Whether orders keep the tags that they are sent with; until that is known, one at a time.

    What a create echoes proves nothing: what is stored may be cut, or in small letters. So the
    first order is read.
    """

    def __init__(self, read: Callable[[str], Awaitable[Order]], *, is_known: bool) -> None:
        self._read = read
        self.is_known = is_known
        """Whether tags come back."""
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One create at a time as long as it is not known whether tags survive."""
        if not self.is_known:
            async with self._alone:
                if not self.is_known:
                    yield
                    return
        yield

    async def check(self, tag: Tag, order_id: str) -> str:
        """Read a fresh order; why the run has to stop, `""` where it need not."""
        if self.is_known:
            return ""
        try:
            order = await self._read(order_id)
        except SinchHostingError as error:
            _log.warning("whether tags come back is still open: %s", error)
            return ""
        if tag_of(order) == tag:
            self.is_known = True
            return ""
        return (
            f"order {order_id} was sent with the display name {str(tag)!r} and has "
            f"{order.display_name!r}: without its tags a job cannot be resumed"
        )
