"""A chunk on its way to the service, and the flight of its create as the ledger tells it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, evolve, frozen

from ..errors import SinchHostingError
from .chunks import Chunk, SkippedNumber
from .job import Job
from .ledger_records import CREATED, FAILED
from .results import ChunkOutcome, FailedChunk
from .tags import Tag


@frozen
class ChunkAttempt:
    """A chunk on its way: what of it is to be sent, and under which tag."""

    chunk: Chunk
    numbers: tuple[str, ...]
    tag: Tag | None = None
    left_out: tuple[SkippedNumber, ...] = ()

    def without(self, left_out: list[SkippedNumber]) -> ChunkAttempt:
        """The parcel without some of its numbers."""
        gone = {skipped.phone_number for skipped in left_out}
        numbers = tuple(number for number in self.numbers if number not in gone)
        return evolve(self, numbers=numbers, left_out=(*self.left_out, *left_out))

    def outcome(self, result: Any, **more: Any) -> ChunkOutcome:
        """What became of it."""
        return ChunkOutcome(
            index=self.chunk.index,
            numbers=self.numbers,
            result=result,
            skipped=(*self.chunk.skipped, *self.left_out),
            tag=None if self.tag is None else str(self.tag),
            **more,
        )

    def failed(self, error: Exception) -> ChunkOutcome:
        """There is no order."""
        if self.numbers:
            error.add_note(f"{len(self.numbers)} numbers, {self.numbers[0]} to {self.numbers[-1]}")
        tag = None if self.tag is None else str(self.tag)
        return self.outcome(FailedChunk(numbers=self.numbers, error=error, tag=tag))


@define
class LedgerRecorder:
    """Notes each departure of a parcel's create, and each return: a `CreateObserver`.

    What only queues (for a turn, the pace, the end of a 429's pause, a token) has not left.
    """

    _job: Job
    _tag: Tag
    _parcel: ChunkAttempt
    _note: Callable[..., Awaitable[None]]
    _is_open: bool = False

    async def on_sending(self) -> None:
        """Note that it is sent; durable before it is."""
        parcel = self._parcel
        await self._job.sending(parcel.chunk, self._tag, parcel.numbers, parcel.left_out)
        self._is_open = True

    async def on_created(self, order_id: str) -> None:
        """Note the order; told again it changes nothing."""
        if self._is_open:
            self._is_open = False
            await self._note(self._parcel, CREATED, order_id=order_id)

    async def on_refused(self, error: SinchHostingError) -> None:
        """Note that there is no order of it."""
        if self._is_open:
            self._is_open = False
            await self._note(self._parcel, FAILED, error=error)
