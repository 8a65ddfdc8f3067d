"""The results of a bulk call: of each chunk, and of all together."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from attrs import field, frozen

from .._reports import few_of
from .._session.orders_api import Place
from ..errors import OutcomeUnknown
from ..models import Order
from ..models._base import Record
from .chunks import SkippedNumber

_log = logging.getLogger("sinch_hosting")
LEFT_OUT = "left out of the order by an earlier run"


@frozen(kw_only=True, eq=False, repr=False)
class FailedChunk(Record):
    """Numbers for which there is no order, or a REJECTED one, and why."""

    numbers: tuple[str, ...]
    error: Exception
    tag: str | None = None
    """The text with which its order's `display_name` would start, where the run had a job."""


@frozen(kw_only=True, eq=False, repr=False)
class UnknownChunk(Record):
    """Numbers for which there may be an order: the answer was lost."""

    numbers: tuple[str, ...]
    error: OutcomeUnknown
    tag: str | None = None
    """The text with which the order's `display_name` starts, where the run had a job."""
    place: Place | None = None
    """Where `hosting_orders.reconcile` looks for it."""


@frozen(kw_only=True, eq=False, repr=False)
class ChunkOutcome(Record):
    """The outcome of one chunk of a bulk run."""

    index: int
    """Its place in the input, from 0; it is part of a job's tag."""
    numbers: tuple[str, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    """Its numbers without those in `skipped`."""
    result: Order | FailedChunk | UnknownChunk | None
    """The order, or why there is none; `None` where all its numbers were skipped."""
    skipped: tuple[SkippedNumber, ...] = ()
    """The numbers that were left out, with duplicates and what is no phone number."""
    tag: str | None = None
    adopted: bool = False
    """Whether the order was there already and nothing was sent."""
    duplicates: tuple[str, ...] = ()
    """Ids of further orders with the same tag, which should not be there."""


@frozen(kw_only=True, eq=False, repr=False)
class BulkProgress(Record):
    """The progress that `on_progress` gets after each chunk."""

    numbers: tuple[str, ...]
    """The numbers of the chunk that was just done."""
    outcome: Order | FailedChunk | UnknownChunk | None
    """Its result; `None` where all its numbers were left out."""
    skipped: tuple[SkippedNumber, ...] = ()
    """The numbers that were left out of it."""
    chunks_done: int
    chunks: int
    """How many there are in all."""


@frozen(kw_only=True, eq=False, repr=False)
class BulkResult(Record):
    """The result of a bulk call, for every number."""

    succeeded: tuple[Order, ...] = ()
    """The orders, in the order of the input."""
    failed: tuple[FailedChunk, ...] = ()
    unknown: tuple[UnknownChunk, ...] = ()
    skipped: tuple[SkippedNumber, ...] = field(default=(), repr=lambda s: f"<{len(s)} numbers>")
    chunks: tuple[ChunkOutcome, ...] = field(default=(), repr=False)
    """All of them in the order of the input, with their numbers."""

    @property
    def can_migrate(self) -> tuple[str, ...]:
        """Skipped numbers that T-Mobile refused with 60135.

        Offer them to `import_many(..., migrate_to_sinch_tmo=True)` to take them over from the
        other aggregator.
        """
        return tuple(skipped.phone_number for skipped in self.skipped if skipped.can_migrate)

    @property
    def duplicates(self) -> tuple[str, ...]:
        """Ids of orders that hold the numbers of another one; a person has to look at them."""
        return tuple(order_id for chunk in self.chunks for order_id in chunk.duplicates)

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all failed and unknown chunks; without any do nothing."""
        problems = [chunk.error for chunk in self.failed] + [c.error for c in self.unknown]
        if problems:
            chunks = len(self.succeeded) + len(problems)
            raise ExceptionGroup(f"{len(problems)} of {chunks} chunks did not succeed", problems)


OnProgress = Callable[[BulkProgress], Awaitable[None] | None]


async def collected(
    outcomes: AsyncIterator[ChunkOutcome], total: int, on_progress: OnProgress | None
) -> BulkResult:
    """Collect all outcomes in one `BulkResult`, and call `on_progress` after each.

    If it ends early, for instance by cancelling, it logs the orders that were created by then.
    """
    chunks: list[ChunkOutcome] = []
    try:
        async for outcome in outcomes:
            chunks.append(outcome)
            progress = BulkProgress(
                numbers=outcome.numbers,
                outcome=outcome.result,
                skipped=outcome.skipped,
                chunks_done=len(chunks),
                chunks=total,
            )
            await tell(on_progress, progress)
    except BaseException:
        ids = [c.result.hosting_order_id for c in chunks if isinstance(c.result, Order)]
        if ids:
            _log.warning("a bulk call was ended early; these orders were created: %s", few_of(ids))
        raise
    return result_of(chunks)


def result_of(outcomes: list[ChunkOutcome]) -> BulkResult:
    """Return the outcomes by kind, each kind in the order of the input."""
    chunks = sorted(outcomes, key=lambda outcome: outcome.index)
    results = [chunk.result for chunk in chunks]
    return BulkResult(
        succeeded=tuple(r for r in results if isinstance(r, Order)),
        failed=tuple(r for r in results if isinstance(r, FailedChunk)),
        unknown=tuple(r for r in results if isinstance(r, UnknownChunk)),
        skipped=tuple(skipped for chunk in chunks for skipped in chunk.skipped),
        chunks=tuple(chunks),
    )


async def tell(on_progress: OnProgress | None, progress: BulkProgress) -> None:
    """Call `on_progress`, and await what it returns where that is awaitable."""
    if on_progress is None:
        return
    try:
        told = on_progress(progress)
        if inspect.isawaitable(told):
            await told
    except Exception:
        # An error in a progress bar must not stop the orders.
        _log.exception("on_progress failed; the bulk call goes on")
